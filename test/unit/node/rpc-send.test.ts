/**
 * Promises: the methods that send, sign and lock coins do what Bitcoin Core's documentation says of them; a coin that is locked is in no
 * payment that does not name it; `sendall` leaves nothing, or says what; hostile arguments are refused with Core's codes.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { base64 } from '@scure/base'
import fc from 'fast-check'
import { bytesToHex, hexToBytes } from '../../../src/primitives/bytes.ts'
import { taggedHash } from '../../../src/primitives/hashes.ts'
import { decodeTransaction } from '../../../src/primitives/transaction.ts'
import { decodeAddress, encodeAddress } from '../../../src/script/address.ts'
import {
  decodeWitness,
  encodeWitness,
  messageHash,
  transactionToSign,
  transactionToSpend,
  verifiesMessage,
} from '../../../src/script/signed-message.ts'
import { type Json, NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { value } from '../../support/wallets.ts'

/** Another address of nobody. */
const OTHER = encodeAddress(taggedHash('test/other'), RIG_PARAMS.addressPrefix)

/** A wallet with so many coins of 50, and one of the amounts given. */
async function fundedNode(mined = 1, amounts: readonly number[] = []): Promise<RigNode> {
  const node = await new NodeRig().add('node')
  for (let i = 0; i < mined; i++) await node.generate(1)
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  for (const amount of amounts) await node.rpc('sendtoaddress', await node.rpc('getnewaddress'), amount)
  if (amounts.length > 0) await node.generate(1, STRANGER)
  return node
}

const keyOf = ({ txid, vout }: Json): string => `${txid}:${vout}`

async function inputsOf(node: RigNode, txid: string): Promise<string[]> {
  const { vin } = await node.rpc('getrawtransaction', txid, 1)
  return vin.map(keyOf)
}

