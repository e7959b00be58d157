/**
 * Promises: PSBTs pass through every role of BIP174 by RPC as with Bitcoin Core; what the wallet knows is filled in and held against what
 * they say; nothing is called complete that the mempool would refuse, and nothing is left open by a signature that nobody asked for.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import { base64 } from '@scure/base'
import { TaprootControlBlock } from '@scure/btc-signer/psbt.js'
import { Transaction as ScureTransaction } from '@scure/btc-signer/transaction.js'
import { bytesToHex, concatBytes, hexToBytes } from '../../../src/primitives/bytes.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { HASH_TYPES } from '../../../src/script/hash-types.ts'
import { OP_CHECKSIG, OP_CHECKSIGVERIFY, pushData } from '../../../src/script/opcodes.ts'
import { SighashCache } from '../../../src/script/sighash.ts'
import { p2trScript, taprootOutputKey } from '../../../src/script/taproot.ts'
import { type Descriptor, parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { Psbt, type PsbtKey } from '../../../src/wallet/psbt.ts'
import { type Json, NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { controlBlocksOf, rootOf, TAPSCRIPT_LEAF_VERSION } from '../../support/tapscript-spends.ts'
import { value } from '../../support/wallets.ts'

const SCURE = {
  unknown: 'ignore',
  allowUnknownOutputs: true,
  allowUnknownInputs: true,
  disableScriptCheck: true,
} as const

/** A node with three mature coins of 50. */
let node: RigNode
let descriptor: Descriptor

before(async () => {
  node = await new NodeRig().add('node')
  await node.generate(3)
  await node.generate(RIG_PARAMS.coinbaseMaturity, STRANGER)
  descriptor = value(parseDescriptor((await node.rpc('getwalletinfo')).descriptor))
})

const read = (text: string): Psbt => value(Psbt.parse(base64.decode(text)))
const written = ({ bytes }: Psbt): string => base64.encode(bytes)

/** Coins of the wallet as inputs. */
async function coins(count: number): Promise<{ txid: string; vout: number; amount: number }[]> {
  return (await node.rpc('listunspent')).slice(0, count)
}

/** A PSBT of this many coins of the wallet that tells nothing but the transaction, as programs elsewhere make it. */
async function bare(count = 1): Promise<string> {
  const inputs = (await coins(count)).map(({ txid, vout }) => ({ txid, vout }))
  return node.rpc('createpsbt', inputs, [{ [STRANGER]: 49.9999 * count }])
}

/** The same, with the wallet's coins and keys. */
async function filled(count = 1): Promise<string> {
  return (await node.rpc('walletprocesspsbt', await bare(count), false)).psbt
}

/** What the mempool says of it. */
async function allowed(hex: string): Promise<boolean> {
  const [verdict] = await node.rpc('testmempoolaccept', [hex])
  if (!verdict.allowed) throw new Error(verdict['reject-details'] ?? verdict['reject-reason'])
  return true
}

/** The PSBT after a change of its fields by another library. */
function changed(text: string, change: (psbt: ScureTransaction) => void): string {
  const psbt = ScureTransaction.fromPSBT(base64.decode(text), SCURE)
  change(psbt)
  return base64.encode(psbt.toPSBT(0))
}

test('finalizepsbt calls no PSBT complete whose signature has a flipped bit', async () => {
  const { psbt, complete } = await node.rpc('walletprocesspsbt', await filled(), true, null, true, false)
  assert.equal(complete, true)
  const flipped = changed(psbt, (tx) => {
    const tapKeySig = tx.getInput(0).tapKeySig!.slice()
    tapKeySig[7] ^= 1
    tx.updateInput(0, { tapKeySig }, true)
  })
  const final = await node.rpc('finalizepsbt', flipped)
  assert.deepEqual([final.complete, final.hex, read(final.psbt).inputs[0].isFinal], [false, undefined, false])
  // The wallet's own signature takes its place.
  assert.equal((await node.rpc('walletprocesspsbt', flipped)).complete, true)
})

