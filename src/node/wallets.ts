/**
 * The wallets of a profile: which there are, and those that are loaded, which follow the chain and the mempool side by side. What fails in one
 * holds no other. Thread: the brain.
 */
import type { Chain } from '../chain/chain.ts'
import { StorageError } from '../chain/store.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { Turns } from '../primitives/turns.ts'
import { invalid, notNow, OK, type Rejection, type Result } from '../wallet/result.ts'
import { keysFault, type Signers } from '../wallet/signer.ts'
import type { WalletDirectory, WalletEntry } from '../wallet/store.ts'
import { Wallet } from '../wallet/wallet.ts'
import type { WalletEvent } from './events.ts'
import { walletCalled } from './wallet-choice.ts'

export interface WalletsOptions {
  readonly chain: Chain
  readonly mempool: Mempool
  readonly clock: Clock
  readonly random: Random
  readonly signers: Signers
  readonly directory: WalletDirectory
  readonly listener: WalletsListener
}

export interface WalletsListener {
  /** A wallet changed, was loaded or unloaded. */
  changed(event: WalletEvent): void
  /** A wallet could not be loaded by itself, or can't go on: which one and why. A `StorageError` is of all wallets. */
  failed(error: Error): void
}

/** Characters of a name at most. */
const MAX_NAME_CHARACTERS = 64
const DEFAULT_ENTRY: WalletEntry = { loadOnStartup: true }

interface Loaded {
  readonly wallet: Wallet
  /** Ends the subscription. */
  end(): void
}

export class Wallets {
  private readonly options: WalletsOptions
  private readonly entries: Map<string, WalletEntry>
  private readonly loaded = new Map<string, Loaded>()
  /** Loading and unloading, by name. */
  private readonly changes = new Turns()
  /** Payments, by account. */
  private readonly payments = new Turns()
  /** Names of wallets that are being made. */
  private readonly reserved = new Set<string>()
  /** What is to be kept of wallets whose keys are being made. */
  private readonly expected = new Map<string, WalletEntry>()
  private readonly unsubscribe: readonly (() => void)[]
  private isClosed = false

  private constructor(options: WalletsOptions, entries: ReadonlyMap<string, WalletEntry>) {
    this.options = options
    this.entries = new Map(entries)
    this.unsubscribe = [
      options.signers.onChange((name) => this.signerChanged(name)),
      options.mempool.subscribe({
        added: ({ transaction }) => {
          for (const wallet of this.all) wallet.transactionAdded(transaction)
        },
        removed: (transaction, reason) => {
          for (const wallet of this.all) wallet.transactionRemoved(transaction, reason)
        },
      }),
    ]
  }

  /** Loads the wallets that are to be loaded at start; they may still have to catch up with the chain. Throws a `StorageError`. */
  static async open(options: WalletsOptions): Promise<Wallets> {
    const wallets = new Wallets(options, await options.directory.load())
    for (const name of wallets.names)
      if ((wallets.entries.get(name) ?? DEFAULT_ENTRY).loadOnStartup)
        await wallets.changes
          .run(name, () => wallets.open(name))
          .catch(async (error: unknown) => {
            if (!(error instanceof StorageError)) return wallets.fail(name, error)
            await wallets.close().catch(() => undefined)
            throw error
          })
    return wallets
  }

  /** The names of all wallets of the profile, in order. */
  get names(): string[] {
    return [...new Set([...this.entries.keys(), ...this.options.signers.names()])].sort()
  }

  /** The names of those that are loaded, in the order of loading. */
  get loadedNames(): string[] {
    return [...this.loaded.keys()]
  }

  /** Undefined where it isn't loaded. */
  get(name: string): Wallet | undefined {
    return this.loaded.get(name)?.wallet
  }

  /** The loaded ones. */
  get all(): Wallet[] {
    return [...this.loaded.values()].map(({ wallet }) => wallet)
  }

  /**
   * Says that keys of a new wallet are about to be made: it is loaded when the signer tells of them. Rejects with `wallet-name` and
   * `wallet-exists`; what was expected before and never came is forgotten.
   */
  expect(name: string, loadOnStartup = true): Result<void> {
    const refusal = this.nameRefusal(name)
    if (refusal) return refusal
    this.expected.set(name, { loadOnStartup })
    return OK
  }

  /** Makes and loads a wallet without keys, which is blank at first. Rejects with `wallet-name` and `wallet-exists`. */
  async createWatching(name: string, loadOnStartup = true): Promise<Result<void>> {
    const refusal = this.nameRefusal(name)
    if (refusal) return refusal
    this.reserved.add(name)
    try {
      await this.changes.run(name, () => this.open(name, { loadOnStartup }))
    } finally {
      this.reserved.delete(name)
    }
    return OK
  }

  /** Loads a wallet, and remembers whether to do so at start where that is said. Rejects with `wallet-unknown` and `wallet-loaded`. */
  load(name: string, loadOnStartup: boolean | undefined): Promise<Result<void>> {
    return this.changes.run(name, async () => {
      if (this.loaded.has(name)) return notNow('wallet-loaded', `${walletCalled(name)} is loaded already.`)
      if (!this.names.includes(name)) return unknown(name)
      await this.open(name, loadOnStartup === undefined ? undefined : { loadOnStartup })
      return OK
    })
  }

  /** Stores where a wallet stands, locks it, and follows it no more; see `load`. Rejects with `wallet-unknown`. */
  unload(name: string, loadOnStartup: boolean | undefined): Promise<Result<void>> {
    return this.changes.run(name, async () => {
      const loaded = this.loaded.get(name)
      if (!loaded) return unknown(name)
      if (loadOnStartup !== undefined) await this.keep(name, { loadOnStartup })
      this.loaded.delete(name)
      loaded.wallet.signer.lock()
      try {
        await this.closeOne(loaded)
      } finally {
        // It is gone also where its store failed: what was durable is what it begins with when it is loaded.
        this.tell(name)
      }
      return OK
    })
  }