describe('lockunspent', () => {
  test('no payment takes a locked coin that does not name it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        fc.constantFrom(
          'sendtoaddress',
          'sendmany',
          'send',
          'sendall',
          'walletcreatefundedpsbt',
          'fundrawtransaction',
          'bumpfee',
        ),
        fc.integer({ min: 1, max: 90 }),
        async (isLocked, how, amount) => {
          const node = await fundedNode(3, [7, 3])
          const first = how === 'bumpfee' ? await node.rpc('sendtoaddress', STRANGER, 1) : undefined
          const coins = await node.rpc('listunspent')
          const locked: Json[] = coins.filter((_: Json, i: number) => isLocked[i])
          const places = locked.map(({ txid, vout }) => ({ txid, vout }))
          if (places.length > 0) await node.rpc('lockunspent', false, places)
          const kept = new Set(locked.map(keyOf))
          const inputs = await payBy(node, how, amount, first)
          for (const key of inputs) assert.ok(!kept.has(key), `${how} took the locked coin ${key}`)
          const still = (await node.rpc('listlockunspent')).map(keyOf)
          assert.deepEqual(new Set(still), kept)
        },
      ),
      { numRuns: 21 },
    )
  })

  /** The coins of a payment made one way or another; none where there is not enough. */
  async function payBy(
    node: RigNode,
    how: string,
    amount: number,
    first: string | undefined,
  ): Promise<string[]> {
    try {
      switch (how) {
        case 'sendtoaddress':
          return await inputsOf(node, await node.rpc(how, STRANGER, amount))
        case 'sendmany':
          return await inputsOf(node, await node.rpc(how, '', { [STRANGER]: amount }))
        case 'send':
          return await inputsOf(node, (await node.rpc(how, { [STRANGER]: amount })).txid)
        case 'sendall':
          return await inputsOf(node, (await node.rpc(how, [STRANGER])).txid)
        case 'walletcreatefundedpsbt':
          return (await node.rpc(how, [], { [STRANGER]: amount })).inputs.map(keyOf)
        case 'bumpfee':
          return (await inputsOf(node, (await node.rpc(how, first, { fee_rate: 500 })).txid)).slice(1)
        default: {
          const raw = await node.rpc('createrawtransaction', [], { [STRANGER]: amount })
          const { hex } = await node.rpc(how, raw)
          return (await node.rpc('decoderawtransaction', hex)).vin.map(keyOf)
        }
      }
    } catch (error) {
      assert.match(String(error), /\(-6\)/)
      return []
    }
  }

  test('a locked coin is not listed and not counted as to be spent; one that is named is spent, and locked no more', async () => {
    const node = await fundedNode(2)
    const [{ txid, vout, amount }] = await node.rpc('listunspent')
    assert.equal(await node.rpc('lockunspent', false, [{ txid, vout }]), true)
    assert.equal((await node.rpc('listunspent')).length, 1)
    assert.equal((await node.rpc('getbalances')).mine.locked, amount)
    assert.deepEqual(await node.rpc('listlockunspent'), [{ txid, vout }])
    const { message } = await node.failure('sendtoaddress', STRANGER, 60)
    assert.match(message, /50\.00000000 are locked/)
    const sent = await node.rpc('send', [{ [STRANGER]: 1 }], null, null, null, { inputs: [{ txid, vout }] })
    assert.deepEqual(await inputsOf(node, sent.txid), [keyOf({ txid, vout })])
    assert.deepEqual(await node.rpc('listlockunspent'), [])
    await node.generate(1, STRANGER)
    assert.equal((await node.rpc('getbalances')).mine.locked, undefined)
  })

  test('a lock ends with the page, unless it is persistent', async () => {
    const node = await fundedNode(3)
    const [a, b, c] = (await node.rpc('listunspent')).map(({ txid, vout }: Json) => ({ txid, vout }))
    await node.rpc('lockunspent', false, [a])
    await node.rpc('lockunspent', false, [b, c], true)
    await node.rpc('lockunspent', true, [c])
    await node.restart()
    assert.deepEqual(await node.rpc('listlockunspent'), [b])
    await node.rpc('lockunspent', true)
    await node.restart()
    assert.deepEqual(await node.rpc('listlockunspent'), [])
  })

  test('what is wrong changes nothing', async () => {
    const node = await fundedNode(2)
    const [a, b] = (await node.rpc('listunspent')).map(({ txid, vout }: Json) => ({ txid, vout }))
    await node.rpc('lockunspent', false, [a])
    const wrong: readonly [unknown[], number, RegExp][] = [
      [[false, [b, a]], -8, /locked already/],
      [[true, [a, b]], -8, /not locked/],
      [[false, [b, { txid: '00'.repeat(32), vout: 0 }]], -8, /not the wallet/],
      [[false, [b, { txid: b.txid, vout: 99 }]], -8, /does not belong/],
      [[false, [{ txid: 'zz', vout: 0 }]], -8, /64 hex digits/],
      [[false, [{ txid: b.txid, vout: -1 }]], -8, /whole number/],
      [[false, [{ txid: b.txid }]], -8, /needs the field vout/],
      [['yes'], -3, /true or false/],
      [[false, { txid: b.txid }], -3, /an array/],
    ]
    for (const [args, code, sentence] of wrong) {
      const failure = await node.failure('lockunspent', ...args)
      assert.equal(failure.code, code, JSON.stringify(args))
      assert.match(failure.message, sentence)
    }
    assert.deepEqual(await node.rpc('listlockunspent'), [a])
    const spent = await node.rpc('send', { [STRANGER]: 1 }, null, null, null, { inputs: [b] })
    assert.match((await node.failure('lockunspent', false, [b])).message, /is spent/)
    assert.ok(spent.complete)
  })
})

