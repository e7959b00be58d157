/**
 * The wallet of a node: follows the chain and the mempool into its ledger, keeps that durable, and prepares
 * payments. It holds no key: signatures come through the `Signer` port. Invariants: an address is durable before it
 * is shown, a payment before it is sent; every commit holds the tip that its records reflect, so that a wallet
 * reopens consistent and catches up. Thread: the brain.
 */
import type { Chain } from '../chain/chain.ts'
import { type BlockPlace, locatorOf } from '../chain/follower.ts'
import { feeRate as feeRateOf, MAX_FEE_RATE } from '../policy/fees.ts'
import { sats } from '../primitives/amount.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import type * as results from '../primitives/result.ts'
import { outpointKey, type Transaction } from '../primitives/transaction.ts'
import type { Turns } from '../primitives/turns.ts'
import { addressOf, decodeAddress } from '../script/address.ts'
import { packOutputs } from '../script/input-check.ts'
import { verifyTransaction } from '../script/verify-input.ts'
import {
  AddressBook,
  CHANGE,
  GAP_LIMIT,
  MAX_ISSUED,
  type OwnKey,
  type PerBranch,
  RECEIVING,
} from './address-book.ts'
import { CoinLocks, type LockChange } from './coin-locks.ts'
import { type Descriptor, parseDescriptor } from './descriptor.ts'
import { Ledger, type OwnOutput } from './ledger.ts'
import { birthBlock, LedgerFollower, type Searched } from './ledger-follower.ts'
import { decodeMetadata, encodeLabels, encodeMetadata, MAX_LABEL_CHARACTERS } from './metadata.ts'
import {
  amountsOf,
  checkFeeRate,
  checkRequest,
  dataBytesOf,
  type Payee,
  type PaymentPlan,
  type PaymentRequest,
  type PlanParts,
  planPayment,
} from './payment.ts'
import { Psbt } from './psbt.ts'
import { withKnownCoins, withOwnKeys } from './psbt-update.ts'
import { invalid, notNow, OK, ok, type Rejection, type Result } from './result.ts'
import type { Account, Signer } from './signer.ts'
import { maxPaymentWeight, selectReplacement, selectSpendable } from './spending.ts'
import type { WalletStore } from './store.ts'
import {
  type Balances,
  balancesOf,
  coinOf,
  coinsOf,
  type HistoryEntry,
  historyEntryOf,
  historyOf,
  type ViewContext,
  type WalletCoin,
} from './views.ts'
import {
  type AnyStoredWallet,
  decodeKeys,
  decodeLabels,
  decodeWallet,
  encodeWallet,
  keysRecord,
  labelRecord,
  type Records,
  RecordWriter,
  unloaded,
} from './wallet-records.ts'

export type { PaymentPlan, PaymentRequest, PlannedOutput, Recipient } from './payment.ts'
export type { Balances, HistoryEntry, HistoryOutput, WalletCoin } from './views.ts'

export interface WalletOptions {
  /** Its name in the profile, "" by default. */
  readonly name?: string
  readonly chain: Chain
  readonly store: WalletStore
  readonly signer: Signer
  readonly clock: Clock
  readonly random: Random
  /** Of the payments of all wallets of the profile, by account. */
  readonly turns: Turns
}

/** A payment to be made: as a plan holds it, and as a review showed it. */
export type PaymentOrder = Pick<PaymentPlan, 'psbt'> & Partial<Pick<PaymentPlan, 'replaces'>>

export interface IssuedAddress {
  readonly address: string
  readonly scriptPubKey: Uint8Array
  readonly index: number
  readonly label: string | undefined
  /** Has received something. */
  readonly used: boolean
  /** Twenty unused addresses lie before it: restoring from words alone would not find it, a backup file would. */
  readonly beyondGap: boolean
}

/** What a wallet knows of an address. */
export interface AddressInfo {
  readonly label: string | undefined
  /** The account's key that it pays to; undefined for another's. */
  readonly key: OwnKey | undefined
  /** See `IssuedAddress`. */
  readonly beyondGap: boolean
}

/** What an import brought. */
export interface ImportedMetadata {
  /** Labels that were taken. */
  readonly labels: number
  /** What was left out and why: sentences for people. */
  readonly warnings: readonly string[]
}

