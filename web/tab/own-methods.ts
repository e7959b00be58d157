/** Answers the methods that `own-method-names.ts` lists. Thread: Window. */

import type { BrainClient } from './brain-client.ts'
import { SIGNING_METHODS } from './own-method-names.ts'
import { callPayment } from './payment-methods.ts'
import type { SignerClient } from './signer-client.ts'
import { type WalletMethod, walletMethods } from './wallet-methods.ts'

/** Rejects with an `RpcError`, or a `TabError` where the signer has stopped. */
export async function callOwn(
  brain: BrainClient,
  signer: SignerClient,
  method: string,
  args: readonly unknown[],
): Promise<unknown> {
  if (SIGNING_METHODS.has(method)) return callPayment(brain, signer, method, args)
  const own = ownMethods(brain, signer)
  if (method !== 'help') return own.get(method)!.run(args)
  const [command] = args
  const known = typeof command === 'string' ? own.get(command) : undefined
  if (known) return known.usage
  const listed = await brain.rpc(method, args)
  if (command !== undefined) return listed
  return [...String(listed).split('\n'), ...[...own.values()].map(({ usage }) => usage)].sort().join('\n')
}

/** What the page and the signer answer without the brain, by name. */
export function ownMethods(brain: BrainClient, signer: SignerClient): Map<string, WalletMethod> {
  return walletMethods(brain, signer).set('reviewpsbt', {
    usage: 'reviewpsbt psbt',
    run: (args) => callPayment(brain, signer, 'reviewpsbt', args),
  })
}
