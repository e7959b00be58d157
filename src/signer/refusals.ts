/** What the signer says where its keys are not at hand. Pure. */
import { notNow, type Rejection } from '../wallet/result.ts'

export function walletLocked(): Rejection {
  return notNow('wallet-locked', 'The wallet is locked. Unlock it with its passphrase, then send again.')
}
