/**
 * The signer across threads. The brain has a MessagePort of its own to it, on which nothing but PSBTs, signatures and the
 * wallet's state pass; passphrases, seed words and what is agreed to travel between Window and signer alone.
 */
import type { ChannelSigner } from '../channels/ports.ts'
import type * as results from '../primitives/result.ts'
import type { Agreement } from '../signer/approvals.ts'
import type { BackupNetwork } from '../signer/backup.ts'
import type { LocalSigner } from '../signer/local-signer.ts'
import { notNow, OK, type Result } from '../wallet/result.ts'
import type { Signer, SignerStatus } from '../wallet/signer.ts'
import { Channel, type Endpoint, PendingAnswers } from './channel.ts'

/** Brain to signer. */
export type SignRequest =
  | {
      readonly id: number
      readonly psbt: Uint8Array
      /** See `Signer.signPsbt`. */
      readonly replaced: Uint8Array | undefined
      readonly hashType: number | undefined
    }
  | { readonly id: number; readonly channel: ChannelCall }

/** What a channel asks of its signer: a method of `ChannelSigner`, and what it is given. */
export type ChannelCall = {
  readonly [Method in keyof ChannelSigner]: {
    readonly method: Method
    readonly args: Parameters<ChannelSigner[Method]>
  }
}[keyof ChannelSigner]

/** Signer to brain; the state comes first. */
export type SignerEvent =
  | { readonly type: 'status'; readonly status: SignerStatus }
  | { readonly type: 'signed'; readonly id: number; readonly result: results.Result<unknown> }

/** What a person asks of the signer. Answers are the results of `LocalSigner`'s methods of the same names. */
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
  | { readonly type: 'command'; readonly id: number; readonly command: SignerCommand }

/** Signer to Window. */
export type SignerAnswer =
  | { readonly type: 'opened' }
  /** A sentence for people. */
  | { readonly type: 'open-failed'; readonly reason: string }
  | { readonly type: 'status'; readonly status: SignerStatus }
  | { readonly type: 'answer'; readonly id: number; readonly result: Result<unknown> }

/** The brain's half. */
export class RemoteSigner implements Signer {
  private readonly channel: Channel<SignRequest, SignerEvent>
  private readonly answers = new PendingAnswers<results.Result<unknown>>()
  private readonly listeners = new Set<(status: SignerStatus) => void>()
  private current: SignerStatus

  private constructor(channel: Channel<SignRequest, SignerEvent>, status: SignerStatus) {
    this.channel = channel
    this.current = status
  }

  /** Resolves when the signer has told its state. */
  static connect(port: Endpoint): Promise<RemoteSigner> {
    const channel = new Channel<SignRequest, SignerEvent>(port)
    return new Promise((resolve) => {
      let signer: RemoteSigner | undefined
      channel.listen((event) => {
        if (signer) signer.receive(event)
        else if (event.type === 'status') {
          signer = new RemoteSigner(channel, event.status)
          resolve(signer)
        }
      })
    })
  }

  status(): SignerStatus {
    return this.current
  }

  signPsbt(psbt: Uint8Array, replaced?: Uint8Array, hashType?: number): Promise<Result<Uint8Array>> {
    // The answers to PSBTs are those of `LocalSigner.signPsbt`.
    return this.answers.ask((id) => this.channel.post({ id, psbt, replaced, hashType })) as Promise<
      Result<Uint8Array>
    >
  }

  /** The answer of the method of that name, see `RemoteChannelSigner`. */
  callChannel(channel: ChannelCall): Promise<results.Result<unknown>> {
    return this.answers.ask((id) => this.channel.post({ id, channel }))
  }

  onChange(listener: (status: SignerStatus) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private receive(event: SignerEvent): void {
    if (event.type === 'signed') this.answers.answer(event.id, event.result)
    else {
      this.current = event.status
      for (const listener of this.listeners) listener(event.status)
    }
  }
}

/** The signer's half of the brain's port. */
export function serveSigner(signer: LocalSigner, port: Endpoint): void {
  const channel = new Channel<SignerEvent, SignRequest>(port)
  channel.post({ type: 'status', status: signer.status() })
  signer.onChange((status) => channel.post({ type: 'status', status }))
  channel.listen(async (request) => {
    const result = await answered<unknown>(() =>
      'channel' in request
        ? callOf(signer.channels, request.channel)
        : signer.signPsbt(request.psbt, request.replaced, request.hashType),
    )
    channel.post({ type: 'signed', id: request.id, result })
  })
}

/** Carries out what a person asked. Never rejects: a fault of this program or of storage is told as a rejection, so that nobody waits for ever. */
export function runCommand(signer: LocalSigner, command: SignerCommand): Promise<Result<unknown>> {
  // Its codes are the wallet's.
  return answered(() => carryOut(signer, command)) as Promise<Result<unknown>>
}

/** The methods that the brain may call. */
const CHANNEL_METHODS: ReadonlySet<string> = new Set<keyof ChannelSigner>([
  'createKeys',
  'holderPoint',
  'attach',
  'acceptHolderCommitment',
  'releaseSecret',
  'signCounterpartyCommitment',
  'signHolderCommitment',
  'closingNonce',
  'signClosing',
  'signSpend',
  'nodeKey',
  'ecdh',
  'signNode',
])

async function callOf(
  signer: ChannelSigner,
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

async function carryOut(signer: LocalSigner, command: SignerCommand): Promise<Result<unknown>> {
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
    case 'approve':
      return signer.approve(command.agreement)
    case 'revoke':
      signer.revoke(command.approval)
      return OK
  }
}
