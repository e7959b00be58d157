/** The parts of RPC results that the views read. Names and units are Bitcoin Core's: amounts in coins, times in seconds since 1970. */

export interface BlockchainInfo {
  readonly chain: string
  readonly blocks: number
  readonly headers: number
  readonly bestblockhash: string
  readonly difficulty: number
  readonly time: number
  readonly initialblockdownload: boolean
  readonly size_on_disk?: number
}

export interface BlockHeaderResult {
  readonly hash: string
  /** −1 outside the active chain. */
  readonly confirmations: number
  readonly height: number
  readonly time: number
  readonly mediantime: number
  readonly nonce: number
  readonly bits: string
  readonly difficulty: number
  readonly merkleroot: string
  readonly previousblockhash?: string
  readonly nextblockhash?: string
  readonly nTx: number
}

/** `getblock` with verbosity 1. */
export interface BlockResult extends BlockHeaderResult {
  readonly size: number
  readonly weight: number
  readonly tx: readonly string[]
}

/** `getblock` with verbosity 2. */
export interface BlockWithTransactions extends Omit<BlockResult, 'tx'> {
  readonly tx: readonly TransactionResult[]
}

export interface ScriptResult {
  readonly hex: string
  readonly asm?: string
  readonly type: string
  readonly address?: string
}

export interface TransactionInput {
  readonly coinbase?: string
  readonly txid?: string
  readonly vout?: number
  readonly sequence: number
  readonly prevout?: { readonly value: number; readonly scriptPubKey: ScriptResult }
}

export interface TransactionOutput {
  readonly value: number
  readonly n: number
  readonly scriptPubKey: ScriptResult
}

export interface TransactionResult {
  readonly txid: string
  readonly hash: string
  readonly size: number
  readonly vsize: number
  readonly weight: number
  readonly version: number
  readonly locktime: number
  readonly vin: readonly TransactionInput[]
  readonly vout: readonly TransactionOutput[]
  readonly fee?: number
  readonly blockhash?: string
  readonly confirmations?: number
  readonly time?: number
  readonly blocktime?: number
}

export interface MempoolInfo {
  readonly size: number
  /** Virtual bytes. */
  readonly bytes: number
  /** Coins per 1,000 virtual bytes. */
  readonly mempoolminfee: number
  readonly minrelaytxfee: number
}

export interface MempoolEntry {
  readonly vsize: number
  readonly time: number
  readonly fees: { readonly base: number }
}

export interface MiningInfo {
  readonly blocks: number
  /** Of the next block as of now: its difficulty eases while it doesn't come. */
  readonly next: {
    readonly height: number
    readonly difficulty: number
    /** Doublings of the target because blocks didn't come. */
    readonly ease: number
  }
  /** Hashes a second, estimated from the latest blocks. */
  readonly networkhashps: number
  readonly pooledtx: number
  /** What this tab searches with. */
  readonly kernels: readonly string[]
  readonly graphicscard: boolean
  /** Why the graphics card isn't used although it should. */
  readonly graphicscardproblem?: string
}

export interface PeerResult {
  /** Counts connections. */
  readonly id: number
  /** libp2p peer id. */
  readonly peerid: string
  readonly addr: string
  readonly inbound: boolean
  /** `anchor`: one of the best of those remembered. */
  readonly connection_type?: string
  /** Peer id of the relay or tab that introduced it. */
  readonly introducer?: string
  /** Which addresses count as one with its own. */
  readonly address_group?: string
  /** Seconds by which its clock is ahead of this tab's. */
  readonly timeoffset?: number
  /** Seconds. */
  readonly pingtime?: number
  readonly synced_headers?: number
  readonly startingheight?: number
  readonly bytessent?: number
  readonly bytesrecv?: number
  readonly conntime: number
  /** Points for breaking the rules; 100 bans. Time forgives them. */
  readonly banscore?: number
}