test("what a PSBT says of the wallet's coin is held against the ledger", async () => {
  const text = await filled()
  const rich = changed(text, (tx) => {
    const { amount, script } = tx.getInput(0).witnessUtxo!
    tx.updateInput(0, { witnessUtxo: { amount: amount + 1_000_000_000n, script } }, true)
  })
  const elsewhere = changed(text, (tx) => {
    const { amount } = tx.getInput(0).witnessUtxo!
    tx.updateInput(0, { witnessUtxo: { amount, script: tx.getOutput(0).script! } }, true)
  })
  for (const method of ['walletprocesspsbt', 'finalizepsbt', 'utxoupdatepsbt']) {
    const { code, message } = await node.failure(method, rich)
    assert.deepEqual([code, message.includes('holds 60.00000000 coins; it holds 50.00000000')], [-4, true])
    assert.match((await node.failure(method, elsewhere)).message, /another address/)
  }
})

test('a final PSBT is complete, locked or not, and so is one that has only some of its witnesses', async () => {
  const { psbt: final, hex } = await node.rpc('walletprocesspsbt', await filled(2))
  assert.deepEqual(await node.rpc('walletprocesspsbt', final), { psbt: final, complete: true, hex })
  assert.deepEqual(await node.rpc('finalizepsbt', final), { hex, complete: true })
  assert.ok(await allowed(hex))

  const half = changed(await bare(2), (tx) => {
    const [first] = read(final).maps.inputs
    tx.updateInput(0, { ...first }, true)
  })
  assert.deepEqual(
    read(half).inputs.map(({ isFinal }) => isFinal),
    [true, false],
  )
  const rest = await node.rpc('walletprocesspsbt', half)
  assert.equal(rest.complete, true)
  assert.ok(await allowed(rest.hex))
  node.signer.lock()
  assert.equal((await node.rpc('walletprocesspsbt', final)).complete, true)
  assert.equal((await node.failure('walletprocesspsbt', half)).code, -13)
  value(await node.signer.unlock('a long walk'))
})

test('coins and keys that a PSBT leaves out are filled in from the wallet', async () => {
  const text = await bare(2)
  assert.deepEqual(
    read(text).inputs.map(({ spent, key }) => [spent, key]),
    [
      [undefined, undefined],
      [undefined, undefined],
    ],
  )
  const coinsOnly = await node.rpc('utxoupdatepsbt', text)
  assert.deepEqual(
    read(coinsOnly).inputs.map(({ spent, key }) => [spent?.value, key]),
    [
      [50e8, undefined],
      [50e8, undefined],
    ],
  )
  for (const form of [text, coinsOnly]) {
    const { complete, hex } = await node.rpc('walletprocesspsbt', form)
    assert.equal(complete, true)
    assert.ok(await allowed(hex))
  }
  const updated = read((await node.rpc('walletprocesspsbt', text, false)).psbt)
  assert.ok(updated.inputs.every(({ key }) => key))
})

test('a key that a PSBT gives another origin, as watching programs do that know none, is signed by all the same', async () => {
  const text = changed(await filled(), (tx) => {
    const [[key, { hashes, der }]] = tx.getInput(0).tapBip32Derivation!
    tx.updateInput(0, { tapBip32Derivation: undefined })
    tx.updateInput(0, { tapBip32Derivation: [[key, { hashes, der: { ...der, fingerprint: 0 } }]] })
  })
  assert.equal(read(text).inputs[0].key?.origin.fingerprint, 0)
  assert.equal((await node.rpc('walletprocesspsbt', text)).complete, true)
})

test('bip32derivs false tells no key, and signs all the same', async () => {
  const text = await bare()
  const silent = await node.rpc('walletprocesspsbt', text, true, 'DEFAULT', false, false)
  assert.equal(silent.complete, true)
  assert.equal(read(silent.psbt).inputs[0].key, undefined)
  assert.ok(read(silent.psbt).maps.inputs[0].tapKeySig)
  const telling = await node.rpc('walletprocesspsbt', text, true, 'DEFAULT', true, false)
  assert.ok(read(telling.psbt).inputs[0].key)
})

test('change to a key that the wallet does not look for is refused', async () => {
  const [coin] = await coins(1)
  const far = (branch: number, index: number): string => {
    const key = descriptor.derive(branch, index)
    const own: PsbtKey = key
    const { inputs } = read(filledText)
    return written(
      Psbt.of({
        inputs,
        outputs: [
          {
            value: Math.round(coin.amount * 1e8 - 5_000) as never,
            scriptPubKey: p2trScript(key.outputKey),
            key: own,
          },
        ],
        lockTime: 0,
      }),
    )
  }
  const filledText = await filled()
  for (const [branch, index] of [
    [1, 2_000_000_000],
    [1, 40],
    [0, 100],
  ] as const) {
    const { code, message } = await node.failure('walletprocesspsbt', far(branch, index))
    assert.equal(code, -4)
    assert.match(message, new RegExp(`key ${index} of this wallet, which looks no further than key \\d+`))
  }
  assert.equal((await node.rpc('walletprocesspsbt', far(1, 19))).complete, true)
})