export interface WalletListener {
  /**
   * Coins, history or addresses changed; durable when told. A mere change of confirmations is the chain's event.
   */
  changed?(txids: readonly Txid[]): void
  /** Keys were derived that were never looked for: what waits in the mempool may pay them, and is to be told again. */
  keysDerived?(): void
  /** A store failed: the wallet writes nothing more, and what was stored stays readable. */
  storageFailed?(error: Error): void
}

/** What the address that mining pays to is called at first. In version 0.3.0 this label told which it is. */
const MINING_LABEL = 'Mining'

/** Blocks without anything for the wallet, after which its place in the chain is stored all the same. */
const BLOCKS_PER_TIP_RECORD = 100

const NOTHING: Balances = { trusted: sats(0), untrustedPending: sats(0), immature: sats(0) }

/** An account, and what follows it. */
interface Following {
  readonly account: Account
  /** Of its descriptor. */
  readonly branches: number
  readonly book: AddressBook
  readonly ledger: Ledger
  readonly follower: LedgerFollower
}

export class Wallet {
  /** Its name in the profile. */
  readonly name: string
  /** Of its keys; without any where they are elsewhere. */
  readonly signer: Signer
  private readonly options: WalletOptions
  private readonly writer: RecordWriter
  private readonly context: ViewContext
  private following: Following | undefined
  private labels = new Map<string, string>()
  /** Index of the receiving key that mining pays to. */
  private mining: number | undefined
  /** Coins of payments that are being signed, by `outpointKey`. */
  private readonly promised = new Set<string>()
  private locks = new CoinLocks()
  /** Labels to be written. */
  private unwritten: Records = new Map()
  /** The account's own record is to be written even where nothing else is. */
  private stale = false
  /** What changed since listeners were told. */
  private touched = new Set<Txid>()
  private storedHeight = 0
  private storedSearch: Searched | undefined
  private isClosed = false
  private readonly listeners = new Set<WalletListener>()
  private readonly unsubscribe: (() => void)[] = []

  private constructor(options: WalletOptions) {
    this.options = options
    this.name = options.name ?? ''
    this.signer = options.signer
    const { addressPrefix, coinbaseMaturity } = options.chain.params
    this.writer = new RecordWriter(options.store, (error) => this.tellFailure(error))
    this.context = {
      addressPrefix,
      coinbaseMaturity,
      label: (address) => this.labels.get(address),
      maxPaymentWeight: maxPaymentWeight(options.chain.params),
      isPromised: (key) => this.promised.has(key),
      isLocked: (key) => this.locks.has(key),
    }
  }

  /** Opens, takes over the signer's account when the store has none, and begins to catch up with the chain's tip: see `settled`. */
  static async open(options: WalletOptions): Promise<Wallet> {
    const wallet = new Wallet(options)
    const records = await options.store.load()
    const stored = decodeWallet(records)
    if (stored && stored.network !== options.chain.genesis.hash)
      throw new Error('The stored wallet belongs to another network.')
    wallet.labels = decodeLabels(records)
    wallet.locks = new CoinLocks(records)
    if (stored) {
      const descriptor = parseDescriptor(stored.account.descriptor)
      if (!descriptor.ok) throw new Error(descriptor.detail)
      wallet.follow(descriptor.value, stored, records)
    }
    const adopt = () => wallet.adoptSigner()
    adopt()
    wallet.unsubscribe.push(
      options.signer.onChange(adopt),
      options.chain.subscribe({ tipChanged: (change) => wallet.following?.follower.tipChanged(change) }),
    )
    return wallet
  }

  /** Undefined while it is blank: it adopts the signer's when that appears, or watches another's. */
  get account(): Account | undefined {
    return this.following?.account
  }

  /**
   * Follows an account whose keys are elsewhere, of which keys below `next` (at most `MAX_ISSUED`, per branch) were given out there. Rejects with
   * `wallet-exists` and `descriptor-invalid`.
   */
  async watch(account: Account, next: PerBranch = [0, 0]): Promise<Result<void>> {
    if (this.following)
      return notNow(
        'wallet-exists',
        'This wallet has a descriptor already, and follows one only. Create another wallet for another descriptor.',
      )
    const adopted = this.adopt(account)
    if (!adopted.ok) return adopted
    await this.issueTo(next)
    return OK
  }

