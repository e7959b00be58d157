/** Keys, secrets and transactions of channels (BOLT 3). */
import assert from 'node:assert/strict'
import { schnorr } from '@noble/curves/secp256k1.js'
import { msat } from '../../src/channels/amount.ts'
import { commitmentNumber, commitmentTransaction, keysOf } from '../../src/channels/commitment-transaction.ts'
import { fundingSighash, withFundingSignature } from '../../src/channels/funding-spend.ts'
import { htlcSighash, htlcSignatureCheck, htlcTransactions } from '../../src/channels/htlc-transactions.ts'
import {
  derivePublicKey,
  deriveRevocationPublicKey,
  deriveRevocationSecretKey,
  deriveSecretKey,
  perCommitmentPoint,
} from '../../src/channels/keys.ts'
import type { ChannelContract, ChannelParty, Commitment } from '../../src/channels/ports.ts'
import {
  acceptedHtlcOutput,
  anchorOutput,
  fundingKey,
  fundingScript,
  NUMS_KEY,
  offeredHtlcOutput,
  type ScriptOutput,
  secondLevelOutput,
  toLocalOutput,
  toRemoteOutput,
} from '../../src/channels/scripts.ts'
import { perCommitmentSecret, SecretStore } from '../../src/channels/secrets.ts'
import { htlcTransactionSpend, spendSighash, spendWitness, withWitnesses } from '../../src/channels/spends.ts'
import { sats } from '../../src/primitives/amount.ts'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'
import { decodeTransaction } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { MusigSession, nonceAgg, SecretNonce } from '../../src/script/musig2.ts'
import { verifySchnorr } from '../../src/script/schnorr.ts'
import { SighashCache } from '../../src/script/sighash.ts'
import { tapLeafHash } from '../../src/script/taproot.ts'
import { verifyInput } from '../../src/script/verify-input.ts'
import { value } from '../support/wallets.ts'
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

interface ScriptRow {
  readonly scripts: Readonly<Record<string, string>>
  readonly leaf_hashes: Readonly<Record<string, string>>
  readonly tapscript_root: string
  readonly internal_key: string
  readonly output_key: string
  readonly pkscript: string
}

interface HtlcRow {
  readonly incoming: boolean
  readonly amount_msat: number
  readonly expiry: number
  readonly preimage: string
}

interface CommitmentRow {
  readonly name: string
  readonly local_balance_msat: number
  readonly remote_balance_msat: number
  readonly fee_per_kw: number
  readonly dust_limit_satoshis?: number
  readonly htlcs: readonly HtlcRow[] | null
  readonly local_sec_nonce: string
  readonly remote_sec_nonce: string
  readonly local_nonce: string
  readonly remote_nonce: string
  readonly remote_partial_sig: string
  readonly expected_commitment_tx_hex: string
  readonly htlc_descs:
    | readonly { readonly remote_partial_sig_hex: string; readonly resolution_tx_hex: string }[]
    | null
}

interface SimpleTaproot {
  readonly params: {
    readonly seed: string
    readonly funding_amount_satoshis: number
    readonly dust_limit_satoshis: number
    readonly csv_delay: number
    readonly commit_height: number
    readonly nums_point: string
    readonly keys: Readonly<Record<string, string>>
  }
  readonly scripts: {
    readonly funding: {
      readonly funding_tx_hex: string
      readonly combined_key: string
      readonly pkscript: string
    }
    readonly [name: string]: unknown
  }
  readonly transactions: readonly CommitmentRow[]
}

