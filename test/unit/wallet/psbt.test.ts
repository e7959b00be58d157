/**
 * Promises: PSBTs are read and written as BIP174, BIP370 and BIP371 say, and what is none is refused by value; none is called complete
 * whose witnesses don't hold.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import { Transaction as ScureTransaction } from '@scure/btc-signer'
import { RawPSBTV2, TaprootControlBlock } from '@scure/btc-signer/psbt.js'
import { RawTx } from '@scure/btc-signer/script.js'
import fc from 'fast-check'
import { sats } from '../../../src/primitives/amount.ts'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import {
  outpointKey,
  Transaction,
  type TxOutput,
  unsignedInput,
} from '../../../src/primitives/transaction.ts'
import { hash160 } from '../../../src/script/interpreter.ts'
import {
  OP_0NOTEQUAL,
  OP_ADD,
  OP_CHECKSEQUENCEVERIFY,
  OP_CHECKSIG,
  OP_CHECKSIGADD,
  OP_CHECKSIGVERIFY,
  OP_DUP,
  OP_ELSE,
  OP_ENDIF,
  OP_EQUAL,
  OP_EQUALVERIFY,
  OP_HASH160,
  OP_IF,
  OP_IFDUP,
  OP_NOTIF,
  OP_NUMEQUAL,
  OP_SHA256,
  OP_SIZE,
  OP_SWAP,
  pushData,
  pushNumber,
} from '../../../src/script/opcodes.ts'
import { SIGHASH_ALL, SIGHASH_DEFAULT, SighashCache } from '../../../src/script/sighash.ts'
import { p2trScript, taprootOutputKey, tweakSecretKey } from '../../../src/script/taproot.ts'
import { deriveAccount, wordsToEntropy } from '../../../src/signer/keys.ts'
import { MAX_PSBT_BYTES, Psbt } from '../../../src/wallet/psbt.ts'
import {
  controlBlocksOf,
  rootOf,
  TAPSCRIPT_LEAF_VERSION,
  tapLeafHash,
} from '../../support/tapscript-spends.ts'
import { scriptOf } from '../../support/transactions.ts'
import { codeOf, value, WORDS } from '../../support/wallets.ts'

const { descriptor, key: accountKey } = deriveAccount(value(wordsToEntropy(WORDS)), 1)
const keyOf = (branch: number, index: number) => {
  const key = descriptor.derive(branch, index)
  return { ...key, scriptPubKey: p2trScript(key.outputKey) }
}

function example(lockTime = 77): Psbt {
  const from = keyOf(0, 0)
  const change = keyOf(1, 0)
  return Psbt.of({
    inputs: [
      {
        prevout: { txid: new Uint8Array(32).fill(3), index: 2 },
        sequence: 0xfffffffd,
        spent: { value: sats(70_000), scriptPubKey: from.scriptPubKey },
        key: from,
      },
    ],
    outputs: [
      { value: sats(40_000), scriptPubKey: keyOf(0, 9).scriptPubKey, key: undefined },
      { value: sats(29_000), scriptPubKey: change.scriptPubKey, key: change },
      { value: sats(0), scriptPubKey: Uint8Array.of(0x6a, 1, 7), key: undefined },
    ],
    lockTime,
  })
}

const secretOf = (branch: number, index: number) =>
  accountKey.deriveChild(branch).deriveChild(index).privateKey!
const coinOf = (secret: Uint8Array): TxOutput => ({ value: sats(50_000), scriptPubKey: scriptOf(secret) })

/** Spends these coins, and pays all but the fee. */
function spending(coins: readonly TxOutput[]): Psbt {
  return Psbt.of({
    inputs: coins.map((spent, index) => ({
      prevout: { txid: new Uint8Array(32).fill(4), index },
      sequence: 3,
      spent,
      key: undefined,
    })),
    outputs: [{ value: sats(40_000), scriptPubKey: keyOf(0, 9).scriptPubKey, key: undefined }],
    lockTime: 0,
  })
}

