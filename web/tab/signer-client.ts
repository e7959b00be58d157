/** The Window's line to the signer worker: commands of a person, with passphrases and seed words that go nowhere else. */
import type { Result } from '../../src/primitives/result.ts'
import type { SignerStatus } from '../../src/wallet/signer.ts'
import { Channel, PendingAnswers } from '../../src/workers/channel.ts'
import type { SignerAnswer, SignerCommand, SignerRequest } from '../../src/workers/signer-link.ts'
import { TabError } from './tab-error.ts'

type OpenRequest = Omit<Extract<SignerRequest, { type: 'open' }>, 'type'>

export class SignerClient {
  private readonly worker: Worker
  private readonly channel: Channel<SignerRequest, SignerAnswer>
  private readonly answers = new PendingAnswers<Result<unknown>>()
  private current: SignerStatus = { state: 'none' }

  private constructor(worker: Worker) {
    this.worker = worker
    this.channel = new Channel(worker)
  }

  /** Starts the worker and opens the profile's keys. Rejects with a `TabError`. */
  static async open(request: OpenRequest): Promise<SignerClient> {
    const worker = new Worker(new URL('../../src/workers/signer.worker.ts', import.meta.url), {
      type: 'module',
    })
    const client = new SignerClient(worker)
    try {
      await client.opened(request)
      return client
    } catch (error) {
      client.terminate()
      throw error
    }
  }

  /** Ends the worker; keys that were unlocked are gone with it. */
  terminate(): void {
    this.worker.terminate()
  }

  get status(): SignerStatus {
    return this.current
  }

  run(command: SignerCommand): Promise<Result<unknown>> {
    return this.answers.ask((id) => this.channel.post({ type: 'command', id, command }))
  }

  private opened(request: OpenRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.worker.addEventListener('error', (event) =>
        reject(
          new TabError(
            'failed',
            `The signer could not start: ${event.message ?? 'its script did not load.'}`,
          ),
        ),
      )
      this.channel.listen((answer) => {
        if (answer.type === 'opened') resolve()
        else if (answer.type === 'open-failed') reject(new TabError('failed', answer.reason))
        else if (answer.type === 'status') this.current = answer.status
        else this.answers.answer(answer.id, answer.result)
      })
      this.channel.post({ type: 'open', ...request }, [request.brain])
    })
  }
}