/** The channel of the vectors: the holder is their local side, which funds it. */
function contractOf({ params, scripts }: SimpleTaproot, dustLimit: number): ChannelContract {
  const key = (name: string) => hexToBytes(params.keys[name])
  const party = (side: 'local' | 'remote'): ChannelParty => ({
    basepoints: {
      funding: key(`${side}_funding_pubkey`),
      // Of one side or the other only: what no script here needs is any point.
      revocation: hexToBytes(params.keys[`${side}_revocation_basepoint`] ?? params.nums_point),
      payment: key(`${side}_payment_basepoint`),
      delayedPayment: hexToBytes(params.keys[`${side}_delayed_payment_basepoint`] ?? params.nums_point),
      htlc: key(`${side}_htlc_basepoint`),
    },
    dustLimit: sats(dustLimit),
    delay: params.csv_delay,
  })
  return {
    keyId: 'vectors',
    fundingTxid: value(decodeTransaction(hexToBytes(scripts.funding.funding_tx_hex))).txid,
    fundingOutput: 0,
    fundingAmount: sats(params.funding_amount_satoshis),
    holderIsFunder: true,
    holder: party('local'),
    counterparty: party('remote'),
    payout: { branch: 0, index: 0, script: hexToBytes(scripts.funding.pkscript) },
  }
}

function commitmentOf({ params }: SimpleTaproot, row: CommitmentRow): Commitment {
  return {
    ofHolder: true,
    number: params.commit_height,
    point: hexToBytes(params.keys.local_per_commit_point),
    feerate: row.fee_per_kw,
    holderAmount: msat(row.local_balance_msat),
    counterpartyAmount: msat(row.remote_balance_msat),
    htlcs: (row.htlcs ?? []).map(({ incoming, amount_msat, expiry, preimage }, id) => ({
      offered: !incoming,
      id,
      amount: msat(amount_msat),
      paymentHash: sha256(hexToBytes(preimage)),
      expiry,
    })),
  }
}

/** That an output is the row's in every part. */
function assertScript(output: ScriptOutput, row: ScriptRow): void {
  assert.deepEqual(Object.values(output.leaves).map(bytesToHex).sort(), Object.values(row.scripts).sort())
  assert.deepEqual(
    Object.values(output.leaves)
      .map((script) => bytesToHex(tapLeafHash(script)))
      .sort(),
    Object.values(row.leaf_hashes).sort(),
  )
  equalHex(output.merkleRoot, row.tapscript_root)
  equalHex(output.internalKey, row.internal_key.slice(2))
  equalHex(output.scriptPubKey, row.pkscript)
  assert.equal(output.oddY, row.output_key.startsWith('03'))
}