  // The chain and the mempool

  /** The block that the wallet has followed the active chain to; undefined without an account. */
  get tip(): BlockPlace | undefined {
    return this.following?.ledger.tip
  }

  /** Height of `tip`. */
  get height(): number | undefined {
    return this.tip?.height
  }

  /** The mempool took this transaction in. */
  transactionAdded(transaction: Transaction): void {
    if (!this.following) return
    const { ledger, follower } = this.following
    const changed = ledger.addToMempool(transaction, this.now())
    this.note(changed)
    if (changed.size > 0) follower.advance()
  }

  /** It left the mempool, for one of the mempool's reasons. */
  transactionRemoved(transaction: Transaction, reason: string): void {
    if (this.following)
      this.note(this.following.ledger.removeFromMempool(transaction.txid, reason === 'replaced'))
  }

  /** Own payments that wait for a block: to be offered to the mempool after opening. Parents first. */
  pendingPayments(): Transaction[] {
    return this.following?.ledger.pendingPayments().map(({ transaction }) => transaction) ?? []
  }

  /** Resolves when all that it knows is durable, also while it has yet to catch up with the chain. Throws when the wallet's store failed. */
  written(): Promise<void> {
    return this.flush()
  }

  /** Resolves when all that was told so far is taken in and durable. Throws when the wallet's store failed. */
  async settled(): Promise<void> {
    await this.following?.follower.settled()
    await this.flush()
  }

  // What there is

  balances(): Balances {
    const { ledger } = this.following ?? {}
    return ledger ? balancesOf(ledger, this.context.coinbaseMaturity) : NOTHING
  }

  /** Unspent outputs, pending ones included. */
  coins(): WalletCoin[] {
    return this.following ? coinsOf(this.following.ledger, this.context) : []
  }

  /** Newest first. */
  history(): HistoryEntry[] {
    return this.following ? historyOf(this.following.ledger, this.context) : []
  }

  transaction(txid: Txid): HistoryEntry | undefined {
    const entry = this.following?.ledger.get(txid)
    return entry && historyEntryOf(this.following!.ledger, entry, this.context)
  }

  /** The unspent output at an outpoint, by `outpointKey`; undefined where the wallet has none. */
  coin(key: string): WalletCoin | undefined {
    const own = this.following?.ledger.unspentAt(key)
    return own && coinOf(this.following!.ledger, own, this.context)
  }

  /** The locked coins that are unspent, by `outpointKey`. */
  lockedCoins(): string[] {
    return this.locks.keys().filter((key) => this.following?.ledger.isSpent(key) === false)
  }

  /** Locks coins, and takes locks away. Resolves when what has to be kept is durable. */
  async lockCoins(changes: readonly LockChange[]): Promise<void> {
    this.putLocks(changes)
    await this.flush()
  }

  // Addresses

  isMine(scriptPubKey: Uint8Array): boolean {
    return this.following?.book.find(scriptPubKey) !== undefined
  }

  /**
   * An address that was not given before, durable when returned: it waits until the wallet stands at the tip, or where the chain lacks a body,
   * since the blocks up to there may pay to the next ones. Rejects with `wallet-blank`, `label-too-long` and `addresses-exhausted`.
   */
  async newAddress(label?: string): Promise<Result<IssuedAddress>> {
    await this.following?.follower.settled()
    return this.issue(label)
  }

  /**
   * An address for change that was not given before, durable when returned. Rejects with `wallet-blank`, and with `addresses-exhausted` where
   * so many are unused that the change of the next payment would lie out of a restored wallet's sight.
   */
  async newChangeAddress(): Promise<Result<string>> {
    await this.following?.follower.settled()
    if (!this.following) return blank()
    const { book, follower } = this.following
    const key = book.peek(CHANGE)
    if (key.index + 1 >= book.reach(CHANGE))
      return notNow(
        'addresses-exhausted',
        `The latest ${GAP_LIMIT - 1} addresses for change are unused: a wallet that is restored from its words would not look further. Use one of them.`,
      )
    book.issue(key)
    this.stale = true
    follower.advance()
    await this.flush()
    return ok(key.address)
  }