describe('send', () => {
  test('pays several outputs and data, with the change where it was asked for', async () => {
    const node = await fundedNode(1)
    const change = await node.rpc('getrawchangeaddress')
    const { txid, complete } = await node.rpc(
      'send',
      [{ [STRANGER]: 1 }, { data: 'c0ffee' }, { [OTHER]: '2.5' }],
      null,
      null,
      7,
      { change_address: change, change_position: 1, locktime: 3 },
    )
    assert.equal(complete, true)
    const tx = await node.rpc('getrawtransaction', txid, 1)
    assert.deepEqual(
      tx.vout
        .map(({ scriptPubKey, value: amount }: Json) => [scriptPubKey.address ?? scriptPubKey.hex, amount])
        .toSpliced(1, 1),
      [
        [STRANGER, 1],
        ['6a03c0ffee', 0],
        [OTHER, 2.5],
      ],
    )
    assert.equal(tx.vout[1].scriptPubKey.address, change)
    assert.equal(tx.locktime, 3)
    assert.equal(Math.round(tx.fee * 1e8), 7 * tx.vsize)
    assert.equal((await node.rpc('getaddressinfo', change)).ischange, true)
  })

  test('the outputs named bear the fee, and no other', async () => {
    const node = await fundedNode(1)
    const options = { subtract_fee_from_outputs: [0, 2], fee_rate: 10 }
    const outputs = [{ [STRANGER]: 1 }, { [OTHER]: 1 }, { [await node.rpc('getnewaddress')]: 1 }]
    const { txid } = await node.rpc('send', outputs, null, null, null, options)
    const { vout, fee } = await node.rpc('getrawtransaction', txid, 1)
    const amounts = outputs.map((output) => {
      const [address] = Object.keys(output)
      return vout.find((one: Json) => one.scriptPubKey.address === address).value
    })
    assert.equal(amounts[1], 1)
    assert.ok(amounts[0] < 1 && amounts[2] < 1)
    assert.equal(Math.round((2 - amounts[0] - amounts[2]) * 1e8), Math.round(fee * 1e8))
  })

  test('what is not to be sent is answered with its signatures, and leaves no trace', async () => {
    const node = await fundedNode(1)
    for (const options of [{ add_to_wallet: false }, { psbt: true }]) {
      const { complete, psbt, hex, txid } = await node.rpc(
        'send',
        { [STRANGER]: 1 },
        null,
        null,
        null,
        options,
      )
      assert.equal(complete, true)
      assert.equal(value(decodeTransaction(hexToBytes(hex))).txid, txid)
      assert.deepEqual(await node.rpc('finalizepsbt', psbt), { hex, complete: true })
      assert.deepEqual(await node.rpc('getrawmempool'), [])
      assert.equal((await node.rpc('testmempoolaccept', [hex]))[0].allowed, true)
    }
    assert.equal((await node.rpc('listunspent')).length, 1)
    await node.rpc('send', { [STRANGER]: 1 }, null, null, null, { psbt: true, lock_unspents: true })
    assert.equal((await node.rpc('listunspent')).length, 0)
  })

  test('refuses with Core’s codes, and leaves no trace', async () => {
    const node = await fundedNode(1)
    const pay = { [STRANGER]: 1 }
    const far = { txid: '11'.repeat(32), vout: 0 }
    const [{ txid: own, vout }] = await node.rpc('listunspent')
    const coin = { txid: own, vout }
    const wrong: readonly [string, unknown[], number][] = [
      ['send', [{ [STRANGER]: 100 }], -6],
      ['send', [{ nonsense: 1 }], -5],
      ['send', [{ [STRANGER]: -1 }], -3],
      ['send', [[pay, pay]], -8],
      ['send', [[{}]], -8],
      ['send', [pay, null, null, null, { change_position: 2 }], -8],
      ['send', [pay, null, null, null, { change_address: 'nobody' }], -5],
      ['send', [pay, null, null, null, { change_type: 'legacy' }], -8],
      ['send', [pay, null, null, null, { nonsense: 1 }], -3],
      ['send', [pay, 2, null, 3], -8],
      ['send', [pay, 2, null, null, { conf_target: 2 }], -8],
      ['send', [pay, null, null, null, { subtract_fee_from_outputs: [1] }], -8],
      ['send', [pay, null, null, null, { subtract_fee_from_outputs: [0, 0] }], -8],
      ['send', [pay, null, null, null, { inputs: [far] }], -8],
      ['send', [pay, null, null, null, { add_inputs: false }], -6],
      ['send', [pay, null, null, null, { minconf: 1000 }], -6],
      ['send', [pay, null, null, null, { max_tx_weight: 100 }], -4],
      ['send', [pay, null, null, null, { locktime: 4_000_000_000 }], -26],
      ['send', [pay, null, null, null, {}, 3], -8],
      ['sendmany', ['account', pay], -8],
      ['sendmany', ['', pay, 1, '', [OTHER]], -8],
      ['sendmany', ['', [pay]], -3],
      ['sendmany', ['', { [STRANGER]: 1, [STRANGER.toUpperCase()]: 1 }], -8],
      ['sendall', [[]], -8],
      ['sendall', [[pay]], -8],
      ['sendall', [STRANGER], -3],
      ['sendall', [[STRANGER, STRANGER]], -8],
      ['sendall', [[{ [STRANGER]: 60 }, OTHER]], -6],
      ['sendall', [[STRANGER], null, null, null, { max_tx_weight: 100 }], -4],
      ['sendall', [[STRANGER], null, null, null, { add_inputs: false }], -3],
      ['sendall', [[STRANGER], null, null, null, { inputs: [far] }], -8],
      ['sendall', [[STRANGER], null, null, null, { inputs: [far], send_max: true }], -8],
      ['sendall', [[STRANGER], null, null, null, { inputs: [coin], minconf: 1 }], -8],
      ['sendall', [[STRANGER], null, null, null, { inputs: [coin], maxconf: 1000 }], -8],
      ['sendall', [[STRANGER], null, null, null, { version: 3 }], -8],
      ['fundrawtransaction', ['00'], -22],
      ['fundrawtransaction', ['zz'], -22],
      ['signrawtransactionwithwallet', ['00'], -22],
      ['signmessage', [STRANGER, 'hello'], -5],
      ['signmessage', ['nobody', 'hello'], -5],
      ['verifymessage', [STRANGER, '%', 'hello'], -3],
    ]
    for (const [method, args, code] of wrong) {
      const failure = await node.failure(method, ...args)
      assert.equal(failure.code, code, `${method} ${JSON.stringify(args)}: ${failure.message}`)
    }
    assert.deepEqual(await node.rpc('getrawmempool'), [])
    node.signer.lock()
    assert.equal((await node.failure('send', pay)).code, -13)
    assert.equal((await node.failure('sendall', [STRANGER])).code, -13)
    assert.equal((await node.failure('signmessage', await node.rpc('getnewaddress'), 'hello')).code, -13)
  })
})

