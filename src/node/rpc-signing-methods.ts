/**
 * RPC methods that sign, as they are declared: the page reads what they ask for and tells the signer (`web/tab/payment-methods.ts`) before the
 * brain answers them.
 */
import { declaration, flag, optional, text, txid } from './rpc-method.ts'
import { amount, options } from './rpc-parameters.ts'
import { BUMP_OPTIONS, FEE_RATE, HASH_TYPE, PSBT, REPLACEABLE, TARGET } from './rpc-payment-parameters.ts'

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
  ],
)

export const signingMethods = [sendToAddress, bumpFee, sendPsbt, walletProcessPsbt] as const