  /** The address that mining pays to: always the same one, so that the gap limit isn't used up. Rejects as `newAddress` does. */
  async miningAddress(): Promise<Result<IssuedAddress>> {
    await this.following?.follower.settled()
    const { book } = this.following ?? {}
    if (book && this.mining !== undefined) return ok(this.issued(book, book.issued(RECEIVING)[this.mining]))
    return this.issue(MINING_LABEL, true)
  }

  /** Addresses handed out, in order. */
  addresses(): IssuedAddress[] {
    const { book } = this.following ?? {}
    const reach = book?.reach(RECEIVING)
    return book ? book.issued(RECEIVING).map((key) => this.issued(book, key, reach)) : []
  }

  /** Per branch of its descriptor: the index of the next key to hand out, and how many are looked for. Empty while it is blank. */
  branches(): { readonly next: number; readonly lookedFor: number }[] {
    const { book, branches = 0 } = this.following ?? {}
    if (!book) return []
    const { next, derived } = book
    return next.slice(0, branches).map((index, branch) => ({ next: index, lookedFor: derived[branch]! }))
  }

  /** Addresses handed out of which `IssuedAddress.beyondGap` is true. */
  get countBeyondGap(): number {
    const { book } = this.following ?? {}
    return book ? Math.max(0, book.next[RECEIVING] - book.reach(RECEIVING)) : 0
  }

  /** What is known of an address of this network, an own one or another's, by its script. */
  addressInfo(scriptPubKey: Uint8Array): AddressInfo {
    const { book } = this.following ?? {}
    const key = book?.find(scriptPubKey)
    const address = addressOf(scriptPubKey, this.context.addressPrefix)
    return {
      label: address === undefined ? undefined : this.labels.get(address),
      key,
      beyondGap: book !== undefined && key !== undefined && key.index >= book.reach(key.branch),
    }
  }

  /**
   * Names an address, an own one or another's; an empty label takes the name away, also that of what is no address, which earlier versions
   * imported. Rejects with the codes of `decodeAddress` and `label-too-long`.
   */
  async setLabel(address: string, label: string): Promise<Result<void>> {
    const decoded = decodeAddress(address, this.context.addressPrefix)
    const isRemoval = label === '' && this.labels.has(address)
    if (!decoded.ok && !isRemoval) return decoded
    if (label.length > MAX_LABEL_CHARACTERS) return labelTooLong()
    this.putLabel(decoded.ok ? addressOf(decoded.value, this.context.addressPrefix)! : address, label)
    await this.flush()
    return OK
  }

  /** Labels and the count of addresses as a text for the backup file: holds no key. */
  exportMetadata(): string {
    const next = this.following?.book.next ?? [0, 0]
    return encodeMetadata({ next, mining: this.mining, labels: this.labels })
  }

  /** Labels for other wallets: lines of JSON (BIP329). */
  exportLabels(): string {
    return encodeLabels(this.labels)
  }

  /**
   * Takes in what `exportMetadata` or `exportLabels` gave, or another wallet's labels (BIP329), and searches the chain for addresses that were not
   * known. What can't be read is left out, and told. Rejects with `metadata-invalid` where nothing can be.
   */
  async importMetadata(text: string): Promise<Result<ImportedMetadata>> {
    if (!this.following) return blank()
    const metadata = decodeMetadata(text, this.context.addressPrefix)
    if (!metadata.ok) return metadata
    const { labels, next, mining, warnings } = metadata.value
    for (const [address, label] of labels) this.putLabel(address, label)
    const { book, follower } = this.following
    await this.issueTo(next)
    this.mining ??= mining === undefined ? this.labelledMining(book) : (mining ?? undefined)
    if (this.mining !== undefined && this.mining >= book.next[RECEIVING]) this.mining = undefined
    this.stale = true
    follower.advance()
    await this.settled()
    return ok({ labels: labels.size, warnings })
  }

  /**
   * Goes through the active chain again from `height` on, at most that of the chain's tip. Resolves when the wallet stands at the tip again, or
   * where the chain lacks a body. Rejects with `wallet-blank`; throws where the wallet is closed meanwhile.
   */
  async rescan(height: number): Promise<Result<void>> {
    if (!this.following) return blank()
    const { chain } = this.options
    const below = Math.max(0, height - 1)
    this.following.follower.rescan({ hash: chain.headers.hash(chain.activeAt(below)), height: below })
    await this.settled()
    if (this.isClosed) throw unloaded('The search goes on when it is loaded again.')
    return OK
  }