/** Signs an input by key path, as others' signers do. `aux` makes the signature another one. */
function sign(psbt: Psbt, input: number, secret: Uint8Array, type: number = SIGHASH_DEFAULT, aux = 0): void {
  const message = new SighashCache(psbt.unsigned, psbt.spentOutputs!).sighash(input, type)!
  const signature = schnorr.sign(message, tweakSecretKey(secret), new Uint8Array(32).fill(aux))
  psbt.addSignature(input, type === SIGHASH_DEFAULT ? signature : concatBytes(signature, Uint8Array.of(type)))
}

/** Opcodes and pushes one after another. */
function bytesOf(...parts: readonly (Uint8Array | number)[]): Uint8Array {
  return concatBytes(...parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)))
}

/** Nobody signs with it. */
const NUMS = keyOf(0, 5).internalKey

/** Spends a coin by a leaf, one of two. */
function spendingLeaf(script: Uint8Array): Psbt {
  const leafVersion = TAPSCRIPT_LEAF_VERSION
  const tree = [
    { script, leafVersion },
    { script: Uint8Array.of(OP_CHECKSIG), leafVersion },
  ] as const
  const { outputKey } = taprootOutputKey(NUMS, rootOf(tree))!
  const psbt = spending([{ value: sats(50_000), scriptPubKey: p2trScript(outputKey) }])
  const controlBlock = TaprootControlBlock.decode(controlBlocksOf(NUMS, tree)[0])
  psbt.maps.inputs[0] = {
    ...psbt.maps.inputs[0],
    tapLeafScript: [[controlBlock, bytesOf(script, leafVersion)]],
  }
  return value(Psbt.parse(psbt.bytes))
}

function signLeaf(psbt: Psbt, secret: Uint8Array): void {
  const [{ hash, script }] = psbt.inputs[0].leaves
  assert.deepEqual(hash, tapLeafHash(script))
  const context = { leafHash: hash, codeSeparatorPosition: 0xffffffff }
  const cache = new SighashCache(psbt.unsigned, psbt.spentOutputs!)
  const message = cache.sighash(0, SIGHASH_DEFAULT, undefined, context)!
  psbt.addLeafSignature(0, schnorr.getPublicKey(secret), hash, schnorr.sign(message, secret))
}

test('a PSBT is read back as it was made', () => {
  const made = example()
  const read = value(Psbt.parse(made.bytes))
  assert.deepEqual(read.inputs, made.inputs)
  assert.deepEqual(read.outputs, made.outputs)
  assert.equal(read.unsigned.txid, made.unsigned.txid)
  assert.equal(read.unsigned.lockTime, 77)
  assert.deepEqual(read.inputs[0].key?.origin, keyOf(0, 0).origin)
  assert.deepEqual(read.outputs[1].key?.internalKey, keyOf(1, 0).internalKey)
  assert.equal(codeOf(read.extract()), 'psbt-incomplete')
})

test('signatures of two copies come together, those of another payment do not', () => {
  const coins = [secretOf(0, 0), secretOf(0, 1)].map(coinOf)
  const [one, two] = [spending(coins), spending(coins)]
  sign(one, 0, secretOf(0, 0))
  sign(two, 1, secretOf(0, 1))
  assert.equal(codeOf(one.extract()), 'psbt-incomplete')
  const combined = value(one.combine(two))
  assert.deepEqual(
    value(combined.extract()).inputs.map(({ witness }) => witness),
    [one, two].map(({ maps }, i) => [maps.inputs[i].tapKeySig]),
  )
  assert.equal(codeOf(example(78).combine(example())), 'psbt-mismatch')
})

