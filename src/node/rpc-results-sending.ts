/** What the RPC methods answer that send, sign and lock coins, for `help` and for the types of their results. */
import { cases, coins, flag, hex, list, maybe, number, object, oneOf, text } from './rpc-result.ts'

const OUTPUT = {
  txid: hex('id of the transaction'),
  vout: number('position among the outputs'),
}

const SENT = {
  complete: flag('whether it has all signatures'),
  txid: maybe(hex('id of the transaction, where it is complete')),
  hex: maybe(hex('the signed transaction, where it was not sent')),
  psbt: maybe(text('base64, where it was not sent')),
}

export const sendingResults = {
  fundrawtransaction: object({
    hex: hex('the unsigned transaction'),
    fee: coins(''),
    changepos: number('position of the change; −1 without'),
  }),
  getrawchangeaddress: text('the address'),
  listlockunspent: list(object(OUTPUT)),
  lockunspent: flag('true'),
  send: object(SENT),
  sendall: object({
    ...SENT,
    left: list(
      object({
        ...OUTPUT,
        amount: coins(''),
        reason: oneOf(
          ['locked', 'unconfirmed', 'immature', 'confirmations', 'uneconomical', 'not named'],
          'why it was not taken',
        ),
      }),
      'coins that stay in the wallet',
    ),
  }),
  sendmany: cases(9, 'false', {
    false: hex('id of the transaction'),
    true: object({ txid: hex('id of the transaction'), fee_reason: text('a sentence') }),
  }),
  signmessage: text('"smp" and the signature in base64 (BIP322)'),
  signrawtransactionwithwallet: object({
    hex: hex('the transaction with its signatures'),
    complete: flag('whether all inputs have theirs'),
    errors: maybe(
      list(
        object({
          ...OUTPUT,
          witness: list(hex('a witness element')),
          scriptSig: hex('empty: witnesses sign here'),
          sequence: number('nSequence'),
          error: text('a sentence'),
        }),
        'inputs that are not signed',
      ),
    ),
  }),
} as const
