/** Thread root of the signer: the only thread that ever holds keys, passphrases or seed words. */

import { LocalSigners } from '../signer/local-signers.ts'
import { IdbKeyStores } from '../storage/idb-key-store.ts'
import { ProfileDatabase } from '../storage/profile-database.ts'
import { notNow } from '../wallet/result.ts'
import { Channel } from './channel.ts'
import { installCurveKernel } from './curve-kernel.ts'
import { runCommand, type SignerAnswer, type SignerRequest, serveSigners } from './signer-link.ts'
import { systemClock, systemRandom } from './system-ports.ts'

const window = new Channel<SignerAnswer, SignerRequest>(self)
let signers: LocalSigners | undefined

// Without it keys are derived slowly, and all the same.
void installCurveKernel().catch(() => {})

window.listen(async (request) => {
  if (request.type === 'open') {
    try {
      signers = await open(request)
      window.post({ type: 'opened', statuses: signers.statuses() })
    } catch (error) {
      window.post({ type: 'open-failed', reason: error instanceof Error ? error.message : String(error) })
    }
    return
  }
  const { id, wallet, command } = request
  const result = signers
    ? await runCommand(signers, wallet, command)
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

async function open(request: Extract<SignerRequest, { type: 'open' }>): Promise<LocalSigners> {
  await hold(request.life)
  const opened = await LocalSigners.open({
    network: request.network,
    coinType: request.coinType,
    addressPrefix: request.addressPrefix,
    stores: new IdbKeyStores(await ProfileDatabase.open(request.database)),
    clock: systemClock,
    random: systemRandom,
  })
  opened.onChange((wallet, status) => window.post({ type: 'status', wallet, status }))
  serveSigners(opened, request.brain)
  return opened
}