test('two signatures of the same input, or a final one beside a partial one, come together too', () => {
  const coins = [coinOf(secretOf(0, 0))]
  const [one, two] = [spending(coins), spending(coins)]
  sign(one, 0, secretOf(0, 0), SIGHASH_DEFAULT, 1)
  sign(two, 0, secretOf(0, 0), SIGHASH_DEFAULT, 2)
  assert.notDeepEqual(one.bytes, two.bytes)
  assert.deepEqual(value(one.combine(two)).bytes, one.bytes)
  const final = value(one.finalized().combine(two))
  assert.deepEqual(final.bytes, one.finalized().bytes)
  assert.deepEqual(value(two.combine(one.finalized())).bytes, final.bytes)
})

test('a signature with one bit flipped completes nothing, in a final witness neither', () => {
  const coins = [coinOf(secretOf(0, 0))]
  for (const at of [0, 31, 32, 63]) {
    const psbt = spending(coins)
    sign(psbt, 0, secretOf(0, 0))
    const { bytes } = psbt.finalized()
    const signature = psbt.maps.inputs[0].tapKeySig!.slice()
    assert.ok(value(Psbt.parse(bytes)).extract().ok)
    signature[at] ^= 1
    psbt.addSignature(0, signature)
    assert.equal(codeOf(psbt.extract()), 'psbt-incomplete')
    assert.equal(psbt.finalized().inputs[0].isFinal, false)
    const final = value(Psbt.parse(bytes))
    final.maps.inputs[0].finalScriptWitness = [signature]
    const read = value(Psbt.parse(final.bytes))
    assert.ok(read.inputs[0].isFinal)
    assert.equal(codeOf(read.extract()), 'psbt-incomplete')
  }
})

test('a coin that the PSBT does not tell of leaves it incomplete, and so does one of another kind', () => {
  const coins = [secretOf(0, 0), secretOf(0, 1)].map(coinOf)
  const psbt = spending(coins)
  for (const i of [0, 1]) sign(psbt, i, secretOf(0, i))
  assert.ok(psbt.extract().ok)
  delete psbt.maps.inputs[1].witnessUtxo
  const unknown = value(Psbt.parse(psbt.bytes))
  assert.equal(unknown.fee, undefined)
  assert.equal(codeOf(unknown.extract()), 'psbt-incomplete')
  assert.equal(unknown.finalized().inputs[0].isFinal, false)
  assert.deepEqual(unknown.updated([{}, { spent: coins[1] }], []).extract().ok, true)
})

test('a signature of another hash type than the PSBT asks for is not made final', () => {
  const coins = [coinOf(secretOf(0, 0))]
  for (const [asked, signed, complete] of [
    [SIGHASH_ALL, SIGHASH_ALL, true],
    [SIGHASH_DEFAULT, SIGHASH_DEFAULT, true],
    [SIGHASH_ALL, SIGHASH_DEFAULT, false],
    [SIGHASH_DEFAULT, SIGHASH_ALL, false],
    [0x83, 0x83, true],
  ] as const) {
    const psbt = spending(coins)
    sign(psbt, 0, secretOf(0, 0), signed)
    psbt.maps.inputs[0].sighashType = asked
    assert.equal(psbt.extract().ok, complete, `${asked} ${signed}`)
  }
})

const [ALICE, BOB, CAROL] = [11, 12, 13].map((fill) => new Uint8Array(32).fill(fill))
const keyIn = (secret: Uint8Array) => pushData(schnorr.getPublicKey(secret))
const PREIMAGE = new Uint8Array(32).fill(5)

