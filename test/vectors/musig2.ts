/** MuSig2 (BIP327): the files of the BIP's reference code. */
import assert from 'node:assert/strict'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import {
  AggregateKey,
  keySort,
  MusigSession,
  nonceAgg,
  nonceGen,
  SecretNonce,
} from '../../src/script/musig2.ts'
import { value } from '../support/wallets.ts'
import { jsonRule, type VectorRule } from './rule.ts'

interface Failure {
  readonly type: string
  readonly signer?: number | null
  readonly contrib?: string
  readonly message?: string
}

/** Codes of the rejections by what BIP327 says is wrong. */
const CODES: Readonly<Record<string, string>> = {
  pubkey: 'musig2-public-key',
  pubnonce: 'musig2-public-nonce',
  aggnonce: 'musig2-aggregate-nonce',
}

function bytes(hex: string): Uint8Array {
  return hexToBytes(hex.toLowerCase())
}

function picked(list: readonly string[], indices: readonly number[]): Uint8Array[] {
  return indices.map((index) => bytes(list[index]))
}

/** That `result` is the rejection that `failure` describes; a signer at fault is named. */
function assertRejected(result: { ok: boolean; code?: string; detail?: string }, failure: Failure): void {
  assert.equal(result.ok, false)
  assert.equal(result.code, failure.contrib ? CODES[failure.contrib] : 'musig2-tweak')
  if (typeof failure.signer === 'number')
    assert.match(result.detail ?? '', new RegExp(`signer ${failure.signer} `))
}

function equalHex(actual: Uint8Array, expected: string): void {
  assert.equal(bytesToHex(actual), expected.toLowerCase())
}

interface KeyAggVectors {
  readonly pubkeys: readonly string[]
  readonly tweaks: readonly string[]
  readonly valid_test_cases: readonly { readonly key_indices: readonly number[]; readonly expected: string }[]
  readonly error_test_cases: readonly {
    readonly key_indices: readonly number[]
    readonly tweak_indices: readonly number[]
    readonly is_xonly: readonly boolean[]
    readonly error: Failure
    readonly comment: string
  }[]
}

const keyAgg = jsonRule<KeyAggVectors>(
  'musig2',
  ['pubkeys', 'tweaks', 'valid_test_cases', 'error_test_cases'],
  [],
  ({ pubkeys, tweaks, valid_test_cases, error_test_cases }, report) => {
    for (const { key_indices, expected } of valid_test_cases)
      report.row(`keys ${key_indices}`, () =>
        equalHex(value(AggregateKey.of(picked(pubkeys, key_indices))).xOnly, expected),
      )
    for (const { key_indices, tweak_indices, is_xonly, error, comment } of error_test_cases)
      report.row(comment, () => {
        const aggregate = AggregateKey.of(picked(pubkeys, key_indices))
        if (tweak_indices.length === 0) return assertRejected(aggregate, error)
        assert.equal(tweak_indices.length, 1)
        const tweak = bytes(tweaks[tweak_indices[0]])
        assertRejected(value(aggregate).tweaked(tweak, is_xonly[0] ? 'x-only' : 'plain'), error)
      })
  },
)

interface KeySortVectors {
  readonly pubkeys: readonly string[]
  readonly sorted_pubkeys: readonly string[]
}

const keySorting = jsonRule<KeySortVectors>(
  'musig2',
  ['pubkeys', 'sorted_pubkeys'],
  [],
  ({ pubkeys, sorted_pubkeys }, report) =>
    report.row('sorted keys', () =>
      assert.deepEqual(
        keySort(pubkeys.map(bytes)).map(bytesToHex),
        sorted_pubkeys.map((key) => key.toLowerCase()),
      ),
    ),
)

interface NonceAggVectors {
  readonly pnonces: readonly string[]
  readonly valid_test_cases: readonly {
    readonly pnonce_indices: readonly number[]
    readonly expected: string
  }[]
  readonly error_test_cases: readonly {
    readonly pnonce_indices: readonly number[]
    readonly error: Failure
    readonly comment: string
  }[]
}

const nonceAggregation = jsonRule<NonceAggVectors>(
  'musig2',
  ['pnonces', 'valid_test_cases', 'error_test_cases'],
  [],
  ({ pnonces, valid_test_cases, error_test_cases }, report) => {
    for (const { pnonce_indices, expected } of valid_test_cases)
      report.row(`nonces ${pnonce_indices}`, () =>
        equalHex(value(nonceAgg(picked(pnonces, pnonce_indices))), expected),
      )
    for (const { pnonce_indices, error, comment } of error_test_cases)
      report.row(comment, () => assertRejected(nonceAgg(picked(pnonces, pnonce_indices)), error))
  },
)

interface NonceGenVectors {
  readonly test_cases: readonly {
    readonly rand_: string
    readonly sk: string | null
    readonly pk: string
    readonly aggpk: string | null
    readonly msg: string | null
    readonly extra_in: string | null
    readonly expected_secnonce: string
    readonly expected_pubnonce: string
  }[]
}

