/** All results of RPC methods, by the groups in which `help` lists their methods. */
import { blockchainResults, rawTransactionResults } from './rpc-results-chain.ts'
import {
  controlResults,
  explorerResults,
  miningResults,
  networkResults,
  utilResults,
} from './rpc-results-network.ts'
import { psbtResults } from './rpc-results-psbt.ts'
import { sendingResults } from './rpc-results-sending.ts'
import { walletResults } from './rpc-results-wallet.ts'

/** The groups, with Bitcoin Core's names where it has the group. */
export const RESULT_GROUPS = {
  Blockchain: blockchainResults,
  Control: controlResults,
  Explorer: explorerResults,
  Mining: miningResults,
  Network: networkResults,
  PSBT: psbtResults,
  Rawtransactions: rawTransactionResults,
  Util: utilResults,
  Wallet: { ...sendingResults, ...walletResults },
} as const

/** The results of all methods, by name. */
export type Results = typeof blockchainResults &
  typeof controlResults &
  typeof explorerResults &
  typeof miningResults &
  typeof networkResults &
  typeof psbtResults &
  typeof rawTransactionResults &
  typeof sendingResults &
  typeof utilResults &
  typeof walletResults