/** A leaf in Core's order of opcodes, who must sign it, and who may as well. */
const LEAVES: readonly {
  readonly name: string
  readonly script: Uint8Array
  readonly needs: readonly Uint8Array[]
  readonly offers?: readonly Uint8Array[]
  readonly preimage?: boolean
}[] = [
  { name: 'pk(alice)', script: bytesOf(keyIn(ALICE), OP_CHECKSIG), needs: [ALICE] },
  {
    name: 'and_v(v:pk(alice),pk(bob))',
    script: bytesOf(keyIn(ALICE), OP_CHECKSIGVERIFY, keyIn(BOB), OP_CHECKSIG),
    needs: [ALICE, BOB],
  },
  {
    name: 'multi_a(2,alice,bob,carol)',
    script: bytesOf(
      ...[keyIn(ALICE), OP_CHECKSIG, keyIn(BOB), OP_CHECKSIGADD, keyIn(CAROL), OP_CHECKSIGADD],
      ...[pushNumber(2), OP_NUMEQUAL],
    ),
    needs: [BOB, CAROL],
    offers: [ALICE],
  },
  {
    name: 'and_v(v:pk(alice),older(3))',
    script: bytesOf(keyIn(ALICE), OP_CHECKSIGVERIFY, pushNumber(3), OP_CHECKSEQUENCEVERIFY),
    needs: [ALICE],
  },
  {
    name: 'and_v(v:sha256(h),pk(alice))',
    script: bytesOf(
      ...[OP_SIZE, pushNumber(32), OP_EQUALVERIFY, OP_SHA256, pushData(sha256(PREIMAGE)), OP_EQUALVERIFY],
      ...[keyIn(ALICE), OP_CHECKSIG],
    ),
    needs: [ALICE],
    preimage: true,
  },
  {
    name: 'or_i(pk(alice),and_v(v:pk(bob),pk(carol)))',
    script: bytesOf(
      ...[
        OP_IF,
        keyIn(ALICE),
        OP_CHECKSIG,
        OP_ELSE,
        keyIn(BOB),
        OP_CHECKSIGVERIFY,
        keyIn(CAROL),
        OP_CHECKSIG,
      ],
      OP_ENDIF,
    ),
    needs: [BOB, CAROL],
    offers: [ALICE],
  },
  {
    name: 'or_d(pk(alice),and_v(v:pkh(bob),older(3)))',
    script: bytesOf(
      ...[keyIn(ALICE), OP_CHECKSIG, OP_IFDUP, OP_NOTIF, OP_DUP, OP_HASH160],
      ...[pushData(hash160(schnorr.getPublicKey(BOB))), OP_EQUALVERIFY, OP_CHECKSIGVERIFY],
      ...[pushNumber(3), OP_CHECKSEQUENCEVERIFY, OP_ENDIF],
    ),
    needs: [BOB],
    offers: [ALICE],
  },
  {
    name: 'andor(pk(alice),pk(bob),pk(carol)), by whoever has the last',
    script: bytesOf(
      ...[keyIn(ALICE), OP_CHECKSIG, OP_NOTIF, keyIn(CAROL), OP_CHECKSIG, OP_ELSE, keyIn(BOB), OP_CHECKSIG],
      OP_ENDIF,
    ),
    needs: [CAROL],
    offers: [ALICE, BOB],
  },
  {
    name: 'and_v(or_c(pk(alice),v:sha256(h)),pk(bob))',
    script: bytesOf(
      ...[keyIn(ALICE), OP_CHECKSIG, OP_NOTIF, OP_SIZE, pushNumber(32), OP_EQUALVERIFY, OP_SHA256],
      ...[pushData(sha256(PREIMAGE)), OP_EQUALVERIFY, OP_ENDIF, keyIn(BOB), OP_CHECKSIG],
    ),
    needs: [ALICE, BOB],
  },
  {
    name: 'thresh(2,pk(alice),s:pk(bob),sln:older(3)) with a lock that has passed',
    script: bytesOf(
      ...[keyIn(ALICE), OP_CHECKSIG, OP_SWAP, keyIn(BOB), OP_CHECKSIG, OP_ADD],
      ...[
        OP_SWAP,
        OP_IF,
        pushNumber(0),
        OP_ELSE,
        pushNumber(3),
        OP_CHECKSEQUENCEVERIFY,
        OP_0NOTEQUAL,
        OP_ENDIF,
      ],
      ...[OP_ADD, pushNumber(2), OP_EQUAL],
    ),
    needs: [BOB],
    offers: [ALICE],
  },
]

