/** What the RPC methods of chain, mempool and transactions answer, for `help` and for the types of their results. */
import {
  cases,
  coins,
  either,
  feeRate,
  flag,
  hex,
  list,
  map,
  maybe,
  nothing,
  number,
  object,
  oneOf,
  text,
  time,
} from './rpc-result.ts'

/** `scriptPubKey`, and other scripts. */
export const SCRIPT = object({
  asm: text('the script for people'),
  desc: text('its descriptor'),
  hex: hex('the script'),
  address: maybe(text('absent where it pays nobody')),
  type: oneOf(
    ['witness_v1_taproot', 'nulldata', 'nonstandard'],
    'an output of BIP341, data, or what this network doesn’t have',
  ),
})

const INPUT = object({
  coinbase: maybe(hex('of a coinbase, in place of txid, vout and scriptSig')),
  txid: maybe(hex('the transaction whose output it spends')),
  vout: maybe(number('position among that one’s outputs')),
  scriptSig: maybe(object({ asm: text(''), hex: hex('empty: witnesses sign here') })),
  txinwitness: maybe(list(hex('a witness element'))),
  prevout: maybe(
    object(
      {
        generated: flag('whether a coinbase made it'),
        height: number('of its block; 0 where that is yet to come'),
        value: coins(''),
        scriptPubKey: SCRIPT,
      },
      'the coin that it spends, where that is known',
    ),
  ),
  sequence: number('nSequence'),
})

const TRANSACTION = {
  txid: hex('id of the transaction'),
  hash: hex('the same with its witnesses: wtxid'),
  version: number(''),
  size: number('', 'bytes'),
  vsize: number('', 'virtual bytes'),
  weight: number('', 'weight units'),
  locktime: number('a height, or from 500,000,000 on seconds since 1970'),
  vin: list(INPUT),
  vout: list(
    object({
      value: coins(''),
      n: number('position among the outputs'),
      scriptPubKey: SCRIPT,
    }),
  ),
  fee: maybe(coins('where all coins that it spends are known')),
}

/** `decoderawtransaction`, and what others tell of a transaction. */
export const DECODED_TRANSACTION = object(TRANSACTION)

const HEADER = {
  hash: hex('hash of the block'),
  confirmations: number('1 at the tip, −1 outside the active chain'),
  height: number(''),
  version: number(''),
  versionHex: hex('the same'),
  merkleroot: hex('root of the tree of txids'),
  time: time(''),
  mediantime: time('median time of the block and the ten before it'),
  nonce: number(''),
  bits: hex('the target, compact'),
  target: hex('what the hash must not exceed'),
  difficulty: number('the target of bits 1d00ffff over this one'),
  chainwork: hex('expected hashes of the chain up to here'),
  previousblockhash: maybe(hex('absent of the genesis block')),
  nextblockhash: maybe(hex('where a later block of the active chain is known')),
}
const BLOCK = {
  ...HEADER,
  nTx: number('transactions'),
  strippedsize: number('without witnesses', 'bytes'),
  size: number('', 'bytes'),
  weight: number('', 'weight units'),
}
/** A transaction of `getblock` with verbosity 2 or 3. */
export const BLOCK_TRANSACTION = object({ ...TRANSACTION, hex: hex('its bytes') })

const BLOCK_OF_TRANSACTIONS = object({
  ...BLOCK,
  tx: list(BLOCK_TRANSACTION),
})

/** What the next block must meet if it is made now. */
export const NEXT_DIFFICULTY = {
  bits: hex('target of the next block, if it is made now, compact'),
  difficulty: number('of the next block, if it is made now'),
  target: hex('what the hash of the next block must not exceed'),
}

export const WARNINGS = list(text('a sentence'), 'what people should know of')

const MEMPOOL_ENTRY = object({
  vsize: number('', 'virtual bytes'),
  weight: number('', 'weight units'),
  time: time('when it came'),
  height: number('of the chain when it came'),
  descendantcount: number('with those that spend its outputs, and itself'),
  descendantsize: number('of these', 'virtual bytes'),
  ancestorcount: number('with those whose outputs it spends, and itself'),
  ancestorsize: number('of these', 'virtual bytes'),
  wtxid: hex('hash with witnesses'),
  fees: object({
    base: coins('its fee'),
    modified: coins('the same'),
    ancestor: coins('with those whose outputs it spends'),
    descendant: coins('with those that spend its outputs'),
  }),
  depends: list(hex('a transaction of the mempool whose output it spends')),
  spentby: list(hex('a transaction of the mempool that spends an output of it')),
  'bip125-replaceable': flag('true: every one can be replaced'),
})

const TIP = object({ hash: hex('hash of the tip'), height: number('of the tip') })