test('own outputs are told with their keys', async () => {
  const [{ txid, vout }] = await coins(1)
  const address = await node.rpc('getnewaddress')
  const text = await node.rpc('createpsbt', [{ txid, vout }], { [address]: 49 })
  const { psbt } = await node.rpc('walletprocesspsbt', text, false)
  assert.ok(read(psbt).outputs[0].key)
})

test('hash types are signed when they are asked for by name, and never because a PSBT asks', async () => {
  const text = await filled()
  for (const [name, type] of HASH_TYPES) {
    const asking = changed(text, (tx) => tx.updateInput(0, { sighashType: type }, true))
    const given: [string, ...unknown[]][] = [
      [asking, true, name, true, false],
      [text, true, name, true, false],
    ]
    for (const args of given) {
      const { psbt, complete, hex } = await node.rpc('walletprocesspsbt', ...args)
      assert.equal(complete, true, name)
      assert.ok(await allowed(hex), name)
      const signature = read(psbt).maps.inputs[0].tapKeySig!
      assert.deepEqual([signature.length, signature[64]], type === 0 ? [64, undefined] : [65, type])
      assert.equal((await node.rpc('decodepsbt', psbt)).inputs[0].sighash ?? 'DEFAULT', name)
    }
    if (type === 0) continue
    for (const args of [[asking], [asking, true, 'DEFAULT']]) {
      const { code, message } = await node.failure('walletprocesspsbt', ...args)
      assert.equal(code, -22)
      assert.ok(message.includes(name), message)
    }
  }
  assert.equal((await node.failure('walletprocesspsbt', text, true, 'EVERYTHING')).code, -8)
  const wide = await filled(2)
  const { code } = await node.failure('walletprocesspsbt', wide, true, 'SINGLE')
  assert.equal(code, -22, 'the second input has no output at its place')
})

test('a coin of a script tree is signed for the leaf that the wallet has a key in', async () => {
  const own = descriptor.derive(0, 0)
  const partner = new Uint8Array(32).fill(7)
  const script = concatBytes(
    ...[pushData(own.internalKey), Uint8Array.of(OP_CHECKSIGVERIFY)],
    ...[pushData(schnorr.getPublicKey(partner)), Uint8Array.of(OP_CHECKSIG)],
  )
  const tree = { script, leafVersion: TAPSCRIPT_LEAF_VERSION }
  const nobody = schnorr.getPublicKey(new Uint8Array(32).fill(8))
  const { outputKey } = taprootOutputKey(nobody, rootOf(tree))!
  const address = encodeAddress(outputKey, RIG_PARAMS.addressPrefix)
  const txid = await node.rpc('sendtoaddress', address, 2)
  const { vout } = await node.rpc('getrawtransaction', txid, 1)
  const n = vout.findIndex(({ scriptPubKey }: Json) => scriptPubKey.address === address)

  const text = await node.rpc(
    'utxoupdatepsbt',
    await node.rpc('createpsbt', [{ txid, vout: n }], { [STRANGER]: 1.99 }),
  )
  assert.equal(read(text).inputs[0].spent?.value, 2e8, 'the mempool knows the coin')
  const leafHash = rootOf(tree)
  const asked = changed(text, (tx) =>
    tx.updateInput(0, {
      tapLeafScript: [
        [
          TaprootControlBlock.decode(controlBlocksOf(nobody, tree)[0]),
          concatBytes(script, Uint8Array.of(TAPSCRIPT_LEAF_VERSION)),
        ],
      ],
      tapBip32Derivation: [
        [
          own.internalKey,
          { hashes: [leafHash], der: { fingerprint: own.origin.fingerprint, path: [...own.origin.path] } },
        ],
      ],
    }),
  )
  const ours = await node.rpc('walletprocesspsbt', asked)
  assert.equal(ours.complete, false)
  assert.equal((await node.rpc('analyzepsbt', ours.psbt)).next, 'signer')
  const [[key]] = read(ours.psbt).maps.inputs[0].tapScriptSig!
  assert.deepEqual([key.pubKey, key.leafHash], [own.internalKey, leafHash])

  const theirs = read(asked)
  const context = { leafHash, codeSeparatorPosition: 0xffffffff }
  const message = new SighashCache(theirs.unsigned, theirs.spentOutputs!).sighash(0, 0, undefined, context)!
  theirs.addLeafSignature(0, schnorr.getPublicKey(partner), leafHash, schnorr.sign(message, partner))
  const both = await node.rpc('combinepsbt', [ours.psbt, written(theirs)])
  assert.equal((await node.rpc('analyzepsbt', both)).next, 'finalizer')
  const kept = await node.rpc('finalizepsbt', both, false)
  assert.equal((await node.rpc('analyzepsbt', kept.psbt)).next, 'extractor')
  const { hex, complete } = await node.rpc('finalizepsbt', both)
  assert.equal(complete, true)
  await node.rpc('sendrawtransaction', hex)
})