function optional(hex: string | null): Uint8Array | undefined {
  return hex === null ? undefined : bytes(hex)
}

const nonceGeneration = jsonRule<NonceGenVectors>('musig2', ['test_cases'], [], ({ test_cases }, report) => {
  for (const [index, row] of test_cases.entries())
    report.row(`case ${index}`, () => {
      const nonce = nonceGen({
        random: bytes(row.rand_),
        publicKey: bytes(row.pk),
        secretKey: optional(row.sk),
        aggregateKey: optional(row.aggpk),
        message: optional(row.msg),
        extra: optional(row.extra_in),
      })
      // The public half tells whether the secret one is right: there is but one for it.
      equalHex(nonce.publicNonce, row.expected_pubnonce)
      const expected = SecretNonce.fromBytes(bytes(row.expected_secnonce))
      assert.deepEqual(nonce.take(), expected.take())
      assert.deepEqual(nonce.publicKey, expected.publicKey)
    })
})

interface SignVectors {
  readonly sk: string
  readonly pubkeys: readonly string[]
  readonly secnonces: readonly string[]
  readonly pnonces: readonly string[]
  readonly aggnonces: readonly string[]
  readonly msgs: readonly string[]
  readonly valid_test_cases: readonly {
    readonly key_indices: readonly number[]
    readonly nonce_indices: readonly number[]
    readonly aggnonce_index: number
    readonly msg_index: number
    readonly signer_index: number
    readonly expected: string
  }[]
  readonly sign_error_test_cases: readonly {
    readonly key_indices: readonly number[]
    readonly aggnonce_index: number
    readonly msg_index: number
    readonly secnonce_index: number
    readonly error: Failure
    readonly comment: string
  }[]
  readonly verify_fail_test_cases: readonly VerifyCase[]
  readonly verify_error_test_cases: readonly (VerifyCase & { readonly error: Failure })[]
}

interface VerifyCase {
  readonly sig: string
  readonly key_indices: readonly number[]
  readonly nonce_indices: readonly number[]
  readonly msg_index: number
  readonly signer_index: number
  readonly comment: string
}

const signing = jsonRule<SignVectors>(
  'musig2',
  ['sk', 'pubkeys', 'secnonces', 'pnonces', 'aggnonces', 'msgs', 'valid_test_cases', 'sign_error_test_cases'],
  ['verify_fail_test_cases', 'verify_error_test_cases'],
  (content, report) => {
    const { sk, pubkeys, secnonces, pnonces, aggnonces, msgs } = content
    for (const {
      key_indices,
      nonce_indices,
      aggnonce_index,
      msg_index,
      signer_index,
      expected,
    } of content.valid_test_cases)
      report.row(`keys ${key_indices}, message ${msg_index}`, () => {
        const keys = picked(pubkeys, key_indices)
        const nonces = picked(pnonces, nonce_indices)
        const aggregateNonce = value(nonceAgg(nonces))
        equalHex(aggregateNonce, aggnonces[aggnonce_index])
        const session = value(
          MusigSession.start(value(AggregateKey.of(keys)), aggregateNonce, bytes(msgs[msg_index])),
        )
        const partial = session.sign(SecretNonce.fromBytes(bytes(secnonces[0])), bytes(sk))
        equalHex(partial, expected)
        assert.ok(session.verify(partial, nonces[signer_index], keys[signer_index]))
      })
    for (const {
      key_indices,
      aggnonce_index,
      msg_index,
      secnonce_index,
      error,
      comment,
    } of content.sign_error_test_cases)
      report.row(comment, () => {
        const aggregate = AggregateKey.of(picked(pubkeys, key_indices))
        if (error.contrib === 'pubkey') return assertRejected(aggregate, error)
        const session = MusigSession.start(
          value(aggregate),
          bytes(aggnonces[aggnonce_index]),
          bytes(msgs[msg_index]),
        )
        if (error.contrib) return assertRejected(session, error)
        assert.throws(() =>
          value(session).sign(SecretNonce.fromBytes(bytes(secnonces[secnonce_index])), bytes(sk)),
        )
      })
    for (const row of content.verify_fail_test_cases)
      report.row(row.comment, () => {
        const keys = picked(pubkeys, row.key_indices)
        const nonces = picked(pnonces, row.nonce_indices)
        const key = value(AggregateKey.of(keys))
        const session = value(MusigSession.start(key, value(nonceAgg(nonces)), bytes(msgs[row.msg_index])))
        assert.equal(session.verify(bytes(row.sig), nonces[row.signer_index], keys[row.signer_index]), false)
      })
    for (const { key_indices, nonce_indices, error, comment } of content.verify_error_test_cases)
      report.row(comment, () =>
        error.contrib === 'pubkey'
          ? assertRejected(AggregateKey.of(picked(pubkeys, key_indices)), error)
          : assertRejected(nonceAgg(picked(pnonces, nonce_indices)), error),
      )
  },
)

export const musig2Rules: readonly VectorRule[] = [
  keyAgg,
  keySorting,
  nonceAggregation,
  nonceGeneration,
  signing,
]