const simpleTaproot = jsonRule<SimpleTaproot>(
  'bolt',
  ['params', 'scripts', 'transactions'],
  [],
  (content, report) => {
    const { params, scripts, transactions } = content
    const contract = contractOf(content, params.dust_limit_satoshis)
    const keys = keysOf(contract, { ofHolder: true, point: hexToBytes(params.keys.local_per_commit_point) })
    report.row('keys', () => {
      for (const [name, secret] of Object.entries(params.keys)) {
        const label = /^(.*)_(privkey|secret)$/.exec(name)
        if (!label) continue
        const publicName =
          label[2] === 'privkey' ? `${label[1]}_pubkey` : label[1].replace(/commit$/, 'commit_point')
        equalHex(perCommitmentPoint(hexToBytes(secret)), params.keys[publicName])
      }
      equalHex(NUMS_KEY, params.nums_point.slice(2))
      const { keys: given } = params
      equalHex(keys.broadcasterDelayed, given.derived_local_delayed_pubkey.slice(2))
      equalHex(keys.broadcasterHtlc, given.derived_local_htlc_pubkey.slice(2))
      equalHex(keys.countersignatoryHtlc, given.derived_remote_htlc_pubkey.slice(2))
      equalHex(keys.countersignatoryPayment, given.derived_remote_payment_pubkey.slice(2))
      equalHex(keys.revocation, given.derived_revocation_pubkey.slice(2))
    })
    const funding = value(
      fundingKey(contract.holder.basepoints.funding, contract.counterparty.basepoints.funding),
    )
    report.row('funding', () => {
      equalHex(funding.xOnly, scripts.funding.combined_key)
      equalHex(fundingScript(funding), scripts.funding.pkscript)
    })
    // The scripts' HTLC: its payment hash is the one of the first in the transactions, its expiry 500.
    const terms = { paymentHash: sha256(new Uint8Array(32)), expiry: 500 }
    // The local side offered it in these rows, the accepted ones included, whose commitment is then the remote side's.
    const accepting = {
      ...keys,
      broadcasterHtlc: keys.countersignatoryHtlc,
      countersignatoryHtlc: keys.broadcasterHtlc,
    }
    const outputs: Record<string, ScriptOutput> = {
      to_local: toLocalOutput(keys, params.csv_delay),
      to_remote: toRemoteOutput(keys),
      local_anchor: anchorOutput(keys.broadcasterDelayed),
      remote_anchor: anchorOutput(keys.countersignatoryPayment),
      offered_htlc_local_commit: offeredHtlcOutput(keys, terms),
      offered_htlc_remote_commit: offeredHtlcOutput(keys, terms),
      accepted_htlc_local_commit: acceptedHtlcOutput(accepting, terms),
      accepted_htlc_remote_commit: acceptedHtlcOutput(accepting, terms),
      second_level_htlc_success: secondLevelOutput(keys, params.csv_delay),
      second_level_htlc_timeout: secondLevelOutput(keys, params.csv_delay),
    }
    for (const [name, row] of Object.entries(scripts))
      if (name !== 'funding') report.row(name, () => assertScript(outputs[name], row as ScriptRow))

    for (const row of transactions)
      report.row(row.name, () => {
        const contract = contractOf(content, row.dust_limit_satoshis ?? params.dust_limit_satoshis)
        const commitment = commitmentOf(content, row)
        const built = value(commitmentTransaction(contract, commitment))
        const sighash = fundingSighash(contract, funding, built.transaction)
        const nonces = [row.local_nonce, row.remote_nonce].map(hexToBytes)
        const session = value(MusigSession.start(funding, value(nonceAgg(nonces)), sighash))
        const sign = (side: 'local' | 'remote', secretNonce: string) =>
          session.sign(
            SecretNonce.fromBytes(hexToBytes(secretNonce)),
            hexToBytes(params.keys[`${side}_funding_privkey`]),
          )
        const remote = sign('remote', row.remote_sec_nonce)
        equalHex(remote, row.remote_partial_sig)
        assert.ok(session.verify(remote, nonces[1], contract.counterparty.basepoints.funding))
        const signature = value(session.aggregate([sign('local', row.local_sec_nonce), remote]))
        const signed = withFundingSignature(built.transaction, signature)
        equalHex(signed.bytes, row.expected_commitment_tx_hex)
        const spent = packOutputs([{ value: contract.fundingAmount, scriptPubKey: fundingScript(funding) }])
        value(verifyInput(new SighashCache(signed, spent), 0))
        assert.equal(commitmentNumber(contract, signed), params.commit_height)

        const resolutions = row.htlc_descs ?? []
        const secondLevel = htlcTransactions(contract, commitment, built)
        assert.equal(secondLevel.length, resolutions.length)
        const point = commitment.point
        for (const [index, { remote_partial_sig_hex, resolution_tx_hex }] of resolutions.entries()) {
          const resolution = secondLevel[index]
          const secretKey = (side: 'local' | 'remote') =>
            deriveSecretKey(hexToBytes(params.keys[`${side}_htlc_basepoint_secret`]), point)
          const auxiliary = new Uint8Array(32)
          const theirs = schnorr.sign(htlcSighash(resolution), secretKey('remote'), auxiliary)
          equalHex(theirs, remote_partial_sig_hex)
          assert.ok(verifySchnorr(htlcSignatureCheck(resolution, theirs, built)))
          const preimage = row.htlcs?.[resolution.source.htlc.id].preimage
          assert.ok(preimage)
          const spend = htlcTransactionSpend(commitment, resolution, theirs, hexToBytes(preimage))
          assert.ok(spend)
          const ours = schnorr.sign(
            spendSighash(resolution.transaction, [spend], 0),
            secretKey('local'),
            auxiliary,
          )
          const signedResolution = withWitnesses(resolution.transaction, [spendWitness(spend, ours)])
          equalHex(signedResolution.bytes, resolution_tx_hex)
          value(verifyInput(new SighashCache(signedResolution, packOutputs([spend.output])), 0))
        }
      })
  },
)

export const boltTransactionRules: readonly VectorRule[] = [keyDerivation, secrets, simpleTaproot]