test('sendmany pays all of them, and those named bear the fee', async () => {
  const node = await fundedNode(1)
  const txid = await node.rpc('sendmany', '', { [STRANGER]: 1, [OTHER]: 2 }, 1, '', [OTHER])
  const { vout, fee } = await node.rpc('getrawtransaction', txid, 1)
  const paid = (address: string) => vout.find((one: Json) => one.scriptPubKey.address === address).value
  assert.equal(paid(STRANGER), 1)
  assert.equal(Math.round((2 - paid(OTHER)) * 1e8), Math.round(fee * 1e8))
  const told = await node.rpc('sendmany', '', { [STRANGER]: 1 }, 1, '', [], true, 2, 'unset', null, true)
  assert.match(told.fee_reason, /within 2 blocks/)
})

describe('sendall', () => {
  test('leaves nothing to spend, and tells of all that stays behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 400, max: 2_000_000 }), { maxLength: 5 }),
        fc.record({ lock: fc.boolean(), send_max: fc.boolean(), named: fc.boolean() }),
        fc.integer({ min: 1, max: 40 }),
        async (sats, { lock, send_max, named }, rate) => {
          const node = await fundedNode(
            2,
            sats.map((amount) => amount / 1e8),
          )
          await node.generate(1)
          if (lock) {
            const [{ txid, vout }] = await node.rpc('listunspent')
            await node.rpc('lockunspent', false, [{ txid, vout }])
          }
          const before: Json[] = await node.rpc('listunspent', 0, 9999, [], true, {
            include_immature_coinbase: true,
          })
          const recipients = named ? [{ [OTHER]: 0.5 }, STRANGER] : [STRANGER, OTHER]
          const { txid, left } = await node.rpc('sendall', recipients, null, null, rate, { send_max })
          assert.deepEqual(
            (await node.rpc('listunspent')).map(keyOf).sort(),
            left
              .filter(({ reason }: Json) => reason === 'uneconomical')
              .map(keyOf)
              .sort(),
          )
          const { vin, vout, fee } = await node.rpc('getrawtransaction', txid, 1)
          const spent = vin.map(keyOf)
          const locked = await node.rpc('listlockunspent')
          assert.deepEqual(
            [...spent, ...left.map(keyOf)].sort(),
            [...before.map(keyOf), ...locked.map(keyOf)].sort(),
          )
          // No change: two outputs, and all that was spent but for the fee.
          assert.equal(vout.length, 2)
          const held = before
            .filter((coin) => spent.includes(keyOf(coin)))
            .reduce((sum, { amount }) => sum + Math.round(amount * 1e8), 0)
          const paid = vout.reduce((sum: number, one: Json) => sum + Math.round(one.value * 1e8), 0)
          assert.equal(held - paid, Math.round(fee * 1e8))
          if (named)
            assert.ok(vout.some((one: Json) => one.scriptPubKey.address === OTHER && one.value === 0.5))
        },
      ),
      { numRuns: 12 },
    )
  })

  test('of inputs named, sends all they hold; what is not named stays, and is told', async () => {
    const node = await fundedNode(3)
    const [a, b] = await node.rpc('listunspent')
    const inputs = [{ txid: a.txid, vout: a.vout, sequence: 5 }]
    const { txid, left } = await node.rpc('sendall', [STRANGER], null, null, null, { inputs, version: 1 })
    assert.deepEqual(await inputsOf(node, txid), [keyOf(a)])
    const { version, vin } = await node.rpc('getrawtransaction', txid, 1)
    assert.deepEqual([version, vin[0].sequence], [1, 5])
    assert.ok(left.some((coin: Json) => keyOf(coin) === keyOf(b) && coin.reason === 'not named'))
  })
})

