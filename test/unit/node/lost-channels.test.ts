/**
 * Promise: who has lost everything but the seed words finds what the peers of the lost channels pay out, all of it and nothing else, and has it in the wallet
 * again; a backup of who they are is enough to have them close.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeStaticBackup } from '../../../src/node/lost-channels.ts'
import { SeededRandom } from '../../../src/simulator/seeded-random.ts'
import { NodeRig, type RigNode } from '../../support/node-rig.ts'
import { codeOf } from '../../support/wallets.ts'

async function mine(by: RigNode, nodes: readonly RigNode[], count = 1): Promise<void> {
  await by.generate(count)
  await by.rig.until(() => nodes.every((node) => node.tip === by.tip))
  for (const node of nodes) await node.rig.time.complete(node.channels.settled())
}

function balance({ core }: RigNode): number {
  return Object.values(core.wallet!.balances()).reduce((sum: number, each) => sum + Number(each), 0)
}

function meets(a: RigNode, b: RigNode): boolean {
  return a.channels.links.nodes.includes(b.channels.self) && b.channels.links.nodes.includes(a.channels.self)
}

/** What the peers' commitments pay to a node, satoshis. */
function owed(peers: readonly RigNode[]): number {
  return peers
    .flatMap(({ channels }) => channels.all())
    .reduce((sum, { state }) => sum + Math.floor(state.holder.commitment.counterpartyAmount / 1000), 0)
}

for (const seed of ['one', 'two', 'three'])
  test(`lost channels: a random life, all lost, words restored, all found again (${seed})`, async () => {
    const rig = new NodeRig({ seed })
    const draw = new SeededRandom(seed)
    const below = (limit: number) => new DataView(draw.bytes(4).buffer).getUint32(0) % limit
    const a = await rig.add('a', { channels: true })
    const peers = [await rig.add('b', { channels: true }), await rig.add('c', { channels: true })]
    const all = [a, ...peers]
    // Some of the peers' opening, some of its own.
    for (const node of all) {
      await node.fund()
      await rig.until(() => all.every(({ tip }) => tip === node.tip))
    }
    await rig.until(() => peers.every((peer) => meets(a, peer)))
    for (const peer of peers) {
      const [from, to] = below(2) === 0 ? [a, peer] : [peer, a]
      await from.rpc(
        'fundchannel',
        to.channels.self,
        1_000_000,
        null,
        false,
        300_000_000 + below(400_000_000),
      )
      await rig.until(() => all.every(({ core }) => core.mempool.size > 0))
      await mine(a, all)
      await rig.until(() =>
        to.channels.all().some(({ state }) => state.peer === from.channels.self && state.status === 'open'),
      )
    }
    await rig.until(() =>
      all.every(({ channels }) => channels.all().every(({ state }) => state.status === 'open')),
    )
    for (let payment = 0; payment < below(4); payment++) {
      const [peer] = peers.slice(below(2))
      const [from, to] = below(2) === 0 ? [a, peer] : [peer, a]
      await from.rpc('keysend', to.channels.self, 1 + below(20_000_000))
    }
    await rig.until(() =>
      all.every(({ channels }) => channels.all().every(({ state }) => state.htlcs.length === 0)),
    )
    const { scb } = await a.rpc('staticbackup')
    const due = owed(peers)
    const before = balance(a)
    await a.lose()
    await a.open()
    await rig.until(() => balance(a) === before)
    const asked = await a.rpc('recoverchannel', scb)
    assert.equal(asked.stubs.length, 2)
    assert.deepEqual(asked.outputs, [])
    await rig.until(() => peers.every((peer) => meets(a, peer)))
    await rig.until(() => all.every(({ core }) => core.mempool.size >= 2))
    await mine(peers[0]!, all)
    const found = await a.rpc('recoverchannel')
    const sum = found.outputs.reduce(
      (total: number, { amount_msat }: { amount_msat: number }) => total + amount_msat,
      0,
    )
    // The fees of commitments are borne by who opened.
    const fees = due - sum / 1000
    assert(fees >= 0 && fees < 4_000, `found ${sum / 1000} of ${due}`)
    assert.equal(found.outputs.length, 2)
    // On its way, it is claimed once.
    assert.deepEqual((await a.rpc('recoverchannel')).outputs, [])
    await rig.until(() => peers[0]!.core.mempool.has(found.txid))
    await mine(peers[0]!, all)
    const gained = balance(a) - before
    assert(gained > sum / 1000 - 1_000 && gained < sum / 1000, `the wallet got ${gained} of ${sum / 1000}`)
    assert.deepEqual((await a.rpc('recoverchannel')).outputs, [])
  })

test('lost channels: a text that is no backup is refused', () => {
  for (const text of ['', 'ab', '00'.repeat(66), `01${'05'.repeat(65)}`, 'x'.repeat(132)])
    assert.equal(codeOf(decodeStaticBackup(text)), 'static-backup')
})
