/** What the RPC methods of PSBTs answer, for `help` and for the types of their results. */
import { coins, feeRate, flag, hex, list, map, maybe, number, object, oneOf, text } from './rpc-result.ts'
import { DECODED_TRANSACTION, SCRIPT } from './rpc-results-chain.ts'

const ROLE = oneOf(['creator', 'updater', 'signer', 'finalizer', 'extractor'], 'role that it waits for')

const ORIGIN = {
  master_fingerprint: hex('of the master key'),
  path: text('from the master key on'),
}

/** Fields that belong to one program, and those of types that are not known. */
const EXTENSIONS = {
  proprietary: maybe(
    list(
      object({
        identifier: maybe(hex('of the program')),
        subtype: maybe(number('')),
        key: hex(''),
        value: hex(''),
      }),
    ),
  ),
  unknown: maybe(map('key', hex('value'))),
}

const SCRIPTS = {
  redeem_script: maybe(SCRIPT),
  witness_script: maybe(SCRIPT),
  bip32_derivs: maybe(list(object({ pubkey: hex('public key'), ...ORIGIN }))),
}

const TAPROOT_KEYS = {
  taproot_internal_key: maybe(hex('x-only')),
  taproot_bip32_derivs: maybe(
    list(object({ pubkey: hex('x-only'), ...ORIGIN, leaf_hashes: list(hex('of a leaf with this key')) })),
  ),
  musig2_participant_pubkeys: maybe(
    list(object({ aggregate_pubkey: hex(''), participant_pubkeys: list(hex('public key')) })),
  ),
}

const MUSIG_KEY = {
  participant_pubkey: hex(''),
  aggregate_pubkey: hex(''),
  leaf_hash: maybe(hex('of the leaf that is signed for')),
}

/** An input of `decodepsbt`. */
export const PSBT_INPUT = object({
  non_witness_utxo: maybe(DECODED_TRANSACTION),
  witness_utxo: maybe(object({ amount: coins(''), scriptPubKey: SCRIPT })),
  partial_signatures: maybe(map('public key', hex('signature'))),
  sighash: maybe(text('type of the signature hash')),
  ...SCRIPTS,
  final_scriptSig: maybe(SCRIPT),
  final_scriptwitness: maybe(list(hex('a witness element'))),
  ripemd160_preimages: maybe(map('hash', hex('preimage'))),
  sha256_preimages: maybe(map('hash', hex('preimage'))),
  hash160_preimages: maybe(map('hash', hex('preimage'))),
  hash256_preimages: maybe(map('hash', hex('preimage'))),
  taproot_key_path_sig: maybe(hex('signature')),
  taproot_script_path_sigs: maybe(
    list(object({ pubkey: hex('x-only'), leaf_hash: hex(''), sig: hex('signature') })),
  ),
  taproot_scripts: maybe(
    list(object({ script: hex(''), leaf_ver: number(''), control_blocks: list(hex('a control block')) })),
  ),
  ...TAPROOT_KEYS,
  taproot_merkle_root: maybe(hex('')),
  musig2_pubnonces: maybe(list(object({ ...MUSIG_KEY, pubnonce: hex('') }))),
  musig2_partial_sigs: maybe(list(object({ ...MUSIG_KEY, partial_sig: hex('') }))),
  ...EXTENSIONS,
})

/** An output of `decodepsbt`. */
export const PSBT_OUTPUT = object({
  ...SCRIPTS,
  ...TAPROOT_KEYS,
  taproot_tree: maybe(list(object({ depth: number(''), leaf_ver: number(''), script: hex('') }))),
  ...EXTENSIONS,
})

/** `decodepsbt`. */
export const DECODED_PSBT = object({
  tx: DECODED_TRANSACTION,
  global_xpubs: list(object({ xpub: text('extended public key'), ...ORIGIN })),
  psbt_version: number('0 or 2'),
  generic_signed_message: maybe(hex('')),
  ...EXTENSIONS,
  inputs: list(PSBT_INPUT),
  outputs: list(PSBT_OUTPUT),
  fee: maybe(coins('where the PSBT tells all that is spent')),
})

const PSBT = text('the PSBT in base64')

export const psbtResults = {
  analyzepsbt: object({
    inputs: list(object({ has_utxo: flag('whether its coin is told'), is_final: flag(''), next: ROLE })),
    estimated_vsize: maybe(number('once signed', 'virtual bytes')),
    estimated_feerate: maybe(feeRate('once signed')),
    fee: maybe(coins('')),
    next: ROLE,
    error: maybe(text('why it never becomes valid')),
  }),
  combinepsbt: PSBT,
  converttopsbt: PSBT,
  createpsbt: PSBT,
  decodepsbt: DECODED_PSBT,
  finalizepsbt: object({
    hex: maybe(hex('the transaction, where it is complete and to be extracted')),
    psbt: maybe(text('else the PSBT in base64')),
    complete: flag('whether all inputs are signed'),
  }),
  joinpsbts: PSBT,
  utxoupdatepsbt: PSBT,
  walletprocesspsbt: object({
    psbt: PSBT,
    complete: flag('whether all inputs are signed'),
    hex: maybe(hex('the transaction, where it is complete')),
  }),
} as const
