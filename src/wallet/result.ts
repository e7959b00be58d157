/** Results of the wallet and its signer: as everywhere, but with codes of a list, so that a wrong one doesn't compile. Any thread. */
import * as results from '../primitives/result.ts'
import type { AddressCode } from '../script/address.ts'

/** Why wallet or signer refuse. */
export type WalletCode =
  | AddressCode
  | 'addresses-exhausted'
  | 'amount-invalid'
  | 'amount-too-small'
  | 'backup-format'
  | 'backup-network'
  | 'backup-size'
  | 'backup-version'
  | 'coin-not-spendable'
  | 'coin-promised'
  | 'coin-spent'
  | 'coin-unknown'
  | 'data-invalid'
  | 'descriptor-invalid'
  | 'fee-rate-invalid'
  | 'fee-rate-too-low'
  | 'insufficient-funds'
  | 'keys-missing'
  | 'label-too-long'
  | 'link-invalid'
  | 'link-requires'
  | 'max-fee-exceeded'
  | 'metadata-invalid'
  | 'mnemonic-checksum'
  | 'mnemonic-length'
  | 'mnemonic-word'
  | 'not-abandonable'
  | 'not-replaceable'
  | 'passphrase-empty'
  | 'passphrase-weak'
  | 'payment-not-approved'
  | 'payment-refused'
  | 'psbt-changed'
  | 'psbt-incomplete'
  | 'psbt-invalid'
  | 'psbt-key-too-far'
  | 'psbt-message'
  | 'psbt-mismatch'
  | 'psbt-not-ours'
  | 'psbt-sighash'
  | 'recipients-missing'
  | 'signature-invalid'
  | 'signer-failed'
  | 'transaction-unknown'
  | 'tx-size'
  | 'wallet-blank'
  | 'wallet-exists'
  | 'wallet-loaded'
  | 'wallet-locked'
  | 'wallet-name'
  | 'wallet-passphrase-incorrect'
  | 'wallet-storage'
  | 'wallet-unknown'

export type Rejection = results.Rejection<WalletCode>
export type Result<T> = results.Result<T, WalletCode>

export { OK, ok } from '../primitives/result.ts'

type Refuse = (code: WalletCode, detail: string) => Rejection

export const invalid: Refuse = results.invalid
export const notNow: Refuse = results.notNow
