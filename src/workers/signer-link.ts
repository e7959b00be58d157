/**
 * The signers of all wallets across threads. The brain has a MessagePort of its own to them, on which nothing but PSBTs, signatures and the
 * wallets' states pass; passphrases, seed words and what is agreed to travel between Window and signer alone.
 */
import type { ChannelSigner, StateKeeper } from '../channels/ports.ts'
import type * as results from '../primitives/result.ts'
import type { Agreement, InvoiceAsked } from '../signer/approvals.ts'
import type { BackupNetwork } from '../signer/backup.ts'
import type { LocalSigner } from '../signer/local-signer.ts'
import type { LocalSigners } from '../signer/local-signers.ts'
import { notNow, OK, type Result } from '../wallet/result.ts'
import { keysMissing, type Signer, type SignerStatus, type Signers } from '../wallet/signer.ts'
import { Channel, type Endpoint, PendingAnswers } from './channel.ts'

/** Brain to signer. `wallet`: its name. */
export type SignRequest =
  | {
      readonly type: 'sign'
      readonly id: number
      readonly wallet: string
      readonly psbt: Uint8Array
      /** See `Signer.signPsbt`. */
      readonly replaced: Uint8Array | undefined
      readonly hashType: number | undefined
    }
  | { readonly type: 'lock'; readonly wallet: string }
  | { readonly type: 'channel'; readonly id: number; readonly wallet: string; readonly call: ChannelCall }

type ChannelServices = ChannelSigner & StateKeeper

/** What a channel asks of its signer: a method, and what it is given. */
export type ChannelCall = {
  readonly [Method in keyof ChannelServices]: {
    readonly method: Method
    readonly args: Parameters<ChannelServices[Method]>
  }
}[keyof ChannelServices]

/** Statuses by the names of their wallets. */
export type SignerStatuses = ReadonlyMap<string, SignerStatus>

/** Signer to brain; the states of all wallets come first. */
export type SignerEvent =
  | { readonly type: 'opened'; readonly statuses: SignerStatuses }
  | { readonly type: 'status'; readonly wallet: string; readonly status: SignerStatus }
  | { readonly type: 'signed'; readonly id: number; readonly result: results.Result<unknown> }

/** What a person asks of the signer of a wallet. Answers are the results of `LocalSigner`'s methods of the same names. */
export type SignerCommand =
  | {
      readonly type: 'create'
      readonly passphrase: string
      readonly words: 12 | 24
      readonly mnemonicPassphrase: string
      readonly chainTime: number
    }
  | { readonly type: 'readWords'; readonly words: string }
  | {
      readonly type: 'restoreWords'
      readonly words: string
      readonly passphrase: string
      readonly mnemonicPassphrase: string
    }
  | { readonly type: 'restoreBackup'; readonly file: string; readonly passphrase: string }
  | { readonly type: 'exportBackup'; readonly passphrase: string; readonly metadata: string }
  | { readonly type: 'revealWords'; readonly passphrase: string }
  | { readonly type: 'changePassphrase'; readonly passphrase: string; readonly next: string }
  | { readonly type: 'unlock'; readonly passphrase: string; readonly seconds: number | undefined }
  | { readonly type: 'lock' }
  | { readonly type: 'review'; readonly psbt: Uint8Array }
  | ({ readonly type: 'reviewInvoice' } & InvoiceAsked)
  | { readonly type: 'allowance'; readonly amount: number | undefined }
  | { readonly type: 'approve'; readonly agreement: Agreement }
  | { readonly type: 'revoke'; readonly approval: number }

/** Window to signer: once `open`, then commands. */
export type SignerRequest =
  | {
      readonly type: 'open'
      /** Name of a lock that the worker holds as long as it lives. */
      readonly life: string
      readonly network: BackupNetwork
      readonly coinType: number
      /** Of its addresses. */
      readonly addressPrefix: string
      /** Name of the profile's database. */
      readonly database: string
      /** The brain's port. */
      readonly brain: MessagePort
    }
  | {
      readonly type: 'command'
      readonly id: number
      /** Name of the wallet. */
      readonly wallet: string
      readonly command: SignerCommand
    }

/** Signer to Window. */
export type SignerAnswer =
  | { readonly type: 'opened'; readonly statuses: SignerStatuses }
  /** A sentence for people. */
  | { readonly type: 'open-failed'; readonly reason: string }
  | { readonly type: 'status'; readonly wallet: string; readonly status: SignerStatus }
  | { readonly type: 'answer'; readonly id: number; readonly result: Result<unknown> }

/** The brain's half. */
export class RemoteSigners implements Signers {
  private readonly channel: Channel<SignRequest, SignerEvent>
  private readonly answers = new PendingAnswers<results.Result<unknown>>()
  private readonly listeners = new Set<(wallet: string) => void>()
  private readonly statuses: Map<string, SignerStatus>

  private constructor(channel: Channel<SignRequest, SignerEvent>, statuses: SignerStatuses) {
    this.channel = channel
    this.statuses = new Map(statuses)
  }

  /** Resolves when the signer has told the states of all wallets. */
  static connect(port: Endpoint): Promise<RemoteSigners> {
    const channel = new Channel<SignRequest, SignerEvent>(port)
    return new Promise((resolve) => {
      let signers: RemoteSigners | undefined
      channel.listen((event) => {
        if (signers) signers.receive(event)
        else if (event.type === 'opened') {
          signers = new RemoteSigners(channel, event.statuses)
          resolve(signers)
        }
      })
    })
  }

