/** What the RPC methods of the wallet answer, for `help` and for the types of their results. */
import {
  cases,
  coins,
  flag,
  hex,
  list,
  maybe,
  nothing,
  number,
  object,
  oneOf,
  text,
  time,
} from './rpc-result.ts'
import { DECODED_TRANSACTION } from './rpc-results-chain.ts'

const BLOCK_SEEN = maybe(
  object({ hash: hex('hash of a block'), height: number('') }, 'up to where the wallet knows the chain'),
)

const CATEGORY = oneOf(
  ['send', 'receive', 'generate', 'immature', 'orphan'],
  'generate, immature, orphan: mined, not yet spendable, on a lost branch',
)

/** One output of a transaction, seen from one side of it. */
const SIDE = {
  address: maybe(text('absent of data')),
  parent_descs: maybe(list(text('descriptor of the account'), 'own outputs only')),
  category: CATEGORY,
  amount: coins('negative for a payment'),
  label: maybe(text('of the address; empty for an own one without')),
  vout: number('position among the outputs'),
  fee: maybe(coins('negative; payments only')),
  abandoned: flag('whether it was given up'),
}

const ENTRY = {
  confirmations: number('negative below a confirmed conflict'),
  generated: maybe(flag('true of what was mined')),
  trusted: maybe(flag('outside a block: whether it is the wallet’s own and waits')),
  blockhash: maybe(hex('hash of its block')),
  blockheight: maybe(number('of its block')),
  blockindex: maybe(number('its place in the block')),
  blocktime: maybe(time('of its block')),
  txid: hex('id of the transaction'),
  wtxid: hex('hash with witnesses'),
  walletconflicts: list(hex('a transaction of the wallet that spends a coin of this one')),
  mempoolconflicts: list(hex('a transaction of the mempool that spends a coin of this one')),
  replaced_by_txid: maybe(hex('id of the transaction that replaced it')),
  replaces_txid: maybe(hex('id of the transaction that it replaced')),
  time: time('of its block, or when it was first seen'),
  timereceived: time('when it was first seen'),
  'bip125-replaceable': oneOf(['yes', 'no'], 'whether it can be replaced'),
  kind: oneOf(['mined', 'received', 'sent', 'moved'], 'moved: to oneself'),
  state: oneOf(['pending', 'confirmed', 'orphaned', 'conflicted', 'replaced', 'abandoned'], ''),
  inmempool: flag('whether it waits in the mempool'),
}

/** A planned payment. */
const PLAN = {
  psbt: text('base64'),
  fee: coins(''),
  changepos: number('position of the change; −1 without'),
  vsize: number('once signed', 'virtual bytes'),
  outputs: list(
    object({
      address: maybe(text('absent of data')),
      data: maybe(hex('the script of a data output')),
      amount: coins(''),
      change: flag('whether it comes back to this wallet'),
    }),
  ),
  inputs: list(
    object({
      txid: hex('id of the transaction'),
      vout: number('position among the outputs'),
      amount: coins(''),
      address: text(''),
    }),
  ),
}

/** What a replacement changes. */
const BUMP = {
  origfee: coins('before'),
  reduced: maybe(coins('that the recipient gets less, where all there was had been sent')),
  warnings: maybe(list(text('a sentence'))),
  errors: list(text('none')),
}

const CREATED = {
  name: text('of the wallet'),
  warnings: maybe(list(text('a sentence'))),
}