test('fundrawtransaction keeps outputs, inputs, version and lock time; its transaction is signed and accepted', async () => {
  const node = await fundedNode(3)
  const [{ txid, vout }] = await node.rpc('listunspent')
  const raw = await node.rpc(
    'createrawtransaction',
    [{ txid, vout, sequence: 17 }],
    [{ [STRANGER]: 70 }, { data: 'beef' }],
    2,
    true,
    1,
  )
  const funded = await node.rpc('fundrawtransaction', raw, { changePosition: 0 })
  const tx = await node.rpc('decoderawtransaction', funded.hex)
  assert.equal(funded.changepos, 0)
  assert.deepEqual([tx.version, tx.locktime], [1, 2])
  assert.deepEqual(
    tx.vout
      .slice(1)
      .map(({ value: amount, scriptPubKey }: Json) => [amount, scriptPubKey.address ?? scriptPubKey.hex]),
    [
      [70, STRANGER],
      [0, '6a02beef'],
    ],
  )
  assert.deepEqual([keyOf(tx.vin[0]), tx.vin[0].sequence], [keyOf({ txid, vout }), 17])
  assert.equal(tx.vin.length, 2)
  const signed = await node.rpc('signrawtransactionwithwallet', funded.hex)
  assert.equal(signed.complete, true)
  await node.rpc('sendrawtransaction', signed.hex)
  assert.equal((await node.rpc('gettransaction', tx.txid)).fee, -funded.fee)
})

test('coins that are named come first, in their order, whoever chooses the others', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 1 }),
      fc.constantFrom('send', 'fundrawtransaction', 'walletcreatefundedpsbt', 'bumpfee'),
      async (places, how) => {
        const node = await fundedNode(6)
        const coins = await node.rpc('listunspent')
        const named = places.map((at) => ({ txid: coins[at].txid, vout: coins[at].vout }))
        // One more is needed.
        const outputs = { [STRANGER]: 50 * places.length + 1 }
        const options = { add_inputs: true }
        const raw = async () => (await node.rpc('decoderawtransaction', await hexOf())).vin.map(keyOf)
        const hexOf = async (): Promise<string> =>
          (await node.rpc('fundrawtransaction', await node.rpc('createrawtransaction', named, outputs))).hex
        const send = async (): Promise<string> =>
          (await node.rpc('send', outputs, null, null, null, { ...options, inputs: named })).txid
        const inputs: string[] =
          how === 'send'
            ? await inputsOf(node, await send())
            : how === 'bumpfee'
              ? await inputsOf(node, (await node.rpc('bumpfee', await send())).txid)
              : how === 'walletcreatefundedpsbt'
                ? (await node.rpc(how, named, outputs, 0, options)).inputs.map(keyOf)
                : await raw()
        assert.equal(inputs.length, places.length + 1)
        assert.deepEqual(inputs.slice(0, places.length), named.map(keyOf))
      },
    ),
    { numRuns: 20 },
  )
})

