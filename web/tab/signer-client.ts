/**
 * The Window's line to the signer worker: commands of a person, with passphrases and seed words that go nowhere else. Without keys there is
 * nothing to sign: the worker then starts with the first command.
 */
import type { Result } from '../../src/wallet/result.ts'
import type { SignerStatus } from '../../src/wallet/signer.ts'
import { Channel, PendingAnswers } from '../../src/workers/channel.ts'
import type {
  SignerAnswer,
  SignerCommand,
  SignerEvent,
  SignerRequest,
} from '../../src/workers/signer-link.ts'
import { TabError } from './tab-error.ts'

type OpenRequest = Omit<Extract<SignerRequest, { type: 'open' }>, 'type' | 'life'>

/** What is told of a wallet without keys. */
const NO_KEYS: SignerStatus = { state: 'none' }

/** What a call gets that the worker can't answer any more. */
const STOPPED =
  'The keeper of keys has stopped. Nothing that it was doing was finished, and what is stored is kept. Reload the page, and look at the history before you pay again.'

export class SignerClient {
  /** Rejects with a `TabError` when the worker has ended, by itself or by `terminate`. */
  readonly stopped: Promise<never>
  private readonly request: OpenRequest
  private readonly answers = new PendingAnswers<Result<unknown>>()
  /** By the names of the wallets. */
  private readonly statuses = new Map<string, SignerStatus>()
  private stop: () => void = () => {}
  /** Set once the worker has ended. */
  private fault: TabError | undefined
  private worker: Worker | undefined
  private channel: Promise<Channel<SignerRequest, SignerAnswer>> | undefined

  /** Without keys the brain is told so, since it waits for the signer's state; with keys, `start` is to follow. */
  constructor(request: OpenRequest, hasKeys: boolean) {
    this.request = request
    this.stopped = new Promise((_resolve, reject) => {
      this.stop = () => {
        this.fault = new TabError('failed', STOPPED)
        reject(this.fault)
        this.answers.failAll(this.fault)
        for (const [wallet, status] of this.statuses)
          if (status.state === 'unlocked')
            this.statuses.set(wallet, { state: 'locked', account: status.account })
      }
    })
    // Whoever waits for an answer is told; nobody else has to be.
    this.stopped.catch(() => undefined)
    if (hasKeys) return
    const told: SignerEvent = { type: 'opened', statuses: this.statuses }
    request.brain.postMessage(told)
  }

  /** Starts the worker, unless that was done, and opens the profile's keys. Rejects with a `TabError`. */
  async start(): Promise<void> {
    await this.opened()
  }

  /** Ends the worker; keys that were unlocked are gone with it. */
  terminate(): void {
    this.worker?.terminate()
    this.stop()
  }

  /** Of a wallet; `none` where its keys are not here. */
  status(wallet: string): SignerStatus {
    return this.statuses.get(wallet) ?? NO_KEYS
  }

  /** Has the signer of a wallet carry out a command. Rejects with a `TabError` where the worker can't be started or has ended: also when it ends before it answers. */
  async run(wallet: string, command: SignerCommand): Promise<Result<unknown>> {
    const channel = await this.opened()
    if (this.fault) throw this.fault
    return this.answers.ask((id) => channel.post({ type: 'command', id, wallet, command }))
  }

  private opened(): Promise<Channel<SignerRequest, SignerAnswer>> {
    this.channel ??= this.open()
    return this.channel
  }

  private open(): Promise<Channel<SignerRequest, SignerAnswer>> {
    const worker = new Worker(new URL('../../src/workers/signer.worker.ts', import.meta.url), {
      type: 'module',
    })
    this.worker = worker
    const channel = new Channel<SignerRequest, SignerAnswer>(worker)
    return new Promise((resolve, reject) => {
      worker.addEventListener('error', (event) =>
        reject(
          new TabError(
            'failed',
            event.message
              ? `The signer could not start: ${event.message}`
              : 'The server of this page can’t be reached, and the keeper of keys was not fetched from it yet. Nothing is lost: reload the page when the server is back.',
          ),
        ),
      )
      const life = `opentab/signer/${crypto.randomUUID()}`
      channel.listen((answer) => {
        if (answer.type === 'opened') {
          for (const [wallet, status] of answer.statuses) this.statuses.set(wallet, status)
          // Browsers tell nobody of a worker that crashed, but its lock becomes free.
          void navigator.locks.request(life, () => this.stop())
          resolve(channel)
        } else if (answer.type === 'open-failed') reject(new TabError('failed', answer.reason))
        else if (answer.type === 'status') this.statuses.set(answer.wallet, answer.status)
        else this.answers.answer(answer.id, answer.result)
      })
      channel.post({ type: 'open', life, ...this.request }, [this.request.brain])
    })
  }
}
