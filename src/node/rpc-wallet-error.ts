/** What the wallet refuses, with the codes that Bitcoin Core's wallet RPC has for it. */
import type { Rejection, Result, WalletCode } from '../wallet/result.ts'
import { keysMissing } from '../wallet/signer.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_ADDRESS_OR_KEY,
  RPC_INVALID_PARAMETER,
  RPC_VERIFY_REJECTED,
  RPC_WALLET_ALREADY_LOADED,
  RPC_WALLET_ERROR,
  RPC_WALLET_INSUFFICIENT_FUNDS,
  RPC_WALLET_KEYPOOL_RAN_OUT,
  RPC_WALLET_NOT_FOUND,
  RPC_WALLET_UNLOCK_NEEDED,
  RpcError,
} from './rpc-error.ts'
import { chooseWallet, noWallet } from './wallet-choice.ts'

const CODES: Readonly<Partial<Record<WalletCode, number>>> = {
  'addresses-exhausted': RPC_WALLET_KEYPOOL_RAN_OUT,
  'amount-too-small': RPC_WALLET_INSUFFICIENT_FUNDS,
  'coin-not-spendable': RPC_INVALID_PARAMETER,
  'coin-unknown': RPC_INVALID_PARAMETER,
  'data-invalid': RPC_INVALID_PARAMETER,
  'fee-rate-invalid': RPC_INVALID_PARAMETER,
  'fee-rate-too-low': RPC_INVALID_PARAMETER,
  'insufficient-funds': RPC_WALLET_INSUFFICIENT_FUNDS,
  'label-too-long': RPC_INVALID_PARAMETER,
  'max-fee-exceeded': RPC_INVALID_PARAMETER,
  'metadata-invalid': RPC_DESERIALIZATION_ERROR,
  'not-abandonable': RPC_INVALID_ADDRESS_OR_KEY,
  'payment-refused': RPC_VERIFY_REJECTED,
  'psbt-invalid': RPC_DESERIALIZATION_ERROR,
  'psbt-sighash': RPC_DESERIALIZATION_ERROR,
  'recipients-missing': RPC_INVALID_PARAMETER,
  'transaction-unknown': RPC_INVALID_ADDRESS_OR_KEY,
  'wallet-loaded': RPC_WALLET_ALREADY_LOADED,
  'wallet-locked': RPC_WALLET_UNLOCK_NEEDED,
  'wallet-name': RPC_INVALID_PARAMETER,
  'wallet-unknown': RPC_WALLET_NOT_FOUND,
}

/** The value, or the rejection thrown as an error that says the same sentence. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw errorOf(result)
}

function errorOf({ code, detail }: Rejection): RpcError {
  if (code.startsWith('address-')) return new RpcError(RPC_INVALID_ADDRESS_OR_KEY, detail)
  return new RpcError(CODES[code] ?? RPC_WALLET_ERROR, detail)
}

/** The wallet that a call means, see `chooseWallet`; it may be blank. Rejects where it isn't clear, or not loaded. */
export async function requireWallet(node: NodeCore): Promise<Wallet> {
  if (!node.hasWallets && node.namedWallet === undefined) throw noWallet()
  const wallets = await node.openWallets()
  return wallets.get(chooseWallet(node.namedWallet, wallets.loadedNames))!
}

/** The same, where its keys are here. Rejects with Bitcoin Core's error where they are not. */
export async function requireKeys(node: NodeCore): Promise<Wallet> {
  const wallet = await requireWallet(node)
  const status = wallet.signer.status()
  if (status.state === 'none') throw errorOf(keysMissing(status))
  return wallet
}