test('decodepsbt tells every field, of PSBTs without inputs and of version 2 too', async () => {
  const none = await node.rpc('createpsbt', [], { [STRANGER]: 1 })
  const empty = await node.rpc('decodepsbt', none)
  assert.deepEqual([empty.tx.vin, empty.inputs, empty.outputs, empty.fee], [[], [], [{}], -1])
  assert.equal(empty.tx.vout[0].scriptPubKey.address, STRANGER)

  const text = await filled()
  const decoded = await node.rpc('decodepsbt', text)
  assert.deepEqual(
    [decoded.psbt_version, decoded.global_xpubs, decoded.fee.toFixed(8)],
    [0, [], '0.00010000'],
  )
  const [input] = decoded.inputs
  assert.equal(input.witness_utxo.amount, 50)
  assert.equal(input.witness_utxo.scriptPubKey.type, 'witness_v1_taproot')
  const { key } = read(text).inputs[0]
  const [derivation] = input.taproot_bip32_derivs
  assert.deepEqual(derivation.leaf_hashes, [])
  assert.equal(derivation.pubkey, bytesToHex(key!.internalKey))
  assert.match(derivation.path, /^m\/86h\/1h\/0h\/0\/\d+$/)
  assert.equal(input.taproot_internal_key, derivation.pubkey)

  const two = ScureTransaction.fromPSBT(base64.decode(text), SCURE).toPSBT(2)
  assert.deepEqual(await node.rpc('decodepsbt', base64.encode(two)), decoded)
  const { complete, hex } = await node.rpc('walletprocesspsbt', base64.encode(two))
  assert.equal(complete, true)
  assert.ok(await allowed(hex))
})

test('fields that are not known are kept, and told in hex', async () => {
  const unknown: [{ type: number; key: Uint8Array }, Uint8Array][] = [
    [{ type: 0x77, key: Uint8Array.of(1, 2) }, Uint8Array.of(3)],
  ]
  const proprietary: [Uint8Array, Uint8Array][] = [[Uint8Array.of(2, 0x61, 0x62, 5, 9), Uint8Array.of(8)]]
  const text = changed(await filled(), (tx) => {
    tx.updateInput(0, { unknown, proprietary })
    tx.updateOutput(0, { unknown, proprietary })
  })
  const told = { identifier: '6162', subtype: 5, key: 'fc0261620509', value: '08' }
  const { psbt } = await node.rpc('walletprocesspsbt', text)
  for (const one of [text, psbt]) {
    const { inputs, outputs } = await node.rpc('decodepsbt', one)
    for (const map of [inputs[0], outputs[0]]) {
      assert.deepEqual(map.unknown, { '770102': '03' })
      assert.deepEqual(map.proprietary, [told])
    }
  }
})

test('a PSBT is taken in base64 on several lines, and in hex', async () => {
  const text = await bare()
  const lines = text.replace(/.{64}/g, '$&\n')
  const hex = bytesToHex(base64.decode(text))
  for (const form of [lines, ` ${text}\n`, hex, hex.toUpperCase()])
    assert.equal(await node.rpc('combinepsbt', [form]), text)
})