export const blockchainResults = {
  getbestblockhash: hex('hash of the tip'),
  getblock: cases(1, '1', {
    0: hex('the bytes of the block'),
    1: object({ ...BLOCK, tx: list(hex('id of a transaction')) }),
    2: BLOCK_OF_TRANSACTIONS,
    3: BLOCK_OF_TRANSACTIONS,
  }),
  getblockchaininfo: object({
    chain: text('name of the network'),
    blocks: number('height of the tip'),
    headers: number('height of the best header'),
    bestblockhash: hex('hash of the tip'),
    ...NEXT_DIFFICULTY,
    time: time('of the tip'),
    mediantime: time('median time of the tip and the ten blocks before it'),
    verificationprogress: number('0 to 1'),
    initialblockdownload: flag('whether it is catching up with its peers'),
    chainwork: hex('expected hashes of the chain'),
    pruned: flag('false: all blocks are kept'),
    warnings: WARNINGS,
  }),
  getblockcount: number('height of the tip'),
  getblockfilter: object({
    filter: hex('the filter of BIP158'),
    header: hex('hash that commits to it and all before it'),
  }),
  getblockhash: hex('hash of the block'),
  getblockheader: cases(1, 'true', {
    true: object({ ...HEADER, nTx: maybe(number('transactions, where the body is here')) }),
    false: hex('its 80 bytes'),
  }),
  getchaintips: list(
    object({
      height: number(''),
      hash: hex('hash of the last block'),
      branchlen: number('blocks outside the active chain'),
      status: oneOf(
        ['active', 'invalid', 'headers-only', 'valid-headers', 'valid-fork'],
        'what is known of the branch',
      ),
    }),
  ),
  getblockstats: object(
    {
      avgfee: maybe(number('', 'satoshis')),
      avgfeerate: maybe(number('', 'satoshis per virtual byte')),
      avgtxsize: maybe(number('', 'bytes')),
      blockhash: maybe(hex('hash of the block')),
      feerate_percentiles: maybe(
        list(
          number(
            'that 10, 25, 50, 75 and 90 % of the weight don’t pay more than',
            'satoshis per virtual byte',
          ),
        ),
      ),
      height: maybe(number('of the block')),
      ins: maybe(number('inputs, without the coinbase')),
      maxfee: maybe(number('', 'satoshis')),
      maxfeerate: maybe(number('', 'satoshis per virtual byte')),
      maxtxsize: maybe(number('', 'bytes')),
      medianfee: maybe(number('', 'satoshis')),
      mediantime: maybe(time('median time of the block and the ten before it')),
      mediantxsize: maybe(number('', 'bytes')),
      minfee: maybe(number('', 'satoshis')),
      minfeerate: maybe(number('', 'satoshis per virtual byte')),
      mintxsize: maybe(number('', 'bytes')),
      outs: maybe(number('outputs')),
      subsidy: maybe(number('', 'satoshis')),
      swtotal_size: maybe(number('of transactions with witnesses: all but the coinbase', 'bytes')),
      swtotal_weight: maybe(number('of these', 'weight units')),
      swtxs: maybe(number('of these')),
      time: maybe(time('of the block')),
      total_out: maybe(number('in outputs, without the coinbase', 'satoshis')),
      total_size: maybe(number('without the coinbase', 'bytes')),
      total_weight: maybe(number('without the coinbase', 'weight units')),
      totalfee: maybe(number('', 'satoshis')),
      txs: maybe(number('transactions, the coinbase included')),
      utxo_increase: maybe(number('outputs less inputs')),
      utxo_size_inc: maybe(number('by which these grow what is unspent', 'bytes')),
      utxo_increase_actual: maybe(number('the same without outputs that can’t be spent')),
      utxo_size_inc_actual: maybe(number('the same without outputs that can’t be spent', 'bytes')),
    },
    'all figures, or those asked for; averages and the like are without the coinbase',
  ),
  getchaintxstats: object({
    time: time('of the last block counted'),
    window_final_block_hash: hex('hash of the last block counted'),
    window_final_block_height: number('its height'),
    window_block_count: number('blocks counted'),
    window_tx_count: number('transactions in them'),
    window_interval: number('between the median times', 'seconds'),
    txrate: maybe(number('', 'transactions a second')),
  }),
  getmempoolancestors: cases(1, 'false', {
    false: list(hex('id of a transaction')),
    true: map('id of a transaction', MEMPOOL_ENTRY),
  }),
  getmempooldescendants: cases(1, 'false', {
    false: list(hex('id of a transaction')),
    true: map('id of a transaction', MEMPOOL_ENTRY),
  }),
  getmempoolentry: MEMPOOL_ENTRY,
  getmempoolinfo: object({
    loaded: flag('true'),
    size: number('transactions'),
    bytes: number('in all', 'virtual bytes'),
    usage: number('memory that they take', 'bytes'),
    total_fee: coins('all fees'),
    maxmempool: number('most memory that they may take', 'bytes'),
    mempoolminfee: feeRate('least that a transaction must pay now'),
    minrelaytxfee: feeRate('least that a transaction must ever pay'),
    incrementalrelayfee: feeRate('what a replacement must pay on top'),
    fullrbf: flag('true: every transaction can be replaced'),
  }),
  getrawmempool: cases(0, 'false', {
    false: cases(1, 'false', {
      false: list(hex('id of a transaction')),
      true: object({
        txids: list(hex('id of a transaction')),
        mempool_sequence: number('grows by one with each that comes or leaves'),
      }),
    }),
    true: map('id of a transaction', MEMPOOL_ENTRY),
  }),
  gettxout: either(
    object({
      bestblock: hex('hash of the tip'),
      confirmations: number('0 in the mempool'),
      value: coins(''),
      scriptPubKey: SCRIPT,
      coinbase: flag('whether a coinbase made it'),
    }),
    nothing('spent, or unknown'),
  ),
  gettxoutproof: hex('the proof'),
  gettxoutsetinfo: object({
    height: number('of the tip'),
    bestblock: hex('hash of the tip'),
    txouts: number('unspent outputs'),
    bogosize: number('Bitcoin Core’s measure of them'),
    hash_serialized_3: maybe(hex('hash of all of them')),
    total_amount: coins('in all'),
    memory_bytes: number('memory that they take here', 'bytes'),
    snapshot: either(
      object({
        height: number('of the block after which it was taken'),
        blockhash: hex('hash of that block'),
        merkleroot: hex('what a later coinbase must commit to'),
        txouts: number('unspent outputs'),
        total_amount: coins('in all'),
      }),
      nothing('none yet'),
    ),
  }),
  gettxspendingprevout: list(
    object({
      txid: hex('as asked'),
      vout: number('as asked'),
      spendingtxid: maybe(hex('id of the transaction of the mempool that spends it')),
    }),
  ),
  invalidateblock: nothing(),
  reconsiderblock: nothing(),
  scanblocks: either(
    object({
      from_height: number('first block looked at'),
      to_height: number('last block looked at'),
      relevant_blocks: list(hex('hash of a block')),
      completed: flag('true'),
    }),
    nothing('status'),
    flag('false: abort'),
  ),
  scantxoutset: either(
    object({
      success: flag('true'),
      txouts: number('coins looked at'),
      height: number('of the tip'),
      bestblock: hex('hash of the tip'),
      unspents: list(
        object({
          txid: hex('id of the transaction'),
          vout: number('position among the outputs'),
          scriptPubKey: hex('its script'),
          desc: text('descriptor of the script'),
          amount: coins(''),
          coinbase: flag('whether a coinbase made it'),
          height: number('of its block'),
          blockhash: hex('hash of its block'),
          confirmations: number(''),
        }),
      ),
      total_amount: coins('in all'),
    }),
    nothing('status and abort'),
  ),
  verifytxoutproof: list(hex('id of a transaction that is proved')),
  waitforblock: TIP,
  waitforblockheight: TIP,
  waitfornewblock: TIP,
} as const

