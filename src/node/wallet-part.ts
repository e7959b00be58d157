/**
 * What only a profile with a wallet needs: a part of the program of its own, since a tab joins without it. It is fetched for the first wallet
 * or the first call of one of its methods. Thread: the brain.
 */
import type { WalletPart } from './node-core.ts'
import { coinMethods } from './rpc-coins.ts'
import { historyMethods } from './rpc-history.ts'
import { paymentMethods } from './rpc-payment.ts'
import { psbtMethods } from './rpc-psbt.ts'
import { sendMethods } from './rpc-send.ts'
import { signMethods } from './rpc-sign.ts'
import { walletMethods } from './rpc-wallet.ts'
import { walletsMethods } from './rpc-wallets.ts'
import { Wallets } from './wallets.ts'

export const walletPart: WalletPart = {
  Wallets,
  methods: [
    ...coinMethods,
    ...historyMethods,
    ...paymentMethods,
    ...psbtMethods,
    ...sendMethods,
    ...signMethods,
    ...walletMethods,
    ...walletsMethods,
  ],
}
