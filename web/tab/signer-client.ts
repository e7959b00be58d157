/** The Window's line to the signer worker: commands of a person, with passphrases and seed words that go nowhere else. */
import type { Result } from '../../src/primitives/result.ts'
import type { SignerStatus } from '../../src/wallet/signer.ts'
import { Channel, PendingAnswers } from '../../src/workers/channel.ts'
import type { SignerAnswer, SignerCommand, SignerRequest } from '../../src/workers/signer-link.ts'
import { TabError } from './tab-error.ts'

type OpenRequest = Omit<Extract<SignerRequest, { type: 'open' }>, 'type'>

export class SignerClient {
  private readonly channel: Channel<SignerRequest, SignerAnswer>
  private readonly answers = new PendingAnswers<Result<unknown>>()
  private current: SignerStatus = { state: 'none' }

  private constructor(channel: Channel<SignerRequest, SignerAnswer>) {
    this.channel = channel
  }

  /** Starts the worker and opens the profile's keys. Rejects with a `TabError`. */
  static open(request: OpenRequest): Promise<SignerClient> {
    const worker = new Worker(new URL('../../src/workers/signer.worker.ts', import.meta.url), {
      type: 'module',
    })
    const client = new SignerClient(new Channel(worker))
    return new Promise((resolve, reject) => {
      worker.addEventListener('error', (event) =>
        reject(new TabError('failed', `The signer could not start: ${event.message}`)),
      )
      client.channel.listen((answer) => {
        if (answer.type === 'opened') resolve(client)
        else if (answer.type === 'open-failed') reject(new TabError('failed', answer.reason))
        else if (answer.type === 'status') client.current = answer.status
        else client.answers.answer(answer.id, answer.result)
      })
      client.channel.post({ type: 'open', ...request }, [request.brain])
    })
  }

  get status(): SignerStatus {
    return this.current
  }

  run(command: SignerCommand): Promise<Result<unknown>> {
    return this.answers.ask((id) => this.channel.post({ type: 'command', id, command }))
  }
}