for (const { name, script, needs, offers = [], preimage } of LEAVES)
  test(`a leaf ${name} is complete with what it takes, and with nothing less`, () => {
    const psbt = spendingLeaf(script)
    const allButLast = [...(preimage ? [] : needs.slice(0, -1))]
    for (const secret of allButLast) signLeaf(psbt, secret)
    assert.equal(codeOf(psbt.extract()), 'psbt-incomplete')
    for (const secret of needs) signLeaf(psbt, secret)
    if (preimage) {
      assert.equal(codeOf(psbt.extract()), 'psbt-incomplete')
      psbt.maps.inputs[0].sha256 = [[sha256(PREIMAGE), PREIMAGE]]
    }
    assert.ok(psbt.extract().ok, name)
    for (const secret of offers) signLeaf(psbt, secret)
    const read = value(Psbt.parse(psbt.bytes))
    const final = read.finalized()
    assert.ok(final.extract().ok, `${name} with more than it takes`)
    const { finalScriptWitness, tapScriptSig, tapLeafScript } = final.maps.inputs[0]
    assert.deepEqual([tapScriptSig, tapLeafScript], [undefined, undefined])
    assert.deepEqual(finalScriptWitness?.at(-2), script)
  })

test('version 2 is read, and becomes version 0', () => {
  const coin = coinOf(secretOf(0, 0))
  const two = new ScureTransaction({ PSBTVersion: 2, version: 2, lockTime: 55 })
  two.addInput({
    txid: 'ab'.repeat(32),
    index: 7,
    sequence: 5,
    witnessUtxo: { amount: BigInt(coin.value), script: coin.scriptPubKey },
  })
  two.addOutput({ amount: 9n, script: coin.scriptPubKey })
  const read = value(Psbt.parse(two.toPSBT(2)))
  assert.deepEqual(read.bytes, two.toPSBT(0))
  assert.equal(read.unsigned.lockTime, 55)
  assert.deepEqual(read.inputs[0].spent, coin)
  assert.equal(outpointKey(read.inputs[0].prevout), `${'ab'.repeat(32)}:7`)
  assert.deepEqual(value(Psbt.parse(read.bytes)).inputs, read.inputs)
})

/** Lock times that inputs of version 2 ask for, and what BIP370 makes of them. */
const LOCK_TIMES: readonly [
  inputs: readonly { readonly height?: number; readonly time?: number }[],
  lockTime: number | undefined,
][] = [
  [[{}, {}], 7],
  [[{ height: 10_000 }, {}], 10_000],
  [[{ height: 9_000 }, { height: 10_000 }], 10_000],
  [[{ height: 10_000, time: 1_657_048_460 }, { height: 9_000 }], 10_000],
  [[{ height: 10_000, time: 1_657_048_460 }, { time: 1_657_048_459 }], 1_657_048_460],
  [
    [
      { height: 10_000, time: 1_657_048_460 },
      { height: 9_000, time: 1_657_048_461 },
    ],
    10_000,
  ],
  [[{ height: 10_000 }, { time: 1_657_048_460 }], undefined],
]

test('the lock time of version 2 is the one that all its inputs can have', () => {
  for (const [inputs, lockTime] of LOCK_TIMES) {
    const raw = {
      global: { version: 2, txVersion: 2, fallbackLocktime: 7, inputCount: inputs.length, outputCount: 0 },
      inputs: inputs.map(({ height, time }, index) => ({
        txid: new Uint8Array(32).fill(1),
        index,
        ...(height && { requiredHeightLocktime: height }),
        ...(time && { requiredTimeLocktime: time }),
      })),
      outputs: [],
    }
    const parsed = Psbt.parse(RawPSBTV2.encode(raw as unknown as Parameters<typeof RawPSBTV2.encode>[0]))
    assert.equal(parsed.ok ? parsed.value.unsigned.lockTime : undefined, lockTime, JSON.stringify(inputs))
  }
})