  /** `rescan` of a wallet of which keys below `next` (at most `MAX_ISSUED`, per branch) were given out elsewhere. Rejects with `wallet-blank`. */
  async searchAgain(height: number, next: PerBranch): Promise<Result<void>> {
    if (!this.following) return blank()
    await this.issueTo(next)
    return this.rescan(height)
  }

  // Payments

  /**
   * Runs after what was given before it. Payments that are planned and made at one go are made in turn, those of two wallets with the same account,
   * too: none plans with coins, or a key for change, that another is about to take.
   */
  inTurn<T>(run: () => Promise<T>): Promise<T> {
    return this.options.turns.run(this.account?.descriptor ?? '', run)
  }

  /**
   * Plans a payment. Rejects with `wallet-blank`, and as `checkRequest`, `selectSpendable` and `decodeAddress` do.
   */
  async createPayment(request: PaymentRequest): Promise<Result<PaymentPlan>> {
    // A key for change may have been used already, where the chain is still being searched.
    await this.following?.follower.settled()
    if (!this.following) return blank()
    const payees = checkRequest(request, this.context.addressPrefix)
    if (!payees.ok) return payees
    const { book, ledger } = this.following
    const amounts = amountsOf(payees.value)
    const { subtractFee, changeAddress } = request
    const bearers =
      typeof subtractFee === 'object' ? placesAmongAmounts(subtractFee, payees.value) : undefined
    const changeScript =
      changeAddress === undefined
        ? ok(book.changeKey().scriptPubKey)
        : decodeAddress(changeAddress, this.context.addressPrefix)
    if (!changeScript.ok) return changeScript
    const selection = selectSpendable(ledger, this.context, request, {
      amounts,
      dataBytes: dataBytesOf(payees.value),
      feeRate: request.feeRate,
      subtractFee: bearers ? bearers.length > 0 : subtractFee === true && amounts.length > 0,
      bearers,
    })
    if (!selection.ok) return selection
    const { changePosition, version, lockTime, sequences } = request
    return ok(
      this.plan({
        selection: selection.value,
        payees: payees.value,
        changeTo: { scriptPubKey: changeScript.value, key: book.find(changeScript.value) },
        changePosition,
        first: request.coins ?? [],
        version,
        lockTime,
        sequences,
      }),
    )
  }

  /**
   * Plans to replace an own pending payment by the same one at a higher fee. Rejects with `transaction-unknown`,
   * and as `selectReplacement` does.
   */
  async bumpFee(txid: Txid, feeRate: number): Promise<Result<PaymentPlan>> {
    const entry = this.following?.ledger.get(txid)
    if (!this.following || !entry) return unknownTransaction()
    const { book, ledger } = this.following
    const replacement = selectReplacement(ledger, this.context, entry, feeRate)
    if (!replacement.ok) return replacement
    const key = replacement.value.changeKey ?? book.changeKey()
    const changeTo = { scriptPubKey: key.scriptPubKey, key }
    const first = entry.transaction.inputs.map(({ prevout }) => prevout)
    return ok(this.plan({ ...replacement.value, changeTo, first, replaces: txid }))
  }