test('payments asked for at once are made one after another: none is refused for the coins of another, none shares its change', async () => {
  const node = await fundedNode(1)
  const calls: readonly (readonly [string, ...unknown[]])[] = [
    ['sendtoaddress', STRANGER, 1],
    ['sendtoaddress', STRANGER, 1],
    ['send', { [STRANGER]: 2 }],
    ['sendmany', '', { [STRANGER]: 3, [OTHER]: 4 }],
    ['sendtoaddress', STRANGER, 1000],
    ['sendtoaddress', OTHER, 5],
  ]
  const answers = await Promise.all(
    calls.map(([method, ...args]) => node.rpc(method, ...args).catch((error: Error) => error)),
  )
  const isRefused = answers.map((answer) => answer instanceof Error)
  assert.deepEqual(isRefused, [false, false, false, false, true, false])
  for (const answer of answers) if (answer instanceof Error) assert.match(answer.message, /\(-6\)/)
  const paid = new Map<string, number>()
  for (const { address, category } of await node.rpc('listtransactions', '*', 100))
    if (category === 'send') paid.set(address, (paid.get(address) ?? 0) + 1)
  assert.deepEqual([paid.get(STRANGER), paid.get(OTHER)], [4, 2])
  const places = answers.flatMap((answer) => (answer instanceof Error ? [] : [answer.txid ?? answer]))
  const change = new Set<string>()
  for (const txid of places)
    for (const { scriptPubKey } of (await node.rpc('getrawtransaction', txid, 1)).vout)
      if (![STRANGER, OTHER].includes(scriptPubKey.address)) change.add(scriptPubKey.address)
  assert.equal(change.size, places.length)
})

describe('signrawtransactionwithwallet', () => {
  test('says of each input what it lacks', async () => {
    const rig = new NodeRig()
    const node = await rig.add('node')
    const other = await rig.add('other')
    await node.fund()
    await rig.until(() => other.tip === node.tip)
    const theirs = await other.rpc('getnewaddress')
    const paid = await node.rpc('sendtoaddress', theirs, 1)
    await node.generate(1, STRANGER)
    await rig.until(() => other.tip === node.tip)
    const [own] = await node.rpc('listunspent')
    const [foreign] = await other.rpc('listunspent')
    assert.equal(foreign.txid, paid)
    const raw = await node.rpc(
      'createrawtransaction',
      [own, foreign].map(({ txid, vout }: Json) => ({ txid, vout })),
      { [STRANGER]: 2 },
    )
    const half = await node.rpc('signrawtransactionwithwallet', raw)
    assert.equal(half.complete, false)
    assert.deepEqual(half.errors.map(keyOf), [keyOf(foreign)])
    // The other adds its own, and what was signed stays.
    const whole = await other.rpc('signrawtransactionwithwallet', half.hex)
    assert.equal(whole.complete, true)
    assert.equal((await node.rpc('testmempoolaccept', [whole.hex], 0))[0].allowed, true)
    const unknown = await node.rpc('createrawtransaction', [{ txid: '11'.repeat(32), vout: 1 }], {
      [STRANGER]: 2,
    })
    const refused = await node.rpc('signrawtransactionwithwallet', unknown)
    assert.match(refused.errors[0].error, /not found, or spent/)
    const told = [{ txid: own.txid, vout: own.vout, scriptPubKey: own.scriptPubKey, amount: 3 }]
    assert.equal((await node.failure('signrawtransactionwithwallet', raw, told)).code, -22)
  })

  test('signs what spends an output that only prevtxs tells', async () => {
    const node = await fundedNode(1)
    const address = await node.rpc('getnewaddress')
    const { scriptPubKey } = await node.rpc('getaddressinfo', address)
    const raw = await node.rpc('createrawtransaction', [{ txid: '22'.repeat(32), vout: 3 }], {
      [STRANGER]: 1,
    })
    const previous = [{ txid: '22'.repeat(32), vout: 3, scriptPubKey, amount: 1.001 }]
    assert.equal((await node.rpc('signrawtransactionwithwallet', raw, previous)).complete, true)
    const single = await node.rpc('signrawtransactionwithwallet', raw, previous, 'SINGLE|ANYONECANPAY')
    assert.equal(single.complete, true)
    const [[signature]] = value(decodeTransaction(hexToBytes(single.hex))).inputs.map(
      ({ witness }) => witness,
    )
    assert.deepEqual([signature.length, signature.at(-1)], [65, 0x83])
  })
})

