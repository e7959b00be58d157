/**
 * Promise: wallets of one profile live side by side as if each had a profile of its own. Whatever they receive, pay each other, and however the
 * chain, loading, unloading and restarts come in between: each has the coins that a profile with this wallet alone finds, a payment between two is
 * seen by both, and a wallet that only watches sees what the one with the keys does.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Json, NodeRig, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { PASSPHRASE, value } from '../../support/wallets.ts'

/** The wallets with keys. */
const NAMES = ['', 'savings', 'a/b'] as const
/** Watches `savings`. */
const WATCH = 'watch'

const at = fc.nat({ max: 2 })
const action = fc.oneof(
  fc.record({ type: fc.constant('mine' as const), wallet: at }),
  fc.record({
    type: fc.constant('pay' as const),
    wallet: at,
    to: fc.nat({ max: 3 }),
    amount: fc.integer({ min: 1, max: 30 }),
  }),
  fc.record({ type: fc.constant('confirm' as const), blocks: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ type: fc.constant('reorganise' as const), depth: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('unload' as const), wallet: fc.nat({ max: 3 }) }),
  fc.record({ type: fc.constant('load' as const), wallet: fc.nat({ max: 3 }) }),
  fc.record({ type: fc.constant('restart' as const) }),
)
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

class Profile {
  readonly rig = new NodeRig()
  readonly words = new Map<string, string>()
  node!: RigNode

  async open(): Promise<void> {
    this.node = await this.rig.add('several', { wallet: false })
    for (const name of NAMES) {
      await this.node.rpc('createwallet', name)
      const signer = await this.node.signers.of(name)
      this.words.set(name, value(await signer.create(PASSPHRASE)))
      await this.rig.until(() => this.node.core.wallets?.get(name) !== undefined)
    }
    await this.node.rpc('createwallet', WATCH, { disable_private_keys: true })
    const { descriptors } = await this.node.rpcOf('savings', 'listdescriptors')
    const outcomes = await this.node.rpcOf(WATCH, 'importdescriptors', descriptors)
    assert.deepEqual(
      outcomes.map(({ success }: Json) => success),
      [true, true],
    )
    await this.unlock()
    for (const name of NAMES) await this.node.generate(1, await this.node.rpcOf(name, 'getnewaddress'))
    await this.node.generate(this.rig.params.coinbaseMaturity, STRANGER)
  }

  async unlock(): Promise<void> {
    for (const name of NAMES) value(await (await this.node.signers.of(name)).unlock(PASSPHRASE))
  }

  async isLoaded(name: string): Promise<boolean> {
    return (await this.node.rpc('listwallets')).includes(name)
  }

  async load(name: string): Promise<void> {
    if (!(await this.isLoaded(name))) await this.node.rpc('loadwallet', name)
  }

  async act(action: Action): Promise<void> {
    const { node } = this
    const names = [...NAMES, WATCH]
    switch (action.type) {
      case 'mine': {
        const name = NAMES[action.wallet]!
        if (await this.isLoaded(name)) await node.generate(1, await node.rpcOf(name, 'getnewaddress'))
        return
      }
      case 'pay':
        return this.pay(NAMES[action.wallet]!, names[action.to]!, action.amount)
      case 'confirm':
        await node.generate(action.blocks, STRANGER)
        return
      case 'reorganise': {
        const height = await node.rpc('getblockcount')
        const depth = Math.min(action.depth, height - 1)
        await node.rpc('invalidateblock', await node.rpc('getblockhash', height - depth + 1))
        await node.generate(depth + 1, STRANGER)
        return
      }
      case 'unload':
        if (await this.isLoaded(names[action.wallet]!)) await node.rpc('unloadwallet', names[action.wallet])
        return
      case 'load':
        await this.load(names[action.wallet]!)
        return this.unlock()
      case 'restart':
        await node.restart()
        return this.unlock()
    }
  }