  /**
   * Has a payment signed, unless its PSBT brings all signatures from a signer elsewhere, asks `check`, and records it durably: its coins are
   * taken from then on. The coins are those that it was planned with, or it is refused: nothing is planned anew behind a review. Nothing is
   * recorded of a payment that `check` refuses. The caller gives it to the mempool, and calls `abandon` when that has changed its mind
   * meanwhile. Rejects with `psbt-invalid`, `psbt-not-ours`, `coin-spent`, `coin-promised`, `psbt-changed`, `signature-invalid`, `max-fee-exceeded`, and as
   * `Signer.signPsbt` does; with `payment-refused` where `check` refuses it.
   */
  async sign(
    { psbt: bytes, replaces }: PaymentOrder,
    check: (payment: Transaction) => Promise<results.Result<unknown>>,
  ): Promise<Result<Transaction>> {
    if (!this.following) return blank()
    const { ledger } = this.following
    const psbt = Psbt.parse(bytes)
    if (!psbt.ok) return psbt
    const coins = this.coinsToSign(ledger, psbt.value, replaces)
    if (!coins.ok) return coins
    const keys = coins.value.map(({ outpoint }) => outpointKey(outpoint))
    for (const key of keys) this.promised.add(key)
    try {
      const replaced = replaces === undefined ? undefined : ledger.get(replaces)?.transaction.bytes
      const signed = await this.signatures(psbt.value, replaced)
      if (!signed.ok) return signed
      const spentOutputs = packOutputs(coins.value.map(({ output }) => output))
      const failure = verifyTransaction({ transaction: signed.value.bytes, spentOutputs })
      if (failure) return invalid('signature-invalid', `The signed payment is not valid. ${failure.detail}`)
      const checked = await check(signed.value)
      if (!checked.ok) return paymentRefused(checked)
      for (const txid of ledger.record(signed.value, this.now())) this.touched.add(txid)
      // Locked ones were named.
      this.putLocks(keys.map((key) => ({ key, lock: undefined })))
      this.following.follower.advance()
      await this.flush()
      return signed
    } finally {
      for (const key of keys) this.promised.delete(key)
    }
  }

  /**
   * Fills in what it knows of a PSBT: its own coins, and its keys to coins and outputs. Rejects with `wallet-blank`, and as
   * `withKnownCoins` and `withOwnKeys` do.
   */
  updatePsbt(psbt: Psbt): Result<Psbt> {
    if (!this.following) return blank()
    const { book, ledger } = this.following
    const coins = psbt.inputs.map(({ prevout }) => ledger.output(prevout)?.output)
    const known = withKnownCoins(psbt, coins)
    return known.ok ? withOwnKeys(known.value, book, ledger) : known
  }

  /**
   * Gives up an own payment that no mempool waits with: its coins are free again. Rejects with
   * `transaction-unknown` and `not-abandonable`.
   */
  async abandon(txid: Txid): Promise<Result<void>> {
    const entry = this.following?.ledger.get(txid)
    if (!this.following || !entry) return unknownTransaction()
    const { ledger } = this.following
    if (ledger.state(entry) !== 'pending' || ledger.inMempool(txid))
      return invalid(
        'not-abandonable',
        'Only a payment that is neither in a block nor in the mempool can be given up. Raise its fee to replace it.',
      )
    this.note(ledger.abandon(txid))
    await this.flush()
    return OK
  }

