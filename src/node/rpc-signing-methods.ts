/**
 * RPC methods that sign, as they are declared: the page reads what they ask for and tells the signer (`web/tab/payment-methods.ts`) before the
 * brain answers them.
 */
import { declaration, flag, integer, optional, text, txid } from './rpc-method.ts'
import {
  amount,
  amountOrZero,
  hexBytes,
  list,
  number,
  object,
  only,
  options,
  unused,
} from './rpc-parameters.ts'
import {
  AMOUNTS,
  BUMP_OPTIONS,
  FEE_RATE,
  HASH_TYPE,
  OUTPUTS,
  PSBT,
  REPLACEABLE,
  SEND_ALL_OPTIONS,
  SEND_OPTIONS,
  SHARES,
  TARGET,
  VERSION,
} from './rpc-payment-parameters.ts'

export const sendToAddress = declaration(
  'sendtoaddress',
  'Pays an address. Answers the id of the transaction.',
  [
    text('address', 'who is paid'),
    amount('amount', 'in coins'),
    optional(text('comment', 'not kept'), undefined),
    optional(text('comment_to', 'not kept'), undefined),
    optional(flag('subtractfeefromamount', 'the recipient bears the fee'), false),
    REPLACEABLE,
    TARGET,
    optional(text('estimate_mode', 'not used'), undefined),
    optional(flag('avoid_reuse', 'not used'), undefined),
    FEE_RATE,
    optional(flag('verbose', 'tell why it pays its fee, too'), false),
  ],
)

export const bumpFee = declaration(
  'bumpfee',
  'Replaces a payment that waits by one with a higher fee (BIP125).',
  [txid(), BUMP_OPTIONS],
)

export const sendPsbt = declaration(
  'sendpsbt',
  'Signs a planned payment and sends it, as it is: when its coins were spent meanwhile, it is refused. Answers the id of the transaction.',
  [
    PSBT,
    options({
      replaces: optional(txid('replaces', 'the payment that psbtbumpfee planned to replace'), undefined),
      digest: optional(
        text('digest', 'that reviewpsbt answered: exactly what was reviewed is signed, whatever its fee'),
        undefined,
      ),
    }),
  ],
)

export const walletProcessPsbt = declaration(
  'walletprocesspsbt',
  'Fills in what this wallet knows of a PSBT, and signs the inputs that are its own. A complete one is sent with sendrawtransaction.',
  [
    PSBT,
    optional(flag('sign', 'false: coins and keys are filled in, nothing is signed'), true),
    HASH_TYPE,
    optional(flag('bip32derivs', 'tell where the wallet’s keys come from (default)'), true),
    optional(flag('finalize', 'make the witness of each input that has all its signatures (default)'), true),
    optional(
      text('digest', 'of reviewpsbt: exactly what that showed is signed, whatever its fee'),
      undefined,
    ),
  ],
)

const ESTIMATE_MODE = optional(text('estimate_mode', 'not used'), undefined)

export const send = declaration(
  'send',
  'Pays outputs. Answers the id of the transaction, or the transaction where it is not to be sent.',
  [OUTPUTS, TARGET, ESTIMATE_MODE, FEE_RATE, SEND_OPTIONS, VERSION],
)

export const sendAll = declaration(
  'sendall',
  'Pays all that the wallet can spend, or all that the inputs named hold. Answers what stays behind, too.',
  [SHARES, TARGET, ESTIMATE_MODE, FEE_RATE, SEND_ALL_OPTIONS],
)

export const sendMany = declaration(
  'sendmany',
  'Pays several addresses in one transaction. Answers its id.',
  [
    only('dummy', '', 'it names no account'),
    AMOUNTS,
    unused('minconf'),
    optional(text('comment', 'not kept'), undefined),
    optional(
      list('subtractfeefrom', 'addresses that bear the fee, in equal parts', text('address', 'of amounts')),
      [],
    ),
    REPLACEABLE,
    TARGET,
    ESTIMATE_MODE,
    FEE_RATE,
    optional(flag('verbose', 'tell why it pays its fee, too'), false),
  ],
)

const PREVIOUS = object('prevtx', 'an output', {
  txid: txid(),
  vout: integer('vout', 'position among the outputs', 0, 0xffffffff),
  scriptPubKey: hexBytes('scriptPubKey', 'its script'),
  redeemScript: unused('redeemScript'),
  witnessScript: unused('witnessScript'),
  amount: amountOrZero('amount', 'in coins'),
})

export const signRawTransactionWithWallet = declaration(
  'signrawtransactionwithwallet',
  'Signs the inputs of a transaction that are the wallet’s own. It is not sent: sendrawtransaction does that.',
  [
    hexBytes('hexstring', 'the transaction'),
    optional(
      list(
        'prevtxs',
        'outputs that it spends and that are neither in the chain nor in the mempool',
        PREVIOUS,
      ),
      [],
    ),
    HASH_TYPE,
  ],
)

export const fundChannel = declaration(
  'fundchannel',
  'Opens a channel with a node that is connected, and pays for it from the wallet.',
  [
    text('id', 'the other side: node id of 66 hex digits, or peer id'),
    integer('amount', 'that the channel holds, in satoshis', 1, Number.MAX_SAFE_INTEGER),
    optional(number('feerate', 'of the funding, in satoshis for a virtual byte', 0, 100_000), undefined),
    optional(flag('announce', 'whether others may pay through it'), true),
    optional(integer('push_msat', 'given away, in millisatoshis', 0, Number.MAX_SAFE_INTEGER), 0),
  ],
)

/** Most that a payment over channels may cost. */
export const MAX_FEE_PERCENT = optional(
  number('maxfeepercent', 'most that it may cost, in hundredths of the amount', 0, 100),
  0.5,
)

/** Where an invoice leaves the amount open. */
export const OPEN_AMOUNT = optional(
  integer('amount_msat', 'where the invoice leaves it open, in millisatoshis', 1, Number.MAX_SAFE_INTEGER),
  undefined,
)

export const payInvoice = declaration(
  'pay',
  'Pays an invoice, once: to call it again for the same one is safe.',
  [text('bolt11', 'the invoice'), OPEN_AMOUNT, MAX_FEE_PERCENT],
)

export const keysend = declaration('keysend', 'Pays a node that asked for nothing.', [
  text('destination', 'who is paid: a node id of 66 hex digits, or a peer id'),
  integer('amount_msat', 'that it gets, in millisatoshis', 1, Number.MAX_SAFE_INTEGER),
  MAX_FEE_PERCENT,
])

export const signMessage = declaration(
  'signmessage',
  'Signs a text with the key of an own address (BIP322, simple).',
  [text('address', 'an own address'), text('message', 'what is signed')],
)

export const signingMethods = [
  fundChannel,
  payInvoice,
  keysend,
  sendToAddress,
  bumpFee,
  sendPsbt,
  walletProcessPsbt,
  send,
  sendAll,
  sendMany,
  signRawTransactionWithWallet,
  signMessage,
] as const
