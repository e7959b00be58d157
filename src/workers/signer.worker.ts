/** Thread root of the signer: the only thread that ever holds keys, passphrases or seed words. */

import { LocalSigner } from '../signer/local-signer.ts'
import { IdbChannelRecordStore } from '../storage/idb-channel-record-store.ts'
import { IdbKeyStore } from '../storage/idb-key-store.ts'
import { ProfileDatabase } from '../storage/profile-database.ts'
import { notNow } from '../wallet/result.ts'
import { Channel } from './channel.ts'
import { installCurveKernel } from './curve-kernel.ts'
import { runCommand, type SignerAnswer, type SignerRequest, serveSigner } from './signer-link.ts'
import { systemClock, systemRandom } from './system-ports.ts'

const window = new Channel<SignerAnswer, SignerRequest>(self)
let signer: LocalSigner | undefined

// Without it keys are derived slowly, and all the same.
void installCurveKernel().catch(() => {})

window.listen(async (request) => {
  if (request.type === 'open') {
    try {
      signer = await open(request)
      window.post({ type: 'opened' })
    } catch (error) {
      window.post({ type: 'open-failed', reason: error instanceof Error ? error.message : String(error) })
    }
    return
  }
  const { id, command } = request
  const result = signer
    ? await runCommand(signer, command)
    : notNow('signer-failed', 'The wallet’s keys are not open yet. Try again in a moment.')
  window.post({ type: 'answer', id, result })
})

/** Resolves once a lock is held, which is never given back. */
function hold(name: string): Promise<void> {
  return new Promise((held) => {
    void navigator.locks.request(name, () => {
      held()
      return new Promise(() => {})
    })
  })
}

async function open(request: Extract<SignerRequest, { type: 'open' }>): Promise<LocalSigner> {
  await hold(request.life)
  const database = await ProfileDatabase.open(request.database)
  const opened = await LocalSigner.open({
    network: request.network,
    coinType: request.coinType,
    addressPrefix: request.addressPrefix,
    store: new IdbKeyStore(database),
    channelRecords: new IdbChannelRecordStore(database),
    clock: systemClock,
    random: systemRandom,
  })
  window.post({ type: 'status', status: opened.status() })
  opened.onChange((status) => window.post({ type: 'status', status }))
  serveSigner(opened, request.brain)
  return opened
}