test('a PSBT without inputs is read and written as it is', () => {
  for (const outputs of [[], [{ value: sats(5), scriptPubKey: keyOf(0, 0).scriptPubKey, key: undefined }]]) {
    const { bytes } = Psbt.of({ inputs: [], outputs, lockTime: 0 })
    const read = value(Psbt.parse(bytes))
    assert.deepEqual([read.inputs.length, read.outputs], [0, outputs])
    assert.deepEqual(read.bytes, bytes)
    assert.equal(codeOf(read.extract()), 'psbt-incomplete')
  }
})

test('a PSBT that contradicts itself about a coin, or has more money than there can be, is none', () => {
  const coin = coinOf(secretOf(0, 0))
  const former = Transaction.of({
    version: 2,
    inputs: [unsignedInput({ txid: new Uint8Array(32), index: 0 }, 0)],
    outputs: [coin],
    lockTime: 0,
  })
  const withFormer = (index: number, spent: TxOutput | undefined, bytes = former.bytes): string => {
    const psbt = Psbt.of({
      inputs: [{ prevout: { txid: former.txidBytes, index }, sequence: 0, spent, key: undefined }],
      outputs: [],
      lockTime: 0,
    })
    psbt.maps.inputs[0].nonWitnessUtxo = RawTx.decode(bytes)
    return codeOf(Psbt.parse(psbt.bytes))
  }
  assert.equal(withFormer(0, coin), 'accepted')
  assert.equal(withFormer(0, undefined), 'accepted')
  assert.equal(withFormer(1, undefined), 'psbt-invalid')
  assert.equal(withFormer(0, { ...coin, value: sats(coin.value + 1) }), 'psbt-invalid')
  const other = Transaction.of({ ...former, version: 1 })
  assert.equal(withFormer(0, coin, other.bytes), 'psbt-invalid')
  const rich = example()
  rich.maps.inputs[0].witnessUtxo!.amount = 2n ** 53n
  assert.equal(codeOf(Psbt.parse(rich.bytes)), 'psbt-invalid')
})

test('bytes with one bit flipped are refused or read, never thrown at', () => {
  const { bytes } = example()
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
      const flipped = bytes.slice()
      flipped[at] ^= 1 << bit
      Psbt.parse(flipped)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) =>
      assert.equal(codeOf(Psbt.parse(noise)), 'psbt-invalid'),
    ),
  )
  assert.equal(codeOf(Psbt.parse(new Uint8Array(MAX_PSBT_BYTES + 1))), 'psbt-invalid')
})

test('a PSBT that spends a coin twice is refused: its fee would be told wrong', () => {
  const input = {
    prevout: { txid: new Uint8Array(32).fill(1), index: 0 },
    sequence: 0,
    spent: undefined,
    key: undefined,
  }
  const other = { ...input, prevout: { ...input.prevout, index: 1 } }
  const outputs = [{ value: sats(1), scriptPubKey: p2trScript(new Uint8Array(32)), key: undefined }]
  const of = (...inputs: (typeof input)[]) =>
    codeOf(Psbt.parse(Psbt.of({ inputs, outputs, lockTime: 0 }).bytes))
  assert.equal(of(input, other), 'accepted')
  assert.equal(of(input, other, input), 'psbt-invalid')
})

test('a PSBT of a transaction that nobody relays is refused: to read the keys of all it names would take minutes', () => {
  const withOutputs = (count: number): Psbt =>
    Psbt.of({
      inputs: [],
      outputs: Array.from({ length: count }, () => ({
        value: sats(1),
        scriptPubKey: p2trScript(new Uint8Array(32)),
        key: undefined,
      })),
      lockTime: 0,
    })
  const most = Math.floor((100_000 - 12) / 43)
  assert.equal(codeOf(Psbt.parse(withOutputs(most).bytes)), 'accepted')
  assert.equal(codeOf(Psbt.parse(withOutputs(most + 1).bytes)), 'psbt-invalid')
})