  // The chain and the mempool

  /** Those that a transaction concerns. */
  concernedBy(txid: Txid): Wallet[] {
    return this.all.filter((wallet) => wallet.transaction(txid))
  }

  /** Payments of the wallets that wait for a block, parents of a wallet first; each once. */
  pendingPayments(): Transaction[] {
    const payments = new Map<Txid, Transaction>()
    for (const wallet of this.all)
      for (const payment of wallet.pendingPayments()) payments.set(payment.txid, payment)
    return [...payments.values()]
  }

  /** Resolves when all that was told so far is taken in and durable. */
  async settled(): Promise<void> {
    await Promise.all(this.all.map((wallet) => wallet.settled()))
  }

  /** Stores where the wallets stand. Throws where a store fails, after all others are closed. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const end of this.unsubscribe) end()
    await this.changes.ended()
    const ended = await Promise.allSettled([...this.loaded.values()].map((one) => this.closeOne(one)))
    for (const end of ended) if (end.status === 'rejected') throw end.reason
  }

  // Inside

  /** Opens a wallet, unless it is loaded. `entry`: what is to be kept of it, if anything else than what is. */
  private async open(name: string, entry?: WalletEntry): Promise<void> {
    const { chain, mempool, clock, random, signers, directory } = this.options
    if (this.loaded.has(name)) return
    if (this.isClosed) throw new Error('The node has stopped.')
    await this.keep(name, entry ?? this.entries.get(name) ?? DEFAULT_ENTRY)
    const wallet = await Wallet.open({
      name,
      chain,
      clock,
      random,
      signer: signers.signer(name),
      store: directory.records(name),
      turns: this.payments,
    })
    const tellWaiting = (): void => {
      for (const { transaction } of mempool.entries()) wallet.transactionAdded(transaction)
    }
    const end = wallet.subscribe({
      keysDerived: tellWaiting,
      changed: (txids) => this.tell(name, txids),
      storageFailed: (error) => this.fail(name, error, 'can’t go on'),
    })
    this.loaded.set(name, { wallet, end })
    // Payments that waited before there was a wallet to see them.
    tellWaiting()
    this.tell(name)
    const fault = keysFault(wallet.signer.status())
    if (fault !== undefined) this.fail(name, new Error(fault), 'can only watch')
  }

  /** A store that fails in the last moment is still told of. */
  private async closeOne({ wallet, end }: Loaded): Promise<void> {
    await wallet.close().finally(end)
  }

  private async keep(name: string, entry: WalletEntry): Promise<void> {
    if (this.entries.get(name)?.loadOnStartup === entry.loadOnStartup) return
    await this.options.directory.save(name, entry)
    this.entries.set(name, entry)
  }

  /** Keys were made, locked or unlocked. */
  private signerChanged(name: string): void {
    const isNew = !this.entries.has(name) && this.options.signers.names().includes(name)
    if (!isNew) {
      if (this.loaded.has(name)) this.tell(name)
      return
    }
    const entry = this.expected.get(name)
    this.expected.delete(name)
    this.changes.run(name, () => this.open(name, entry)).catch((error: unknown) => this.fail(name, error))
  }

  private tell(name: string, txids: readonly Txid[] = []): void {
    const { signers, listener } = this.options
    const { state } = signers.signer(name).status()
    listener.changed({ wallet: name, loaded: this.loaded.has(name), state, txids })
  }

  /** `what`: of the wallet, the rest of a sentence. */
  private fail(name: string, cause: unknown, what = 'can’t be loaded'): void {
    if (this.isClosed) return
    const message = cause instanceof Error ? cause.message : String(cause)
    this.options.listener.failed(
      cause instanceof StorageError
        ? cause
        : new Error(`${walletCalled(name)} ${what}: ${message}`, { cause }),
    )
  }

  private nameRefusal(name: string): Rejection | undefined {
    // Names are shown to people.
    const isPlain = !UNSEEN.test(name) && name.trim() === name && (name === '' || folded(name) !== '')
    if (!isPlain || [...name].length > MAX_NAME_CHARACTERS)
      return invalid(
        'wallet-name',
        `A wallet's name has at most ${MAX_NAME_CHARACTERS} characters that can be seen, and no space at either end.`,
      )
    const same = [...this.names, ...this.reserved].find((other) => folded(other) === folded(name))
    if (same === undefined) return undefined
    const but = same === name ? '' : ' The two would be mistaken for one another.'
    return notNow(
      'wallet-exists',
      `${walletCalled(same)} is here already, and is never overwritten. Choose another name.${but}`,
    )
  }
}

/**
 * Controls, what is invisible, halves of characters, and line ends. Braille's blank counts as a symbol in Unicode. Emoji hold a variation selector:
 * that stays, and tells no names apart.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\u2800]|(?!\ufe0f)\p{Default_Ignorable_Code_Point}/u

/** Equal for names that people would take for one another, but for letters of several scripts. */
function folded(name: string): string {
  const plain = name.normalize('NFKC').replaceAll('\ufe0f', '').replace(/\s+/g, ' ')
  // By capitals: they are the same for all forms of a letter, such as both sigmas.
  return plain.toUpperCase().toLowerCase()
}

function unknown(name: string): Rejection {
  return invalid(
    'wallet-unknown',
    `${walletCalled(name)} is not there, or not loaded. listwalletdir tells which wallets there are.`,
  )
}
