/**
 * The signer that holds the keys: seed words in, signatures out. Runs in the signer worker, where nothing else
 * runs; the brain reaches it through the `Signer` port, the page reaches the rest. Invariants: the seed is on disk
 * only under a passphrase; the account's private key is in memory only while unlocked; no command destroys a stored
 * seed; nothing is signed that the page did not agree to; nothing is logged.
 */
import { msat } from '../channels/amount.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import * as results from '../primitives/result.ts'
import { packOutputs } from '../script/input-check.ts'
import { SighashCache } from '../script/sighash.ts'
import { type Descriptor, parseDescriptor } from '../wallet/descriptor.ts'
import { Psbt } from '../wallet/psbt.ts'
import { invalid, notNow, OK, ok, type Rejection, type Result } from '../wallet/result.ts'
import { type Account, keysMissing, type Signer, type SignerStatus } from '../wallet/signer.ts'
import { type Agreement, Approvals, type InvoiceAsked } from './approvals.ts'
import {
  type BackupNetwork,
  checkBackupPassphrase,
  checkBackupSize,
  readBackup,
  writeBackup,
} from './backup.ts'
import { ChannelKeeper } from './channel-keeper.ts'
import { channelRoot } from './channel-keys.ts'
import type { ChannelRecordStore } from './channel-record.ts'
import type { PaymentApproval } from './channel-spending.ts'
import { type InvoiceReview, mostOfKeysend, reviewInvoice } from './invoice-review.ts'
import {
  decodeSecret,
  encodeSecret,
  isKeyRecord,
  type KeyRecord,
  type KeyStore,
  recordContext,
  type Secret,
} from './key-record.ts'
import { type AccountKeys, createEntropy, deriveAccount, entropyToWords, wordsToEntropy } from './keys.ts'
import { DEFAULT_LOG_N, openBox, sealBox } from './passphrase-box.ts'
import { addOwnSignature } from './psbt-signing.ts'
import { walletLocked } from './refusals.ts'
import { type PaymentReading, type PaymentReview, readPayment } from './review.ts'

export interface LocalSignerOptions {
  readonly network: BackupNetwork
  /** See `coinType`. */
  readonly coinType: number
  /** See `NetworkParams`. */
  readonly addressPrefix: string
  readonly store: KeyStore
  readonly channelRecords: ChannelRecordStore
  readonly clock: Clock
  readonly random: Random
  /** See `ChannelKeeperOptions`. */
  readonly unattended?: boolean
  /** Cost of a passphrase guess, see `DEFAULT_LOG_N`: lower in tests alone. */
  readonly logN?: number
}

/** A stored record that can't be used. The message is a sentence for people. */
export class UnusableKeysError extends Error {}

/** The coin type of networks for tests, and of no other (SLIP44, `coinType`). */
const TEST_COIN_TYPE = 1

/** A timer of a browser counts to 2^31 ms. */
const MAX_UNLOCK_SECONDS = 2_000_000

export class LocalSigner implements Signer {
  /** Signs for channels, from the first unlocking on. */
  readonly channels: ChannelKeeper
  private readonly options: LocalSignerOptions
  private record: KeyRecord | undefined
  private unlocked: { readonly keys: AccountKeys; readonly until: number | undefined } | undefined
  private cancelTimeout: () => void = () => {}
  /** The last command: they run one after another. */
  private last: Promise<unknown> = Promise.resolve()
  private readonly approvals: Approvals
  private nextApproval = 0
  private readonly listeners = new Set<(status: SignerStatus) => void>()

  private constructor(options: LocalSignerOptions, record: KeyRecord | undefined) {
    this.options = options
    this.channels = new ChannelKeeper({
      records: options.channelRecords,
      random: options.random,
      account: () => this.account(),
      unattended: options.unattended,
      testControls: options.coinType === TEST_COIN_TYPE,
    })
    this.approvals = new Approvals(options.addressPrefix, this.channels, () => this.nextApproval++)
    this.record = record
  }

  /**
   * Opens locked, or without keys. Throws an `UnusableKeysError` when the stored record is damaged or belongs to another network: nothing
   * overwrites it.
   */
  static async open(options: LocalSignerOptions): Promise<LocalSigner> {
    const stored = await options.store.load()
    if (stored !== undefined && !isKeyRecord(stored))
      throw new UnusableKeysError(
        'The stored keys of this wallet are damaged, and are left as they are. Restore its backup as a wallet of another name.',
      )
    if (stored && stored.network !== options.network.id)
      throw new UnusableKeysError('The stored keys of this wallet belong to another network.')
    return new LocalSigner(options, stored)
  }