const FOUND_TRANSACTION = object({
  in_active_chain: maybe(flag('whether its block is part of the active chain')),
  ...TRANSACTION,
  hex: hex('its bytes'),
  blockhash: maybe(hex('absent in the mempool')),
  blockheight: maybe(number('absent in the mempool')),
  confirmations: maybe(number('absent in the mempool')),
  time: maybe(time('of its block')),
  blocktime: maybe(time('of its block')),
})

const FEES = object(
  {
    base: coins('its fee'),
    'effective-feerate': feeRate('that it pays'),
    'effective-includes': list(hex('wtxid that the rate counts')),
  },
  'where it is taken',
)

export const rawTransactionResults = {
  createrawtransaction: hex('the unsigned transaction'),
  decoderawtransaction: DECODED_TRANSACTION,
  decodescript: object({
    asm: text('the script for people'),
    desc: text('its descriptor'),
    type: oneOf(['witness_v1_taproot', 'nulldata', 'nonstandard'], ''),
    address: maybe(text('absent where it pays nobody')),
  }),
  getrawtransaction: cases(1, '0', {
    0: hex('the bytes of the transaction'),
    1: FOUND_TRANSACTION,
    2: FOUND_TRANSACTION,
  }),
  sendrawtransaction: hex('id of the transaction'),
  submitpackage: object({
    package_msg: text('success, or "transaction failed"'),
    'tx-results': map(
      'wtxid',
      object({
        txid: hex('id of the transaction'),
        vsize: maybe(number('where it was taken', 'virtual bytes')),
        fees: maybe(FEES),
        error: maybe(text('code, where it was refused')),
      }),
    ),
    'replaced-transactions': list(hex('id of a transaction whose place was taken')),
  }),
  testmempoolaccept: list(
    object({
      txid: hex('id of the transaction'),
      wtxid: hex('hash with witnesses'),
      allowed: flag('whether the mempool takes it'),
      vsize: maybe(number('where it does', 'virtual bytes')),
      fees: maybe(FEES),
      'reject-reason': maybe(text('code, where it doesn’t')),
      'reject-details': maybe(text('sentence, where it doesn’t')),
    }),
  ),
} as const