  /** Pays from one wallet to an address of another, or the same, and looks what both see. */
  private async pay(from: string, to: string, amount: number): Promise<void> {
    const { node } = this
    if (!(await this.isLoaded(from)) || !(await this.isLoaded(to))) return
    if ((await node.rpcOf(from, 'getbalance')) < amount + 1) return
    const label = `given by ${to}`
    const address = await node.rpcOf(to, 'getnewaddress', label)
    const txid = await node.rpcOf(from, 'sendtoaddress', address, amount)
    const sent = await node.rpcOf(from, 'gettransaction', txid)
    const received = await node.rpcOf(to, 'gettransaction', txid)
    assert.ok(sent.details.some((side: Json) => side.category === 'send' && side.address === address))
    assert.ok(
      received.details.some(
        (side: Json) => side.category === 'receive' && side.amount === amount && side.label === label,
      ),
    )
    const isOwn = from === to || (from === 'savings' && to === WATCH)
    assert.equal(sent.amount, isOwn ? 0 : -amount)
    if (!isOwn) assert.equal(received.amount, amount)
    // A label is the wallet's that gave it, also where two have the same keys: in the other the address is an own one without a name.
    if (from !== to) assert.ok(sent.details.every((side: Json) => side.label !== label))
  }
}

/** What of a wallet others can find in the chain, once nothing waits. */
async function found(node: RigNode, name: string | undefined): Promise<Json> {
  await node.rig.time.complete(node.core.settled())
  const coins: Json[] = await node.rpcOf(name, 'listunspent', 0, 9_999_999, [], true, {
    include_immature_coinbase: true,
  })
  const history: Json[] = await node.rpcOf(name, 'listtransactions', '*', 1000)
  const { mine } = await node.rpcOf(name, 'getbalances')
  return {
    mine,
    coins: coins
      .filter(({ confirmations }) => confirmations > 0)
      .map(({ txid, vout, amount, spendable }) => `${txid}:${vout} ${amount} ${spendable}`)
      .sort(),
    history: history
      .filter(({ confirmations }) => confirmations > 0)
      .map(({ txid, vout, category, amount }) => `${txid}:${vout} ${category} ${amount}`)
      .sort(),
  }
}

/** Alone in a profile, restored from its words on the same chain. */
async function foundAlone(profile: Profile, name: string): Promise<Json> {
  const { rig, node, words } = profile
  const alone = await rig.add(`alone with ${name}`, { wallet: false })
  value(await alone.signer.restoreWords(words.get(name)!, PASSPHRASE))
  await rig.until(() => alone.tip === node.tip && alone.core.wallets?.get('') !== undefined)
  const result = await found(alone, undefined)
  await alone.rpc('stop')
  return result
}

test('each wallet has what it would have alone', async () => {
  const life = fc.array(action, { minLength: 6, maxLength: 24, size: 'max' })
  await fc.assert(
    fc.asyncProperty(life, async (actions) => {
      const profile = new Profile()
      await profile.open()
      const { node } = profile
      for (const action of actions) await profile.act(action)
      for (const name of [...NAMES, WATCH]) await profile.load(name)
      // What never comes back to the mempool, since what it spent left the chain, is in no block either.
      await node.generate(2, STRANGER)
      const all = new Map<string, Json>()
      for (const name of [...NAMES, WATCH]) all.set(name, await found(node, name))
      assert.deepEqual(all.get(WATCH).coins.map(withoutKeys), all.get('savings').coins.map(withoutKeys))
      assert.deepEqual(all.get(WATCH).history, all.get('savings').history)
      for (const name of NAMES) {
        const alone = await foundAlone(profile, name)
        assert.deepEqual(all.get(name).coins, alone.coins, name)
        assert.deepEqual(all.get(name).history, alone.history, name)
      }
      await node.rpc('stop')
    }),
    // A payment to the wallet that watches the payer is seldom drawn.
    { numRuns: 6, examples: [[[{ type: 'pay', wallet: 1, to: 3, amount: 1 }]]] },
  )
})

function withoutKeys(coin: string): string {
  return coin.split(' ').slice(0, 2).join(' ')
}