describe('signmessage', () => {
  test('a signature holds for its address and message alone', async () => {
    const node = await fundedNode(1)
    const address = await node.rpc('getnewaddress')
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.nat(), async (message, bit) => {
        const signature = await node.rpc('signmessage', address, message)
        assert.match(signature, /^smp/)
        assert.equal(await node.rpc('verifymessage', address, signature, message), true)
        assert.equal(await node.rpc('verifymessage', address, signature.slice(3), message), true)
        assert.equal(await node.rpc('verifymessage', address, signature, `${message}.`), false)
        assert.equal(await node.rpc('verifymessage', STRANGER, signature, message), false)
        const bytes = base64.decode(signature.slice(3))
        bytes[bit % bytes.length] ^= 1 << (bit % 8)
        assert.equal(await node.rpc('verifymessage', address, `smp${base64.encode(bytes)}`, message), false)
      }),
      { numRuns: 30 },
    )
  })

  test('BIP322’s own vectors: hashes, transactions, and a taproot signature', () => {
    assert.equal(
      bytesToHex(messageHash('')),
      'c90c269c4f8fcbe6880f72a721ddfbf1914268a794cbb21cfafee13770ae19f1',
    )
    assert.equal(
      bytesToHex(messageHash('Hello World')),
      'f0eb03b1a75ac6d9847f55c624a99169b5dccba2a31f5b23bea77ba270de0a7a',
    )
    const script = hexToBytes('00142b05d564e6a7a33c087f16e0f730d1440123799d')
    assert.equal(
      transactionToSpend(script, '').txid,
      'c5680aa69bb8d860bf82d4e9cd3504b55dde018de765a91bb566283c545a99a7',
    )
    assert.equal(
      transactionToSign(script, '').txid,
      '1e9654e951a5ba44c8604c4de6c67fd78a27e81dcadcfe1edf638ba3aaebaed6',
    )
    assert.equal(
      transactionToSpend(script, 'Hello World').txid,
      'b79d196740ad5217771c1098fc4a4b51e0535c32236c71f1ea4d61a2d603352b',
    )
    assert.equal(
      transactionToSign(script, 'Hello World').txid,
      '88737ae86f2077145f93cc4b153ae9a1cb8d56afa511988c149c5c8c9d93bddf',
    )
    const p2tr = value(decodeAddress('bc1ppv609nr0vr25u07u95waq5lucwfm6tde4nydujnu8npg4q75mr5sxq8lt3', 'bc'))
    const signature =
      'AUHd69PrJQEv+oKTfZ8l+WROBHuy9HKrbFCJu7U1iK2iiEy1vMU5EfMtjc+VSHM7aU0SDbak5IUZRVno2P5mjSafAQ=='
    const witness = value(decodeWitness(base64.decode(signature)))
    assert.equal(verifiesMessage(p2tr, 'Hello World', witness), true)
    assert.equal(verifiesMessage(p2tr, 'Hello World - This should fail', witness), false)
    assert.equal(base64.encode(encodeWitness(witness)), signature)
  })
})

test('addresses for change are fresh, and never so many that a restored wallet would not see the change', async () => {
  const node = await fundedNode(1)
  const given = new Set<string>()
  for (let i = 0; i < 19; i++) given.add(await node.rpc('getrawchangeaddress'))
  assert.equal(given.size, 19)
  const { code, message } = await node.failure('getrawchangeaddress')
  assert.equal(code, -12)
  assert.match(message, /restored/)
  const { txid } = await node.rpc('send', { [STRANGER]: 1 })
  const { vout } = await node.rpc('getrawtransaction', txid, 1)
  const change = vout.find((one: Json) => one.scriptPubKey.address !== STRANGER).scriptPubKey.address
  assert.ok(!given.has(change))
  await node.rpc('getrawchangeaddress')
})

test('whatever a file says was given out, change comes back where a wallet restored from words looks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 90 }),
      fc.integer({ min: 1, max: 3 }),
      async (given, payments) => {
        const node = await fundedNode(1)
        const file = JSON.stringify({ version: 1, next: [0, given], labels: [] })
        await node.rpc('importlabels', file)
        for (let i = 0; i < payments; i++) {
          const txid = await node.rpc('sendtoaddress', STRANGER, 1)
          await node.rpc('bumpfee', txid)
          await node.generate(1, STRANGER)
        }
        const { descriptors } = await node.rpc('listdescriptors')
        const bare = descriptors.map(({ desc, internal }: Json) => ({ desc, internal, timestamp: 0 }))
        await node.rpc('createwallet', 'restored', true)
        await node.rpcOf('restored', 'importdescriptors', bare)
        const [kept, found] = await Promise.all(
          ['', 'restored'].map(async (name) => (await node.rpcOf(name, 'getbalances')).mine.trusted),
        )
        assert.ok(kept > 40)
        assert.equal(found, kept)
      },
    ),
    { numRuns: 8 },
  )
})

