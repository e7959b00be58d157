/** What the signer says where it has no keys at hand. Pure. */
import { notNow, type Rejection } from '../wallet/result.ts'

export function walletMissing(): Rejection {
  return notNow(
    'wallet-missing',
    'There is no wallet yet. Create one, or restore one from its words or backup file.',
  )
}

export function walletLocked(): Rejection {
  return notNow('wallet-locked', 'The wallet is locked. Unlock it with its passphrase, then send again.')
}