test('createpsbt and converttopsbt make what the arguments say', async () => {
  const [{ txid, vout }] = await coins(1)
  const data = 'c0ffee'
  const text = await node.rpc(
    'createpsbt',
    [
      { txid, vout },
      { txid, vout: vout + 1, sequence: 9 },
    ],
    [{ [STRANGER]: 0.5 }, { data }],
    100,
    false,
    1,
  )
  const { tx } = await node.rpc('decodepsbt', text)
  assert.deepEqual(
    [tx.version, tx.locktime, tx.vin.map(({ sequence }: Json) => sequence)],
    [1, 100, [0xfffffffe, 9]],
  )
  assert.equal(tx.vout[1].scriptPubKey.hex, `6a03${data}`)
  const replaceable = await node.rpc('createpsbt', [{ txid, vout }], {})
  assert.equal((await node.rpc('decodepsbt', replaceable)).tx.vin[0].sequence, 0xfffffffd)
  assert.equal((await node.failure('createpsbt', [], { nobody: 1 })).code, -5)

  const { hex } = await node.rpc('walletprocesspsbt', await bare())
  assert.equal((await node.failure('converttopsbt', hex)).code, -22)
  const converted = await node.rpc('converttopsbt', hex, true)
  assert.equal(read(converted).inputs[0].isFinal, false)
  assert.ok(await allowed((await node.rpc('walletprocesspsbt', converted)).hex))
})

test('joinpsbts puts the inputs and outputs of several together, of none twice', async () => {
  const [a, b] = await coins(2)
  const one = await node.rpc('createpsbt', [{ txid: a.txid, vout: a.vout }], { [STRANGER]: 49.9999 }, 5)
  const two = await node.rpc('createpsbt', [{ txid: b.txid, vout: b.vout }], { [STRANGER]: 49.9998 }, 7)
  const joined = await node.rpc('joinpsbts', [one, (await node.rpc('walletprocesspsbt', two, false)).psbt])
  const { tx, inputs } = await node.rpc('decodepsbt', joined)
  assert.equal(tx.locktime, 5)
  assert.deepEqual(new Set(tx.vin.map(({ txid }: Json) => txid)), new Set([a.txid, b.txid]))
  assert.deepEqual(new Set(tx.vout.map(({ value }: Json) => value)), new Set([49.9999, 49.9998]))
  const at = tx.vin.findIndex(({ txid }: Json) => txid === b.txid)
  assert.equal(inputs[at].witness_utxo.amount, 50, 'its fields go with it')
  assert.ok(await allowed((await node.rpc('walletprocesspsbt', joined)).hex))
  assert.equal((await node.failure('joinpsbts', [one])).code, -8)
  assert.match((await node.failure('joinpsbts', [one, one])).message, /More than one .* spends the coin/)
  assert.match((await node.failure('combinepsbt', [one, two])).message, /different transactions/)
})

test('analyzepsbt says what a PSBT waits for and costs', async () => {
  const states: [string, string][] = [
    [await bare(), 'updater'],
    [await filled(), 'signer'],
    [(await node.rpc('walletprocesspsbt', await bare(), true, null, true, false)).psbt, 'finalizer'],
    [(await node.rpc('walletprocesspsbt', await bare())).psbt, 'extractor'],
  ]
  for (const [text, next] of states) {
    const analysis = await node.rpc('analyzepsbt', text)
    assert.equal(analysis.next, next)
    assert.deepEqual(analysis.inputs, [
      { has_utxo: next !== 'updater', is_final: next === 'extractor', next },
    ])
    if (next !== 'updater')
      assert.deepEqual([analysis.fee.toFixed(8), analysis.estimated_vsize], ['0.00010000', 111])
  }
  const [{ txid, vout }] = await coins(1)
  const over = await node.rpc('createpsbt', [{ txid, vout }], { [STRANGER]: 51 })
  assert.ok((await node.rpc('analyzepsbt', await node.rpc('utxoupdatepsbt', over))).error)
})

test('a coin of another is left to its owner', async () => {
  const [{ txid, vout }] = await coins(1)
  const theirs = { txid: 'cd'.repeat(32), vout: 0 }
  const alone = await node.rpc('createpsbt', [theirs], { [STRANGER]: 1 })
  const told = changed(alone, (tx) =>
    tx.updateInput(0, { witnessUtxo: { amount: 5n, script: hexToBytes(`5120${'11'.repeat(32)}`) } }),
  )
  assert.match((await node.failure('walletprocesspsbt', told)).message, /No coin .* belongs to this wallet/)
  const joint = await node.rpc('createpsbt', [{ txid, vout }, theirs], { [STRANGER]: 1 })
  const { code, message } = await node.failure('walletprocesspsbt', joint)
  assert.deepEqual([code, message.includes('leaves out which coins')], [-22, true])
})