  status(): SignerStatus {
    if (!this.record) return { state: 'none' }
    const account: Account = { descriptor: this.record.descriptor, birthday: this.record.birthday }
    return this.unlocked
      ? { state: 'unlocked', account, until: this.unlocked.until }
      : { state: 'locked', account }
  }

  onChange(listener: (status: SignerStatus) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /**
   * Makes a new seed and stores it; the wallet is locked after it. Returns the words: to be shown once, for the
   * paper copy. `mnemonicPassphrase`: see `Secret`. `chainTime`: median time past of the chain's tip, seconds since 1970: a clock that is ahead of
   * the chain must not name a birthday after blocks to come.
   */
  create(
    passphrase: string,
    words: 12 | 24 = 12,
    { mnemonicPassphrase = '', chainTime }: { mnemonicPassphrase?: string; chainTime?: number } = {},
  ): Promise<Result<string>> {
    return this.exclusively(async () => {
      const entropy = createEntropy(this.options.random, words)
      const birthday = Math.min(this.seconds(), chainTime ?? Number.POSITIVE_INFINITY)
      const stored = await this.storeSeed({ entropy, mnemonicPassphrase }, birthday, passphrase)
      const text = entropyToWords(entropy)
      entropy.fill(0)
      return stored.ok ? ok(text) : stored
    })
  }

  /** The words in full, as they were understood. Codes of `wordsToEntropy`. */
  async readWords(words: string): Promise<Result<string>> {
    const entropy = wordsToEntropy(words)
    if (!entropy.ok) return entropy
    const text = entropyToWords(entropy.value)
    entropy.value.fill(0)
    return ok(text)
  }

  /**
   * Restores a wallet from its words and BIP39's passphrase, if they have one; every block has to be searched for its coins. Codes of
   * `wordsToEntropy`.
   */
  restoreWords(words: string, passphrase: string, mnemonicPassphrase = ''): Promise<Result<void>> {
    return this.exclusively(async () => {
      const entropy = wordsToEntropy(words)
      if (!entropy.ok) return entropy
      const stored = await this.storeSeed({ entropy: entropy.value, mnemonicPassphrase }, 0, passphrase)
      entropy.value.fill(0)
      return stored
    })
  }

  /**
   * Restores a wallet from a backup file, under the passphrase it was made with. Returns the metadata, for
   * `Wallet.importMetadata`; that alone where this wallet is here already. The birthday is not relied on: it was some clock's, and all blocks are
   * searched. Codes of `readBackup`, and `wallet-exists` where another wallet is here.
   */
  restoreBackup(file: string, passphrase: string): Promise<Result<string>> {
    return this.exclusively(async () => {
      const backup = readBackup(file, this.options.network, passphrase)
      if (!backup.ok) return backup
      const { words, mnemonicPassphrase = '', metadata } = backup.value
      const entropy = wordsToEntropy(words)
      if (!entropy.ok) return entropy
      const secret = { entropy: entropy.value, mnemonicPassphrase }
      const stored = this.record && this.isStored(secret) ? OK : await this.storeSeed(secret, 0, passphrase)
      entropy.value.fill(0)
      return stored.ok ? ok(metadata) : stored
    })
  }

  /**
   * A backup file: the seed and `metadata` under the passphrase, which is checked first, so that nobody keeps a
   * file they can't open. Rejects with `wallet-passphrase-incorrect`, and as `checkBackupPassphrase` and `checkBackupSize` do.
   */
  exportBackup(passphrase: string, metadata: string): Promise<Result<string>> {
    return this.withSeed(passphrase, async ({ entropy, mnemonicPassphrase }, { birthday }) => {
      const weak = checkBackupPassphrase(passphrase)
      if (weak) return weak
      const { network, random, logN = DEFAULT_LOG_N } = this.options
      const content = {
        words: entropyToWords(entropy),
        ...(mnemonicPassphrase !== '' && { mnemonicPassphrase }),
        birthday,
        metadata,
      }
      const file = writeBackup(content, network, this.seconds(), passphrase, random, logN)
      return checkBackupSize(file) ?? ok(file)
    })
  }

  /** The seed words, and BIP39's passphrase where they have one. */
  revealWords(
    passphrase: string,
  ): Promise<Result<{ readonly words: string; readonly mnemonicPassphrase: string }>> {
    return this.withSeed(passphrase, async ({ entropy, mnemonicPassphrase }) =>
      ok({ words: entropyToWords(entropy), mnemonicPassphrase }),
    )
  }

  changePassphrase(passphrase: string, next: string): Promise<Result<void>> {
    return this.withSeed(passphrase, (secret, { birthday }) => this.saveSeed(secret, birthday, next))
  }

  /**
   * Unlocks for `seconds`, or until `lock`. Unlocking again sets the time anew. Rejects with
   * `wallet-passphrase-incorrect`.
   */
  unlock(passphrase: string, seconds?: number): Promise<Result<void>> {
    return this.withSeed(passphrase, async (secret, record) => {
      const keys = this.accountOf(secret)
      if (keys.descriptor.text !== record.descriptor) {
        keys.key.wipePrivateData()
        throw new Error('The stored seed does not belong to the stored account')
      }
      this.wipe()
      this.channels.open(channelRoot(secret.entropy, this.options.coinType, secret.mnemonicPassphrase))
      const { clock } = this.options
      const milliseconds = seconds === undefined ? undefined : Math.min(seconds, MAX_UNLOCK_SECONDS) * 1000
      if (milliseconds !== undefined) this.cancelTimeout = clock.after(milliseconds, () => this.lock())
      this.unlocked = { keys, until: milliseconds === undefined ? undefined : clock.now() + milliseconds }
      this.changed()
      return OK
    })
  }

  /**
   * Overwrites the account's private key in memory. The keys of channels stay as long as there is one: who can't sign can't punish. They
   * open no coin of the wallet.
   */
  lock(): void {
    if (!this.unlocked) return
    this.wipe()
    if (!this.channels.isInUse) this.channels.close()
    this.changed()
  }

  /**
   * What a PSBT does, for a person or a caller to agree to; a locked wallet tells it as well. Rejects with `keys-missing` and as
   * `readPayment` does. `hashType` as in `signPsbt`.
   */
  review(psbt: Uint8Array, hashType?: number): Result<PaymentReview> {
    const read = this.read(psbt, hashType)
    return read.ok ? ok(read.value.reading.review) : read
  }

  /**
   * Lets one payment that keeps the agreement be signed. Returns the number to `revoke` it by. Rejects as `Approvals.add` and `reviewInvoice` do, and one that is
   * paid over channels with `wallet-locked`: they would sign for it without the passphrase.
   */
  approve(agreement: Agreement): results.Result<number> {
    if (!this.record) return keysMissing()
    if (agreement.type !== 'invoice' && agreement.type !== 'keysend') return this.approvals.add(agreement)
    if (!this.isUnlocked()) return walletLocked()
    const approval =
      agreement.type === 'invoice' ? this.approvalOfInvoice(agreement) : approvalOfKeysend(agreement)
    if (!approval.ok) return approval
    this.channels.approve(this.nextApproval, approval.value)
    return ok(this.nextApproval++)
  }

  /** Takes an approval back, unless it was used. */
  revoke(approval: number): void {
    this.approvals.revoke(approval)
    this.channels.revoke(approval)
  }

  /** What an invoice asks for, for a person or a caller to agree to. Rejects as `reviewInvoice` does. */
  reviewInvoice(asked: InvoiceAsked): results.Result<InvoiceReview> {
    return reviewInvoice(asked, this.options.addressPrefix)
  }

  private approvalOfInvoice(asked: InvoiceAsked): results.Result<PaymentApproval> {
    const review = this.reviewInvoice(asked)
    if (!review.ok) return review
    const { paymentHash, amount, maxFee } = review.value
    return ok({ hash: paymentHash, most: msat(amount + maxFee) })
  }

  /**
   * What payments over channels may take without being asked for, in millisatoshis, after it was set where `amount` is given: that takes an unlocked wallet. It is
   * remembered, and grows less with each payment. Rejects with `wallet-locked`.
   */
  async allowance(amount?: number): Promise<results.Result<number>> {
    if (!this.record) return keysMissing()
    if (amount !== undefined && !this.isUnlocked()) return walletLocked()
    if (amount !== undefined && !(Number.isSafeInteger(amount) && amount >= 0))
      return results.invalid('allowance-amount', 'An allowance is a whole number of millisatoshis.')
    return this.channels.allowance(amount === undefined ? undefined : msat(amount))
  }

  /** Timers stand still while a machine sleeps or a browser freezes the tab; the clock does not. */
  private isUnlocked(): boolean {
    if (this.unlocked?.until !== undefined && this.options.clock.now() >= this.unlocked.until) this.lock()
    return this.unlocked !== undefined
  }

  async signPsbt(bytes: Uint8Array, replaced?: Uint8Array, hashType?: number): Promise<Result<Uint8Array>> {
    if (!this.record) return keysMissing()
    if (!this.isUnlocked() || !this.unlocked) return walletLocked()
    const read = this.read(bytes, hashType)
    if (!read.ok) return read
    const { psbt, reading } = read.value
    const approved = this.approvals.use(reading, replaced)
    if (!approved.ok) return approved
    return this.sign(psbt, reading, this.unlocked.keys) ?? ok(psbt.bytes)
  }

  private read(
    bytes: Uint8Array,
    hashType: number | undefined,
  ): Result<{ readonly psbt: Psbt; readonly reading: PaymentReading }> {
    if (!this.record) return keysMissing()
    const psbt = Psbt.parse(bytes)
    if (!psbt.ok) return psbt
    const reading = readPayment(psbt.value, this.account()!, this.options.addressPrefix, hashType)
    return reading.ok ? ok({ psbt: psbt.value, reading: reading.value }) : reading
  }

  /** The public half of the account; undefined where there is no wallet. */
  private account(): Descriptor | undefined {
    if (!this.record) return undefined
    if (this.parsed?.text !== this.record.descriptor) {
      const account = parseDescriptor(this.record.descriptor)
      // This signer wrote it itself.
      if (!account.ok) throw new Error(account.detail)
      this.parsed = account.value
    }
    return this.parsed
  }
  private parsed: Descriptor | undefined

  /** Signs what is ours of a PSBT that was read and approved. */
  private sign(psbt: Psbt, reading: PaymentReading, account: AccountKeys): Rejection | undefined {
    const { unsigned, spent, ownInputs, hashType } = reading
    const sighashes = new SighashCache(unsigned, packOutputs(spent))
    for (const [index, spends] of ownInputs)
      for (const spend of spends) {
        const refusal = addOwnSignature(psbt, index, spend, hashType, account, sighashes, this.options.random)
        if (refusal) return refusal
      }
    return undefined
  }

  private accountOf({ entropy, mnemonicPassphrase }: Secret): AccountKeys {
    return deriveAccount(entropy, this.options.coinType, mnemonicPassphrase)
  }

  /** Whether this seed is the one that is stored. */
  private isStored(secret: Secret): boolean {
    const { key, descriptor } = this.accountOf(secret)
    key.wipePrivateData()
    return this.record?.descriptor === descriptor.text
  }

  /** Seals and stores a seed where there is none yet. */
  private async storeSeed(secret: Secret, birthday: number, passphrase: string): Promise<Result<void>> {
    return this.record ? walletExists() : this.saveSeed(secret, birthday, passphrase)
  }

  private async saveSeed(secret: Secret, birthday: number, passphrase: string): Promise<Result<void>> {
    if (passphrase === '')
      return invalid(
        'passphrase-empty',
        'Choose a passphrase: it encrypts the wallet on this device and in its backups.',
      )
    const { network, random, store, logN = DEFAULT_LOG_N } = this.options
    const { key, descriptor } = this.accountOf(secret)
    key.wipePrivateData()
    const { version, bytes } = encodeSecret(secret)
    const open = { version, network: network.id, descriptor: descriptor.text, birthday }
    const record = { ...open, box: sealBox(bytes, passphrase, recordContext(open), random, logN) }
    bytes.fill(0)
    await store.save(record)
    this.record = record
    this.changed()
    return OK
  }

  /** Runs with the decrypted seed, which is overwritten afterwards. */
  private withSeed<T>(
    passphrase: string,
    run: (secret: Secret, record: KeyRecord) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    return this.exclusively(async () => {
      const { record } = this
      if (!record) return keysMissing()
      const opened = openBox(record.box, passphrase, recordContext(record))
      if (!opened.ok) return opened
      const secret = decodeSecret(record.version, opened.value)
      opened.value.fill(0)
      try {
        return await run(secret, record)
      } finally {
        secret.entropy.fill(0)
      }
    })
  }

  private exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.last.then(run)
    this.last = result.catch(() => {})
    return result
  }

  private wipe(): void {
    this.cancelTimeout()
    this.cancelTimeout = () => {}
    this.unlocked?.keys.key.wipePrivateData()
    this.unlocked = undefined
  }

  private seconds(): number {
    return Math.floor(this.options.clock.now() / 1000)
  }

  private changed(): void {
    const status = this.status()
    for (const listener of this.listeners) listener(status)
  }
}

function approvalOfKeysend({
  amount,
  maxFeePercent,
}: Extract<Agreement, { readonly type: 'keysend' }>): results.Result<PaymentApproval> {
  const most = mostOfKeysend(amount, maxFeePercent)
  return most.ok ? ok({ hash: undefined, most: most.value }) : most
}

function walletExists(): Rejection {
  return notNow(
    'wallet-exists',
    'The keys of a wallet of this name are here already, and they are never overwritten. Choose another name.',
  )
}
