/**
 * The signers of a profile's wallets: each has its own seed, passphrase, lock and approvals, and knows nothing of the others. Thread: the signer
 * worker.
 */
import type { SignerStatus } from '../wallet/signer.ts'
import type { KeyStores } from './key-record.ts'
import { LocalSigner, type LocalSignerOptions, UnusableKeysError } from './local-signer.ts'

export interface LocalSignersOptions extends Omit<LocalSignerOptions, 'store' | 'channelRecords'> {
  readonly stores: KeyStores
}

export class LocalSigners {
  private readonly options: LocalSignersOptions
  private readonly signers = new Map<string, LocalSigner>()
  /** One of each name at most: two would not know of each other's seed. */
  private readonly opening = new Map<string, Promise<LocalSigner>>()
  /** Why the keys of a wallet can't be used, by its name. */
  private readonly unusable = new Map<string, string>()
  private readonly listeners = new Set<(wallet: string, status: SignerStatus) => void>()

  private constructor(options: LocalSignersOptions) {
    this.options = options
  }

  /** Opens the wallets that have keys, locked; those whose record can't be used are as if they had none. Throws when storage fails. */
  static async open(options: LocalSignersOptions): Promise<LocalSigners> {
    const signers = new LocalSigners(options)
    for (const name of await options.stores.names())
      await signers.of(name).catch((error: unknown) => {
        if (!(error instanceof UnusableKeysError)) throw error
        signers.unusable.set(name, error.message)
      })
    return signers
  }

  /** Of a wallet, whether it has keys or not. */
  status(wallet: string): SignerStatus {
    const fault = this.unusable.get(wallet)
    if (fault !== undefined) return { state: 'none', fault }
    return this.signers.get(wallet)?.status() ?? { state: 'none' }
  }

  /** Of the wallets whose keys are stored here, usable or not. */
  statuses(): ReadonlyMap<string, SignerStatus> {
    return new Map([...this.unusable.keys(), ...this.names()].map((name) => [name, this.status(name)]))
  }

  /** Names of the wallets whose keys are here. */
  names(): string[] {
    return [...this.signers].flatMap(([name, signer]) => (signer.status().state === 'none' ? [] : [name]))
  }

  /** The signer of a wallet; undefined where nobody asked for it by `of`, and it has no keys. */
  get(wallet: string): LocalSigner | undefined {
    return this.signers.get(wallet)
  }

  /** The signer of a wallet, without keys where none were made. For the page alone: each name that is asked for is kept. */
  of(wallet: string): Promise<LocalSigner> {
    const opening =
      this.opening.get(wallet) ??
      this.openOne(wallet).catch((error: unknown) => {
        this.opening.delete(wallet)
        throw error
      })
    this.opening.set(wallet, opening)
    return opening
  }

  /** Returns the function that unsubscribes. */
  onChange(listener: (wallet: string, status: SignerStatus) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private async openOne(wallet: string): Promise<LocalSigner> {
    const { stores, ...options } = this.options
    const signer = await LocalSigner.open({
      ...options,
      store: stores.store(wallet),
      channelRecords: stores.channelRecords(wallet),
    })
    this.signers.set(wallet, signer)
    signer.onChange((status) => {
      for (const listener of this.listeners) listener(wallet, status)
    })
    return signer
  }
}