export const walletResults = {
  abandontransaction: nothing(),
  bumpfee: object({ txid: hex('id of the replacement'), fee: coins('now'), ...BUMP }),
  createwallet: object({
    ...CREATED,
    mnemonic: maybe(text('the seed words, where they are new: write them down')),
  }),
  exportbackup: text('an encrypted file'),
  exportlabels: text('for importlabels'),
  getaddressinfo: object({
    address: text('in lower case'),
    scriptPubKey: hex('what it pays to'),
    ismine: flag('whether the wallet can spend what it receives'),
    iswatchonly: flag('false'),
    solvable: flag('whether the wallet knows its key'),
    desc: maybe(text('descriptor of its key; this and the following of an own one')),
    ischange: maybe(flag('whether it takes change')),
    hdkeypath: maybe(text('from the master key on')),
    hdmasterfingerprint: maybe(hex('of the master key')),
    isscript: flag('true'),
    iswitness: flag('true'),
    witness_version: number('1'),
    witness_program: hex('the output key'),
    labels: list(text('its label')),
    warnings: maybe(list(text('a sentence'))),
  }),
  getbalance: coins(''),
  getbalances: object({
    mine: object({
      trusted: coins('what can be spent'),
      untrusted_pending: coins('what others have yet to confirm'),
      immature: coins('mined, and not spendable yet'),
      locked: maybe(coins('of trusted, what lockunspent keeps from payments')),
    }),
    lastprocessedblock: BLOCK_SEEN,
  }),
  getnewaddress: text('the address'),
  gettransaction: object({
    amount: coins('that the wallet gained, without the fee; negative for a payment'),
    fee: maybe(coins('negative; payments only')),
    ...ENTRY,
    details: list(object(SIDE)),
    hex: hex('its bytes'),
    decoded: maybe(DECODED_TRANSACTION),
    lastprocessedblock: BLOCK_SEEN,
  }),
  getwalletinfo: object({
    walletname: text('its name'),
    format: text('descriptor'),
    descriptors: flag('true'),
    descriptor: maybe(text('of its account (BIP386)')),
    birthtime: maybe(time('no payment is older')),
    txcount: number('transactions'),
    keypoolsize: number('addresses that are looked for beyond those given out'),
    keypoolsize_hd_internal: number('the same of change'),
    avoid_reuse: flag('false'),
    scanning: flag('whether it is still catching up with the chain'),
    blank: flag('whether it has neither keys nor a descriptor yet'),
    external_signer: flag('false'),
    flags: list(text('descriptor_wallet, and disable_private_keys where its keys are elsewhere')),
    private_keys_enabled: flag('whether its keys are here'),
    unlocked_until: maybe(time('0 while it is locked; absent without keys')),
    lastprocessedblock: BLOCK_SEEN,
    balance: coins('what can be spent'),
    unconfirmed_balance: coins('what others have yet to confirm'),
    immature_balance: coins('mined, and not spendable yet'),
    warnings: list(text('a sentence')),
  }),
  importbackup: object(CREATED),
  importdescriptors: list(
    object({
      success: flag('whether the wallet follows it'),
      warnings: maybe(list(text('a sentence'))),
      error: maybe(object({ code: number(''), message: text('a sentence') })),
    }),
  ),
  importlabels: object({
    labels: number('taken in'),
    warnings: maybe(list(text('what was left out, a sentence'))),
  }),
  listdescriptors: object({
    wallet_name: text('its name'),
    descriptors: list(
      object({
        desc: text('descriptor of public keys'),
        timestamp: time('no payment is older'),
        active: flag('true'),
        internal: maybe(flag('whether it takes change')),
        range: list(number('index of the first and the last key that is looked for')),
        next: number('index of the next key to be given out'),
        next_index: number('the same'),
      }),
    ),
  }),
  listsinceblock: object({
    transactions: list(object({ ...SIDE, ...ENTRY })),
    removed: maybe(list(object({ ...SIDE, ...ENTRY }), 'of blocks that the chain left, as they stand now')),
    lastblock: hex('hash of the block to ask with the next time'),
  }),
  listtransactions: list(object({ ...SIDE, ...ENTRY })),
  listunspent: list(
    object({
      txid: hex('id of the transaction'),
      vout: number('position among the outputs'),
      address: text(''),
      label: text('empty for none'),
      scriptPubKey: hex(''),
      amount: coins(''),
      confirmations: number(''),
      spendable: flag('whether a payment may take it now'),
      solvable: flag('true'),
      desc: text('descriptor of its key'),
      parent_descs: list(text('descriptor of the account')),
      safe: flag('whether it is confirmed, or change of an own payment'),
    }),
  ),
  listwalletdir: object({ wallets: list(object({ name: text('of a wallet, loaded or not') })) }),
  listwallets: list(text('name of a wallet that is loaded')),
  loadwallet: object(CREATED),
  psbtbumpfee: object({ ...PLAN, ...BUMP }),
  rescanblockchain: object({
    start_height: number('first block searched'),
    stop_height: number('last block searched'),
  }),
  restorewallet: object(CREATED),
  reviewinvoice: object({
    payee: hex('node id: who signed the invoice'),
    payment_hash: hex(''),
    amount_msat: number('', 'msat'),
    max_fee_msat: number('most that it may cost beside', 'msat'),
    description: maybe(text('absent where the invoice has a hash of it alone')),
    expires_at: time('of the invoice'),
  }),
  payallowance: object({ left_msat: number('that may be spent without asking', 'msat') }),
  reviewpsbt: object({
    digest: hex('names exactly what was reviewed, for sendpsbt'),
    txid: hex('id of the transaction once signed'),
    payees: list(
      object({
        address: maybe(text('absent of data')),
        data: maybe(hex('the script of a data output')),
        amount: coins(''),
      }),
    ),
    change: list(object({ address: text('proved to be the wallet’s own'), amount: coins('') })),
    fee: coins(''),
    vsize: number('once signed', 'virtual bytes'),
    feeishigh: flag('whether the fee looks like a mistake'),
    foreigninputs: number('inputs that the wallet can’t sign'),
  }),
  readmnemonic: object({ mnemonic: text('the seed words in full') }),
  revealmnemonic: object({
    mnemonic: text('the seed words'),
    mnemonicpassphrase: text('the passphrase of BIP39 that goes with them; empty for none'),
  }),
  sendpsbt: hex('id of the transaction'),
  sendtoaddress: cases(10, 'false', {
    false: hex('id of the transaction'),
    true: object({ txid: hex('id of the transaction'), fee_reason: text('a sentence') }),
  }),
  setlabel: nothing(),
  unloadwallet: object({ warnings: maybe(list(text('a sentence'))) }),
  walletcreatefundedpsbt: object(PLAN),
  walletlock: nothing(),
  walletpassphrase: nothing(),
  walletpassphrasechange: nothing(),
} as const