describe('listsinceblock', () => {
  test('tells what came after a block, and what a reorganisation removed', async () => {
    const node = await fundedNode(1)
    const start = node.tip
    const txid = await node.rpc('sendtoaddress', STRANGER, 1)
    const [block] = await node.generate(1, STRANGER)
    const since = await node.rpc('listsinceblock', start)
    assert.deepEqual(
      since.transactions.map(({ txid: id }: Json) => id),
      [txid],
    )
    assert.equal(since.transactions[0].blockhash, block)
    assert.ok(since.transactions[0].blockindex >= 1)
    assert.deepEqual(since.removed, [])
    assert.equal(since.lastblock, block)
    assert.deepEqual((await node.rpc('listsinceblock', since.lastblock)).transactions, [])
    await node.rpc('invalidateblock', block)
    const after = await node.rpc('listsinceblock', since.lastblock)
    assert.deepEqual(
      after.removed.map(({ txid: id }: Json) => id),
      [txid],
    )
    assert.deepEqual(
      after.transactions.map(({ txid: id, confirmations }: Json) => [id, confirmations]),
      [[txid, 0]],
    )
    assert.equal(after.lastblock, start)
    assert.equal((await node.rpc('listsinceblock', block, 1, null, false)).removed, undefined)
  })

  test('over random reorganisations, asking from block to block tells each confirmation, and each that was undone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ undo: fc.integer({ min: 0, max: 2 }), pays: fc.boolean() }), { maxLength: 6 }),
        async (steps) => {
          const node = await fundedNode(7)
          let asked = node.tip
          /** What a caller that only ever asks `listsinceblock` believes: confirmations that it was told, by id. */
          const believed = new Map<string, string | undefined>()
          for (const { undo, pays } of steps) {
            if (pays) await node.rpc('sendtoaddress', STRANGER, 0.1)
            const height = await node.rpc('getblockcount')
            const lowest = node.rig.params.coinbaseMaturity + 7
            const undone = Math.min(undo, height - lowest)
            if (undone > 0)
              await node.rpc('invalidateblock', await node.rpc('getblockhash', height - undone + 1))
            await node.generate(1, STRANGER)
            const { transactions, removed, lastblock } = await node.rpc('listsinceblock', asked)
            for (const { txid } of removed) believed.delete(txid)
            for (const { txid, blockhash } of transactions) believed.set(txid, blockhash)
            asked = lastblock
            const sent = (await node.rpc('listtransactions', '*', 1000)).filter(
              ({ category }: Json) => category === 'send',
            )
            for (const { txid, blockhash } of sent) assert.equal(believed.get(txid), blockhash)
          }
        },
      ),
      { numRuns: 12 },
    )
  })

  test('labels, change, and wrong arguments', async () => {
    const node = await fundedNode(1)
    const start = node.tip
    const address = await node.rpc('getnewaddress', 'rent')
    await node.rpc('sendtoaddress', address, 1)
    const labelled = await node.rpc('listsinceblock', start, 1, null, true, false, 'rent')
    assert.deepEqual(
      labelled.transactions.map(({ category, label }: Json) => [category, label]),
      [
        ['send', 'rent'],
        ['receive', 'rent'],
      ],
    )
    const all = await node.rpc('listsinceblock', start)
    const withChange = await node.rpc('listsinceblock', start, 1, null, true, true)
    assert.equal(withChange.transactions.length, all.transactions.length + 2)
    assert.equal((await node.failure('listsinceblock', '11'.repeat(32))).code, -5)
    assert.equal((await node.failure('listsinceblock', start, 0)).code, -8)
    assert.equal((await node.failure('listsinceblock', 'zz')).code, -8)
    assert.equal((await node.rpc('listsinceblock', start, 1000)).lastblock, await node.rpc('getblockhash', 0))
  })
})
