/** Keys, secrets and transactions of channels (BOLT 3). */
import assert from 'node:assert/strict'
import {
  derivePublicKey,
  deriveRevocationPublicKey,
  deriveRevocationSecretKey,
  deriveSecretKey,
  perCommitmentPoint,
} from '../../src/channels/keys.ts'
import { perCommitmentSecret, SecretStore } from '../../src/channels/secrets.ts'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { jsonRule, type VectorRule } from './rule.ts'

function equalHex(actual: Uint8Array | undefined, expected: string): void {
  assert.equal(actual && bytesToHex(actual), expected)
}

interface KeyDerivation {
  readonly base_secret: string
  readonly per_commitment_secret: string
  readonly base_point: string
  readonly per_commitment_point: string
  readonly localpubkey: string
  readonly localprivkey: string
  readonly revocationpubkey: string
  readonly revocationprivkey: string
}

const keyDerivation = jsonRule<KeyDerivation>(
  'bolt',
  ['base_secret', 'per_commitment_secret', 'localpubkey', 'revocationprivkey'],
  [],
  (row, report) => {
    const baseSecret = hexToBytes(row.base_secret)
    const basePoint = hexToBytes(row.base_point)
    const secret = hexToBytes(row.per_commitment_secret)
    const point = hexToBytes(row.per_commitment_point)
    report.row('points', () => {
      equalHex(perCommitmentPoint(secret), row.per_commitment_point)
      equalHex(perCommitmentPoint(baseSecret), row.base_point)
    })
    report.row('localpubkey', () => equalHex(derivePublicKey(basePoint, point), row.localpubkey))
    report.row('localprivkey', () => equalHex(deriveSecretKey(baseSecret, point), row.localprivkey))
    report.row('revocationpubkey', () =>
      equalHex(deriveRevocationPublicKey(basePoint, point), row.revocationpubkey),
    )
    report.row('revocationprivkey', () =>
      equalHex(deriveRevocationSecretKey(baseSecret, secret), row.revocationprivkey),
    )
  },
)

interface Secrets {
  readonly generation: readonly {
    readonly name: string
    readonly seed: string
    readonly index: number
    readonly output: string
  }[]
  readonly storage: readonly {
    readonly name: string
    readonly steps: readonly { readonly index: number; readonly secret: string; readonly ok: boolean }[]
  }[]
}

const secrets = jsonRule<Secrets>(
  'bolt',
  ['generation', 'storage'],
  [],
  ({ generation, storage }, report) => {
    for (const { name, seed, index, output } of generation)
      report.row(name, () => equalHex(perCommitmentSecret(hexToBytes(seed), index), output))
    for (const { name, steps } of storage)
      report.row(name, () => {
        const store = new SecretStore()
        const told = new Map<number, string>()
        for (const { index, secret, ok } of steps) {
          assert.equal(store.insert(index, hexToBytes(secret)).ok, ok, `${index}`)
          if (ok) told.set(index, secret)
        }
        for (const [index, secret] of told) equalHex(store.find(index), secret)
      })
  },
)

export const boltTransactionRules: readonly VectorRule[] = [keyDerivation, secrets]
