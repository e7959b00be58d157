/** Which wallet a call goes to, as Bitcoin Core decides it. Any thread. */
import { RPC_WALLET_NOT_FOUND, RPC_WALLET_NOT_SPECIFIED, RpcError } from './rpc-error.ts'

/**
 * The wallet that a call names, or else the only one that is loaded. Throws an `RpcError`: `RPC_WALLET_NOT_FOUND` where that one, or any, is not
 * loaded, `RPC_WALLET_NOT_SPECIFIED` where several are.
 */
export function chooseWallet(named: string | undefined, loaded: readonly string[]): string {
  if (named !== undefined) {
    if (loaded.includes(named)) return named
    throw new RpcError(
      RPC_WALLET_NOT_FOUND,
      // Who calls from a page may give anything for a name.
      `${walletCalled(String(named))} is not there, or not loaded. listwalletdir tells which wallets there are, loadwallet loads one.`,
    )
  }
  const [only, ...others] = loaded
  if (only === undefined) throw noWallet()
  if (others.length > 0)
    throw new RpcError(
      RPC_WALLET_NOT_SPECIFIED,
      `Several wallets are loaded: say which one is meant, such as by opentab.wallet(${JSON.stringify(only)}).rpc(…).`,
    )
  return only
}

export function noWallet(): RpcError {
  return new RpcError(
    RPC_WALLET_NOT_FOUND,
    'No wallet is loaded: create one, restore one from its words, or load one that listwalletdir tells of.',
  )
}

/** A wallet as the beginning of a sentence. */
export function walletCalled(name: string): string {
  return name === '' ? 'The default wallet' : `The wallet “${name.slice(0, 80)}”`
}