  /** Returns the function that unsubscribes. */
  subscribe(listener: WalletListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Stores where it stands, and closes the store. What it has yet to search of the chain, it searches when it is opened again. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const stop of this.unsubscribe) stop()
    await this.following?.follower.close()
    this.stale = true
    await this.flush()
    await this.writer.close()
    await this.options.store.close()
  }

  // Inside

  /** Hands out the next address; `mining`: it becomes the one that mining pays to. */
  private async issue(label: string | undefined, mining = false): Promise<Result<IssuedAddress>> {
    if (!this.following) return blank()
    if (label && label.length > MAX_LABEL_CHARACTERS) return labelTooLong()
    const { book, follower } = this.following
    const key = book.peek(RECEIVING)
    if (key.index >= MAX_ISSUED)
      return notNow(
        'addresses-exhausted',
        `This wallet has given out ${MAX_ISSUED} addresses, the most that a wallet can have. Use one that was given out before.`,
      )
    book.issue(key)
    if (mining) this.mining = key.index
    if (label) this.putLabel(key.address, label)
    this.stale = true
    // Keys that are new to the look-ahead may have been used elsewhere, with the same words.
    follower.advance()
    await this.flush()
    return ok(this.issued(book, key))
  }

  /** Hands out the keys below `next`, per branch. */
  private async issueTo(next: PerBranch): Promise<void> {
    const { book, follower } = this.following!
    // A page of keys at a time: the store answers in between, and others can be answered, too.
    for (let more = isBeyond(next, book.next); more; ) {
      more = book.issueTowards(next)
      this.stale = true
      await this.writer.commit(this.takeChanges())
    }
    follower.advance()
    await this.flush()
  }

  /** Index of the first receiving key with the label that told the mining address in version 0.3.0. */
  private labelledMining(book: AddressBook): number | undefined {
    return book.issued(RECEIVING).find(({ address }) => this.labels.get(address) === MINING_LABEL)?.index
  }

  private plan(
    parts: Omit<PlanParts, 'lockTime' | 'addressPrefix' | 'random' | 'replaces'> & {
      readonly lockTime?: number | undefined
      readonly replaces?: Txid
    },
  ): PaymentPlan {
    return planPayment({
      replaces: undefined,
      ...parts,
      lockTime: parts.lockTime ?? this.following!.ledger.tip.height,
      addressPrefix: this.context.addressPrefix,
      random: this.options.random,
    })
  }

  /** The coins that a PSBT spends, all of them this wallet's and free, or of the payment that is replaced. */
  private coinsToSign(ledger: Ledger, psbt: Psbt, replaces: Txid | undefined): Result<OwnOutput[]> {
    const coins: OwnOutput[] = []
    for (const { prevout } of psbt.inputs) {
      const key = outpointKey(prevout)
      const own = ledger.output(prevout)
      if (!own) return invalid('psbt-not-ours', `The coin ${key} that this PSBT spends is not this wallet's.`)
      if (this.promised.has(key))
        return notNow(
          'coin-promised',
          'Another payment with one of these coins is being signed. Prepare this one again.',
        )
      const taken = ledger.spendersOf(key).some(({ txid }) => txid !== replaces)
      if (taken || !ledger.isActive(own.entry))
        return notNow(
          'coin-spent',
          'What this payment would spend was spent meanwhile, or left the chain. Nothing was sent. Prepare the payment again.',
        )
      coins.push(own)
    }
    return ok(coins)
  }

  /** The transaction of a PSBT with its signatures: those that it brings, else the signer's. */
  private async signatures(psbt: Psbt, replaced: Uint8Array | undefined): Promise<Result<Transaction>> {
    const complete = psbt.extract()
    if (complete.ok) return this.unlessAbsurd(complete.value, psbt.fee!)
    const bytes = await this.options.signer.signPsbt(psbt.bytes, replaced)
    if (!bytes.ok) return bytes
    const signed = Psbt.parse(bytes.value)
    if (!signed.ok) return signed
    if (signed.value.unsigned.txid !== psbt.unsigned.txid)
      return invalid(
        'psbt-changed',
        'The signer returned another payment than it was given. Nothing was sent.',
      )
    return signed.value.extract()
  }

  /** What was signed elsewhere no signer of ours has judged. Rejects with `max-fee-exceeded`. */
  private unlessAbsurd(payment: Transaction, fee: number): Result<Transaction> {
    const rate = feeRateOf(sats(fee), payment.weight)
    return (rate > MAX_FEE_RATE ? checkFeeRate(rate) : undefined) ?? ok(payment)
  }

  private adoptSigner(): void {
    const status = this.options.signer.status()
    if (this.following || status.state === 'none') return
    const adopted = this.adopt(status.account)
    // The signer wrote this descriptor itself.
    if (!adopted.ok) throw new Error(adopted.detail)
    this.flushSoon()
  }

  private adopt(account: Account): Result<void> {
    const { chain } = this.options
    const descriptor = parseDescriptor(account.descriptor)
    if (!descriptor.ok) return descriptor
    if (!descriptor.value.ranged)
      return invalid(
        'descriptor-invalid',
        'A wallet needs a descriptor that ends in /*, with one key an address.',
      )
    const tip = birthBlock(chain, account.birthday)
    // Nothing lies between the block where it begins and the one where it stands: its first keys were looked for there.
    const searched = { above: tip.height, keys: [GAP_LIMIT, GAP_LIMIT] } as const
    const stored = { network: chain.genesis.hash, account, next: [0, 0], tip, locator: [], searched } as const
    this.stale = true
    this.follow(descriptor.value, stored, new Map())
    return OK
  }

  /** Begins to follow the chain from what is stored. */
  private follow(
    descriptor: Descriptor,
    stored: AnyStoredWallet,
    records: ReadonlyMap<string, string>,
  ): void {
    const { account, next, tip, locator } = stored
    const book = new AddressBook(descriptor, this.context.addressPrefix, next, decodeKeys(records))
    const ledger = new Ledger(book, tip)
    ledger.load(records)
    this.mining = stored.searched ? stored.mining : this.labelledMining(book)
    // Version 0.3.0 did not look behind for keys that it derived late: this one does, once.
    const searched = stored.searched ?? { above: 0, keys: [0, 0] }
    this.storedSearch = stored.searched
    const follower = new LedgerFollower(this.options.chain, book, ledger, locator, searched, {
      advanced: (txids) => this.note(txids),
      keysDerived: () => {
        for (const { keysDerived } of this.listeners) keysDerived?.()
      },
      failed: (error) => this.tellFailure(error),
    })
    this.following = { account, branches: descriptor.branches, book, ledger, follower }
    this.storedHeight = tip.height
    follower.advance()
  }

  /** Takes note of changes, and stores them without anyone waiting for it. */
  private note(txids: ReadonlySet<Txid>): void {
    for (const txid of txids) this.touched.add(txid)
    this.flushSoon()
  }

  private flushSoon(): void {
    // The writer told the listeners of a failure.
    this.flush().catch(() => {})
  }

  /** Commits what is new, and tells the listeners once that is durable. */
  private async flush(): Promise<void> {
    const changes = this.takeChanges()
    const txids = [...this.touched]
    this.touched.clear()
    await this.writer.commit(changes)
    if (changes.size > 0 || txids.length > 0) for (const { changed } of this.listeners) changed?.(txids)
  }

  private takeChanges(): Records {
    const changes = this.unwritten
    this.unwritten = new Map()
    if (!this.following) return changes
    const { account, book, ledger, follower } = this.following
    const records = [ledger.takeChanges(), ...book.takePages().map(keysRecord)]
    for (const record of records) for (const [key, value] of record) changes.set(key, value)
    const { tip } = ledger
    const { searched } = follower
    const idle = Math.abs(tip.height - this.storedHeight) < BLOCKS_PER_TIP_RECORD
    if (changes.size === 0 && !this.stale && idle && searched === this.storedSearch) return changes
    const { chain } = this.options
    const state = {
      network: chain.genesis.hash,
      account,
      next: book.next,
      tip,
      locator: locatorOf(chain, tip),
      searched,
      mining: this.mining,
    }
    for (const [key, value] of encodeWallet(state)) changes.set(key, value)
    this.storedHeight = tip.height
    this.storedSearch = searched
    this.stale = false
    return changes
  }

  private tellFailure(error: Error): void {
    for (const { storageFailed } of this.listeners) storageFailed?.(error)
  }

  private putLocks(changes: readonly LockChange[]): void {
    for (const [key, value] of this.locks.change(changes)) this.unwritten.set(key, value)
  }

  private putLabel(address: string, label: string): void {
    if (label) this.labels.set(address, label)
    else this.labels.delete(address)
    for (const [key, value] of labelRecord(address, label || undefined)) this.unwritten.set(key, value)
  }

  private issued(book: AddressBook, key: OwnKey, reach = book.reach(RECEIVING)): IssuedAddress {
    const { address, scriptPubKey, index } = key
    const label = this.labels.get(address)
    return { address, scriptPubKey, index, label, used: book.isUsed(key), beyondGap: index >= reach }
  }

  /** Seconds since 1970. */
  private now(): number {
    return Math.floor(this.options.clock.now() / 1000)
  }
}

/** Of a payment that the mempool would not have: nothing was kept of it. */
export function paymentRefused({ detail }: results.Rejection): Rejection {
  return notNow(
    'payment-refused',
    `The payment was not sent: ${detail} Nothing was recorded, its coins are free.`,
  )
}

function blank(): Rejection {
  return notNow(
    'wallet-blank',
    'This wallet watches nothing yet. Import the descriptor of the wallet that it is to watch.',
  )
}

function unknownTransaction(): Rejection {
  return invalid('transaction-unknown', 'This wallet has no such transaction.')
}

/** Places among the payees as places among those who get an amount. */
function placesAmongAmounts(places: readonly number[], payees: readonly Payee[]): number[] {
  const paid = [...payees.keys()].filter((place) => payees[place].amount !== undefined)
  return [...new Set(places)].map((place) => paid.indexOf(place)).filter((place) => place >= 0)
}

function isBeyond(next: PerBranch, present: PerBranch): boolean {
  return next.some((index, branch) => index > present[branch])
}

function labelTooLong(): Rejection {
  return invalid('label-too-long', `A label has at most ${MAX_LABEL_CHARACTERS} characters.`)
}
