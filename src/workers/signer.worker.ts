/** Thread root of the signer: the only thread that ever holds keys, passphrases or seed words. */

import { LocalSigner } from '../signer/local-signer.ts'
import { IdbKeyStore } from '../storage/idb-key-store.ts'
import { ProfileDatabase } from '../storage/profile-database.ts'
import { Channel } from './channel.ts'
import { runCommand, type SignerAnswer, type SignerRequest, serveSigner } from './signer-link.ts'
import { systemClock, systemRandom } from './system-ports.ts'

const window = new Channel<SignerAnswer, SignerRequest>(self)
let signer: LocalSigner | undefined

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
  try {
    if (signer === undefined) throw new Error('The wallet’s keys are not open yet.')
    window.post({ type: 'answer', id, result: await runCommand(signer, command) })
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    window.post({ type: 'answer', id, result: { ok: false, kind: 'retry', code: 'wallet-storage', detail } })
  }
})

async function open(request: Extract<SignerRequest, { type: 'open' }>): Promise<LocalSigner> {
  const opened = await LocalSigner.open({
    network: request.network,
    coinType: request.coinType,
    store: new IdbKeyStore(await ProfileDatabase.open(request.database)),
    clock: systemClock,
    random: systemRandom,
  })
  window.post({ type: 'status', status: opened.status() })
  opened.onChange((status) => window.post({ type: 'status', status }))
  serveSigner(opened, request.brain)
  return opened
}
