/** Names for the RPC results that several views share. Their fields and units are described in `src/node/rpc-results.ts`. */
import type { RpcResult } from '../src/node/rpc-client.ts'

export type MempoolInfo = RpcResult<'getmempoolinfo'>
export type MempoolEntry = RpcResult<'getmempoolentry'>
export type MiningInfo = RpcResult<'getmininginfo'>
export type PeerResult = RpcResult<'getpeerinfo'>[number]
export type NetworkInfo = RpcResult<'getnetworkinfo'>
/** A peer that is kept out. */
export type BanResult = RpcResult<'listbanned'>[number]

export type BlockHeaderResult = RpcResult<'getblockheader', [hash: string]>
export type BlockWithTransactions = RpcResult<'getblock', [hash: string, verbosity: 3]>
export type TransactionResult = RpcResult<'getrawtransaction', [txid: string, verbosity: 1]>
export type TransactionInput = TransactionResult['vin'][number]
export type TransactionOutput = TransactionResult['vout'][number]
export type AddressHistory = RpcResult<'searchaddress'>
export type SearchResult = RpcResult<'search'>

export type Balances = RpcResult<'getbalances'>
/** An entry of the wallet's history. */
export type WalletTransaction = RpcResult<'listtransactions'>[number]
export type WalletTransactionDetail = RpcResult<'gettransaction'>
export type WalletCategory = WalletTransaction['category']
export type WalletState = WalletTransaction['state']
export type AddressValidation = RpcResult<'validateaddress'>
export type FundedPsbt = RpcResult<'walletcreatefundedpsbt'>
/** What was taken of labels that were brought in. */
export type ImportedLabels = RpcResult<'importlabels'>
/** What the keeper of keys reads in a PSBT. */
export type PsbtReview = RpcResult<'reviewpsbt'>
export type FeeEstimate = RpcResult<'estimatesmartfee'>

/** A payment channel. */
export type ChannelResult = RpcResult<'listpeerchannels'>['channels'][number]
/** One direction of a channel that is announced. */
export type AnnouncedChannel = RpcResult<'listchannels'>['channels'][number]
export type KnownNode = RpcResult<'listnodes'>['nodes'][number]
export type ChannelPay = RpcResult<'listpays'>['pays'][number]
export type ChannelInvoice = RpcResult<'listinvoices'>['invoices'][number]
export type DecodedInvoice = RpcResult<'decode'>
/** A watchtower of this tab's channels. */
export type Tower = RpcResult<'listtowers'>['towers'][number]
export type TowerService = RpcResult<'towerservice'>