  names(): readonly string[] {
    return [...this.statuses].flatMap(([name, { state }]) => (state === 'none' ? [] : [name]))
  }

  signer(wallet: string): Signer {
    return {
      status: () => this.statuses.get(wallet) ?? { state: 'none' },
      // The answers to PSBTs are those of `LocalSigner.signPsbt`.
      signPsbt: (psbt, replaced, hashType) =>
        this.answers.ask((id) =>
          this.channel.post({ type: 'sign', id, wallet, psbt, replaced, hashType }),
        ) as Promise<Result<Uint8Array>>,
      lock: () => this.channel.post({ type: 'lock', wallet }),
      onChange: (listener) =>
        this.onChange((changed) => {
          if (changed === wallet) listener(this.statuses.get(wallet)!)
        }),
    }
  }

  /** The answer of the method of that name, see `remoteChannelSigner`. */
  callChannel(wallet: string, call: ChannelCall): Promise<results.Result<unknown>> {
    return this.answers.ask((id) => this.channel.post({ type: 'channel', id, wallet, call }))
  }

  onChange(listener: (wallet: string) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private receive(event: SignerEvent): void {
    if (event.type === 'signed') this.answers.answer(event.id, event.result)
    else if (event.type === 'status') this.take(event.wallet, event.status)
    // The worker was started after the brain was told that there are no keys.
    else for (const [wallet, status] of event.statuses) this.take(wallet, status)
  }

  private take(wallet: string, status: SignerStatus): void {
    this.statuses.set(wallet, status)
    for (const listener of this.listeners) listener(wallet)
  }
}

/** The signers' half of the brain's port. */
export function serveSigners(signers: LocalSigners, port: Endpoint): void {
  const channel = new Channel<SignerEvent, SignRequest>(port)
  channel.post({ type: 'opened', statuses: signers.statuses() })
  signers.onChange((wallet, status) => channel.post({ type: 'status', wallet, status }))
  channel.listen(async (request) => {
    const signer = signers.get(request.wallet)
    if (request.type === 'lock') signer?.lock()
    else {
      const result = await answered<unknown>(async () => {
        if (!signer) return keysMissing(signers.status(request.wallet))
        if (request.type === 'channel') return callOf(signer.channels, request.call)
        return signer.signPsbt(request.psbt, request.replaced, request.hashType)
      })
      channel.post({ type: 'signed', id: request.id, result })
    }
  })
}

/** Carries out what a person asked of a wallet's signer. Never rejects: a fault of this program or of storage is told as a rejection, so that nobody waits for ever. */
export function runCommand(
  signers: Pick<LocalSigners, 'of'>,
  wallet: string,
  command: SignerCommand,
): Promise<Result<unknown>> {
  // Its codes are the wallet's.
  return answered(async () => carryOut(await signers.of(wallet), command)) as Promise<Result<unknown>>
}

/** The methods that the brain may call. */
const CHANNEL_METHODS: ReadonlySet<string> = new Set<keyof ChannelServices>([
  'createKeys',
  'holderPoint',
  'attach',
  'acceptHolderCommitment',
  'releaseSecret',
  'signCounterpartyCommitment',
  'counterpartyRevoked',
  'beginPayment',
  'endPayment',
  'htlcReturned',
  'signHolderCommitment',
  'closingNonce',
  'signClosing',
  'signSpend',
  'paymentBasepoints',
  'signLostShare',
  'signAnnouncement',
  'nodeKey',
  'ecdh',
  'signNode',
  'keepStates',
  'keptStates',
])

async function callOf(
  signer: ChannelServices,
  { method, args }: ChannelCall,
): Promise<results.Result<unknown>> {
  if (!CHANNEL_METHODS.has(method)) throw new Error(`A channel's signer has no method ${method}`)
  const call = signer[method] as (...args: readonly unknown[]) => Promise<results.Result<unknown>>
  return call.apply(signer, args)
}

async function answered<T>(run: () => Promise<results.Result<T>>): Promise<results.Result<T>> {
  try {
    return await run()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return notNow('signer-failed', `The keeper of keys met a fault. ${reason}`)
  }
}

async function carryOut(signer: LocalSigner, command: SignerCommand): Promise<results.Result<unknown>> {
  switch (command.type) {
    case 'create':
      return signer.create(command.passphrase, command.words, command)
    case 'readWords':
      return signer.readWords(command.words)
    case 'restoreWords':
      return signer.restoreWords(command.words, command.passphrase, command.mnemonicPassphrase)
    case 'restoreBackup':
      return signer.restoreBackup(command.file, command.passphrase)
    case 'exportBackup':
      return signer.exportBackup(command.passphrase, command.metadata)
    case 'revealWords':
      return signer.revealWords(command.passphrase)
    case 'changePassphrase':
      return signer.changePassphrase(command.passphrase, command.next)
    case 'unlock':
      return signer.unlock(command.passphrase, command.seconds)
    case 'lock':
      signer.lock()
      return OK
    case 'review':
      return signer.review(command.psbt)
    case 'reviewInvoice':
      return signer.reviewInvoice(command)
    case 'allowance':
      return signer.allowance(command.amount)
    case 'approve':
      return signer.approve(command.agreement)
    case 'revoke':
      signer.revoke(command.approval)
      return OK
  }
}
