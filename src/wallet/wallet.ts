/** Skeleton of the wallet's facade: signatures are binding, the body follows. */
import type { Chain } from '../chain/chain.ts'
import type { Sats } from '../primitives/amount.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import type { Result } from '../primitives/result.ts'
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import type { Balances, HistoryEntry, WalletCoin } from './ledger.ts'
import type { Account, Signer } from './signer.ts'
import type { WalletStore } from './store.ts'

export interface WalletOptions {
  readonly chain: Chain
  readonly store: WalletStore
  readonly signer: Signer
  readonly clock: Clock
  readonly random: Random
}

export interface Recipient {
  readonly address: string
  readonly amount: Sats
}

export interface PaymentRequest {
  readonly recipients: readonly Recipient[]
  /** Satoshis per 1,000 virtual bytes. */
  readonly feeRate: number
  /** Coin control: exactly these coins are spent. */
  readonly coins?: readonly Outpoint[]
  /** The recipients pay the fee, in equal parts: with the whole balance as amount this empties the wallet. */
  readonly subtractFee?: boolean
}

export interface PlannedOutput {
  readonly address: string
  readonly value: Sats
  readonly change: boolean
}

/** A payment to be reviewed: plain data. Nothing is reserved until `sign`. */
export interface PaymentPlan {
  readonly inputs: readonly WalletCoin[]
  readonly outputs: readonly PlannedOutput[]
  readonly fee: Sats
  /** Virtual bytes once signed. */
  readonly vsize: number
  /** BIP174, version 0, unsigned. */
  readonly psbt: Uint8Array
}

export interface IssuedAddress {
  readonly address: string
  readonly scriptPubKey: Uint8Array
  readonly index: number
  readonly label: string | undefined
  /** Has received something. */
  readonly used: boolean
  /** More than 20 unused addresses lie before it: restoring from words alone would not find it, a backup file would. */
  readonly beyondGap: boolean
}

export interface WalletListener {
  /** Coins, history or addresses changed; durable when told. A mere change of confirmations is the chain's event. */
  changed?(txids: readonly Txid[]): void
  /** The store failed: nothing more is written, what was stored stays readable. */
  storageFailed?(error: Error): void
}

export declare class Wallet {
  /** Opens, takes over the signer's account when the store has none, and catches up with the chain's tip. */
  static open(options: WalletOptions): Promise<Wallet>

  /** Undefined until there is one: then the wallet is empty and adopts the signer's when it appears. */
  readonly account: Account | undefined
  /** Follows an account whose keys are elsewhere. `descriptor-invalid`, `wallet-exists`. */
  watch(account: Account): Promise<Result<void>>

  /** The mempool took this transaction in. */
  transactionAdded(transaction: Transaction): void
  /** It left the mempool, for one of the mempool's reasons. */
  transactionRemoved(transaction: Transaction, reason: string): void
  /** Own payments that wait for a block: to be offered to the mempool again after opening and after a reorganisation. Parents first. */
  pendingPayments(): Transaction[]
  /** Resolves when all that was told so far is taken in and durable. */
  settled(): Promise<void>
  /** Height of the block that the wallet has followed the chain to. */
  readonly height: number

  balances(): Balances
  /** Unspent outputs, pending ones included. */
  coins(): WalletCoin[]
  /** Newest first. */
  history(): HistoryEntry[]
  transaction(txid: Txid): HistoryEntry | undefined

  newAddress(label?: string): Promise<Result<IssuedAddress>>
  addresses(): IssuedAddress[]
  setLabel(address: string, label: string): Promise<Result<void>>
  isMine(scriptPubKey: Uint8Array): boolean

  createPayment(request: PaymentRequest): Promise<Result<PaymentPlan>>
  /** A plan that replaces an own pending payment by one with a higher fee (BIP125). */
  bumpFee(txid: Txid, feeRate: number): Promise<Result<PaymentPlan>>
  /**
   * Has the plan signed and records the payment durably; its coins are taken from then on. The caller gives it to the mempool, and calls
   * `abandon` when that refuses it.
   */
  sign(plan: Pick<PaymentPlan, 'psbt'>): Promise<Result<Transaction>>
  /** Gives up an own payment that waits: its coins are free again. */
  abandon(txid: Txid): Promise<Result<void>>

  /** Labels and issued addresses as a text for the backup file: holds no key. */
  exportMetadata(): string
  importMetadata(text: string): Promise<Result<void>>

  subscribe(listener: WalletListener): () => void
  close(): Promise<void>
}