/** A peer that is kept out. Times in seconds since 1970. */
export interface BanResult {
  /** Its peer id. */
  readonly address: string
  readonly banned_until: number
  /** A sentence, or what stands for one. */
  readonly ban_reason?: string
}

export interface NetworkInfo {
  readonly connections: number
  /** Seconds by which the peers' clocks are ahead of this tab's. */
  readonly timeoffset?: number
  readonly relays?: readonly { readonly address: string; readonly state: string }[]
  readonly relayedonlypeers?: number
  /** The share of the browser's connections that is used up, 0 to 1. */
  readonly connectionsused?: number
  readonly subversion?: string
  /** Sentences. */
  readonly warnings?: readonly string[]
}

export interface FeeEstimate {
  /** Coins per 1,000 virtual bytes. */
  readonly feerate?: number
  readonly blocks: number
}

export interface Balances {
  readonly mine: { readonly trusted: number; readonly untrusted_pending: number; readonly immature: number }
}

export type WalletCategory = 'send' | 'receive' | 'generate' | 'immature' | 'orphan'

/** `replaced`: another one with a higher fee took its place. `orphaned`: mined in a block that the chain left. */
export type WalletState = 'confirmed' | 'pending' | 'conflicted' | 'replaced' | 'abandoned' | 'orphaned'

/** What every entry tells of its transaction. */
interface WalletEntry {
  readonly txid: string
  readonly kind: 'mined' | 'received' | 'sent' | 'moved'
  readonly state: WalletState
  /** Waits in this tab's mempool. */
  readonly inmempool: boolean
  readonly replaced_by_txid?: string
  readonly replaces_txid?: string
}

/** An entry of `listtransactions`. */
export interface WalletTransaction extends WalletEntry {
  readonly category: WalletCategory
  /** Negative for a payment. */
  readonly amount: number
  /** Negative; payments only. */
  readonly fee?: number
  /** Negative when a confirmed transaction conflicts. */
  readonly confirmations: number
  readonly blockhash?: string
  readonly blockheight?: number
  readonly time: number
  readonly address?: string
  readonly label?: string
  readonly abandoned?: boolean
  readonly vout?: number
  readonly walletconflicts?: readonly string[]
}

/** `gettransaction`. */
export interface WalletTransactionDetail extends WalletEntry {
  readonly amount: number
  readonly fee?: number
  readonly confirmations: number
  readonly blockhash?: string
  readonly blockheight?: number
  readonly time: number
  readonly walletconflicts?: readonly string[]
  readonly details: readonly {
    readonly category: WalletCategory
    readonly amount: number
    readonly address?: string
    readonly label?: string
    readonly abandoned?: boolean
  }[]
}

export interface AddressValidation {
  readonly isvalid: boolean
  readonly address?: string
  readonly error?: string
  /** What was probably meant: to be compared, never taken by itself. */
  readonly suggestion?: string
}

/** What `walletcreatefundedpsbt` and `psbtbumpfee` answer; what it pays, `reviewpsbt` tells. */
export interface FundedPsbt {
  /** Base64. */
  readonly psbt: string
  /** What the payees get less than by the payment that is replaced. */
  readonly reduced?: number
}

/** `reviewpsbt`: what the keeper of keys reads in a PSBT. */
export interface PsbtReview {
  readonly digest: string
  readonly payees: readonly { readonly address?: string; readonly amount: number }[]
  /** Outputs that were proved to be the wallet's own. */
  readonly change: readonly { readonly address: string; readonly amount: number }[]
  readonly fee: number
  readonly feeishigh: boolean
  /** Virtual bytes once signed. */
  readonly vsize: number
}

export interface AddressHistory {
  readonly address: string
  readonly balance: number
  readonly received: number
  readonly sent: number
  readonly transactions: readonly {
    readonly txid: string
    readonly blockhash: string | null
    readonly height: number | null
    readonly time: number
    readonly amount: number
    readonly confirmations: number
  }[]
}

export interface SearchResult {
  readonly type: 'block' | 'transaction' | 'address'
  readonly id: string
}
