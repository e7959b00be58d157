/** Promise: whoever asks the keeper of keys is answered, or told that it has stopped: also when its thread dies without a word. */
import { assert } from 'chai'
import { REGTEST } from '../../src/consensus/params.ts'
import { callPayment } from '../../web/tab/payment-methods.ts'
import { SignerClient } from '../../web/tab/signer-client.ts'

describe('a signer that dies', () => {
  const RealWorker = window.Worker
  let workers: Worker[]
  let client: SignerClient

  beforeEach(async () => {
    workers = []
    window.Worker = class extends RealWorker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args)
        workers.push(this)
      }
    }
    const database = `signer-test-${crypto.randomUUID()}`
    client = new SignerClient(
      {
        network: { id: '00'.repeat(32), name: REGTEST.name },
        coinType: 1,
        addressPrefix: REGTEST.addressPrefix,
        database,
        brain: new MessageChannel().port1,
      },
      false,
    )
    await client.start()
  })

  afterEach(() => {
    window.Worker = RealWorker
    client.terminate()
  })

  const die = (): void => {
    for (const worker of workers) worker.terminate()
  }

  /** What a promise is rejected with. */
  const reason = async (asked: Promise<unknown>): Promise<string> =>
    asked.then(
      () => 'it was answered',
      (error: Error) => error.message,
    )

  it('ends what it was asked, and what it is asked later', async () => {
    const asked = client.run('', {
      type: 'create',
      passphrase: 'a long walk',
      words: 12,
      mnemonicPassphrase: '',
      chainTime: 0,
    })
    die()
    assert.include(await reason(asked), 'has stopped')
    assert.include(
      await reason(client.run('', { type: 'unlock', passphrase: 'x', seconds: 60 })),
      'has stopped',
    )
    assert.include(await reason(client.run('', { type: 'lock' })), 'has stopped')
  })

  it('ends a payment that the node waits to have signed', async () => {
    await client.run('', {
      type: 'create',
      passphrase: 'a long walk',
      words: 12,
      mnemonicPassphrase: '',
      chainTime: 0,
    })
    const brain = {
      wallets: [''],
      rpc: () => {
        die()
        return new Promise<never>(() => {})
      },
    }
    const address = 'tabrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vql98hr8'
    assert.include(await reason(callPayment(brain, client, 'sendtoaddress', [address, 1])), 'has stopped')
  })

  it('answers as long as it lives', async () => {
    assert.equal((await client.run('', { type: 'lock' })).ok, true)
    const unlocked = await client.run('', { type: 'unlock', passphrase: 'x', seconds: 1 })
    assert.isTrue(!unlocked.ok && unlocked.code === 'keys-missing')
  })
})
