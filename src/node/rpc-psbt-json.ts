/** Bitcoin Core's JSON shape of a PSBT (`decodepsbt`): every field that it has, and those that nobody here knows in hex. */
import { createBase58check } from '@scure/base'
import { PSBTGlobal } from '@scure/btc-signer/psbt.js'
import { bytesToHex } from '../primitives/bytes.ts'
import { decodeWith, Writer } from '../primitives/codec.ts'
import { sha256 } from '../primitives/hashes.ts'
import { nameOfHashType } from '../script/hash-types.ts'
import { HARDENED } from '../wallet/descriptor.ts'
import type { Psbt } from '../wallet/psbt.ts'
import type { PsbtGlobalMap, PsbtInputMap, PsbtOutputMap } from '../wallet/psbt-maps.ts'
import type { NodeCore } from './node-core.ts'
import { coins, hex32 } from './rpc-json.ts'
import type { AnswerOf } from './rpc-result.ts'
import type { PSBT_INPUT, PSBT_OUTPUT } from './rpc-results-psbt.ts'
import { scriptJson, transactionJson } from './rpc-transaction-json.ts'

/** Its shape is compared with the description by a test: the fields of maps come one by one. */
export function psbtJson(node: NodeCore, psbt: Psbt) {
  const { global, inputs, outputs } = psbt.maps
  const { fee } = psbt
  return {
    tx: transactionJson(node, psbt.unsigned),
    global_xpubs: (global.xpub ?? []).map(([xpub, origin]) => ({
      xpub: base58check.encode(PSBTGlobal.xpub[1].encode(xpub)),
      ...originJson(origin),
    })),
    psbt_version: global.version ?? 0,
    ...(told({ generic_signed_message: global.genericSignedMessage }) as object),
    ...extensionsJson(global),
    inputs: inputs.map((map, i) => inputJson(node, psbt, map, i) as AnswerOf<typeof PSBT_INPUT>),
    outputs: outputs.map((map) => outputJson(node, map) as AnswerOf<typeof PSBT_OUTPUT>),
    ...(fee === undefined ? {} : { fee: coins(fee) }),
  }
}

const base58check = createBase58check(sha256)

function inputJson(node: NodeCore, psbt: Psbt, map: PsbtInputMap, index: number): object {
  const { spent, leaves } = psbt.inputs[index]
  return {
    ...(map.nonWitnessUtxo && { non_witness_utxo: previousJson(node, psbt, index) }),
    ...(map.witnessUtxo &&
      spent && {
        witness_utxo: { amount: coins(spent.value), scriptPubKey: scriptJson(node, spent.scriptPubKey) },
      }),
    ...(map.partialSig && { partial_signatures: byKey(map.partialSig) }),
    ...(map.sighashType !== undefined && { sighash: nameOfHashType(map.sighashType) }),
    ...scriptsJson(node, map),
    ...(map.finalScriptSig && { final_scriptSig: scriptJson(node, map.finalScriptSig) }),
    ...(map.finalScriptWitness && { final_scriptwitness: map.finalScriptWitness.map(bytesToHex) }),
    ...(map.ripemd160 && { ripemd160_preimages: byKey(map.ripemd160) }),
    ...(map.sha256 && { sha256_preimages: byKey(map.sha256) }),
    ...(map.hash160 && { hash160_preimages: byKey(map.hash160) }),
    ...(map.hash256 && { hash256_preimages: byKey(map.hash256) }),
    ...told({ taproot_key_path_sig: map.tapKeySig }),
    ...(map.tapScriptSig && {
      taproot_script_path_sigs: map.tapScriptSig.map(([{ pubKey, leafHash }, signature]) => ({
        pubkey: bytesToHex(pubKey),
        leaf_hash: bytesToHex(leafHash),
        sig: bytesToHex(signature),
      })),
    }),
    ...(leaves.length > 0 && {
      taproot_scripts: leaves.map(({ script, version, controlBlock }) => ({
        script: bytesToHex(script),
        leaf_ver: version,
        control_blocks: [bytesToHex(controlBlock)],
      })),
    }),
    ...taprootKeysJson(map),
    ...told({ taproot_merkle_root: map.tapMerkleRoot }),
    ...(map.musig2PubNonce && {
      musig2_pubnonces: map.musig2PubNonce.map(([key, nonce]) => ({
        ...told(musigKeyJson(key)),
        pubnonce: bytesToHex(nonce),
      })),
    }),
    ...(map.musig2PartialSig && {
      musig2_partial_sigs: map.musig2PartialSig.map(([key, signature]) => ({
        ...told(musigKeyJson(key)),
        partial_sig: bytesToHex(signature),
      })),
    }),
    ...extensionsJson(map),
  }
}

function outputJson(node: NodeCore, map: PsbtOutputMap): object {
  return {
    ...scriptsJson(node, map),
    ...taprootKeysJson(map),
    ...(map.tapTree && {
      taproot_tree: map.tapTree.map(({ depth, version, script }) => ({
        depth,
        leaf_ver: version,
        script: bytesToHex(script),
      })),
    }),
    ...extensionsJson(map),
  }
}

/** The transaction that an input spends from, as the PSBT brings it along. */
function previousJson(node: NodeCore, psbt: Psbt, index: number): object {
  return transactionJson(node, psbt.previous(index)!)
}

/** What inputs and outputs have of scripts and keys before taproot. */
function scriptsJson(
  node: NodeCore,
  { redeemScript, witnessScript, bip32Derivation }: PsbtInputMap | PsbtOutputMap,
): object {
  return {
    ...(redeemScript && { redeem_script: scriptJson(node, redeemScript) }),
    ...(witnessScript && { witness_script: scriptJson(node, witnessScript) }),
    ...(bip32Derivation && {
      bip32_derivs: bip32Derivation.map(([key, origin]) => ({
        pubkey: bytesToHex(key),
        ...originJson(origin),
      })),
    }),
  }
}

/** What inputs and outputs have of taproot keys, and of those that they are aggregated from. */
function taprootKeysJson({
  tapBip32Derivation,
  tapInternalKey,
  musig2ParticipantPubkeys,
}: PsbtInputMap | PsbtOutputMap): object {
  return {
    ...told({ taproot_internal_key: tapInternalKey }),
    ...(tapBip32Derivation && {
      taproot_bip32_derivs: tapBip32Derivation.map(([key, { hashes, der }]) => ({
        pubkey: bytesToHex(key),
        ...originJson(der),
        leaf_hashes: hashes.map(bytesToHex),
      })),
    }),
    ...(musig2ParticipantPubkeys && {
      musig2_participant_pubkeys: musig2ParticipantPubkeys.map(([aggregate, participants]) => ({
        aggregate_pubkey: bytesToHex(aggregate),
        participant_pubkeys: participants.map(bytesToHex),
      })),
    }),
  }
}

function musigKeyJson(key: {
  readonly participantPubkey: Uint8Array
  readonly aggregatePubkey: Uint8Array
  readonly leafHash?: Uint8Array
}): Record<string, Uint8Array | undefined> {
  return {
    participant_pubkey: key.participantPubkey,
    aggregate_pubkey: key.aggregatePubkey,
    leaf_hash: key.leafHash,
  }
}

function originJson({
  fingerprint,
  path,
}: {
  readonly fingerprint: number
  readonly path: readonly number[]
}) {
  const steps = path.map((step) => (step < HARDENED ? `/${step}` : `/${step - HARDENED}h`))
  return { master_fingerprint: hex32(fingerprint), path: `m${steps.join('')}` }
}

/** Fields that belong to one program (BIP174, Proprietary Use Type), and those of types that are not known. */
function extensionsJson({ proprietary, unknown }: PsbtGlobalMap | PsbtInputMap | PsbtOutputMap): object {
  return {
    ...(proprietary && { proprietary: proprietary.map(([key, value]) => proprietaryJson(key, value)) }),
    ...(unknown && {
      unknown: Object.fromEntries(
        unknown.map(([{ type, key }, value]) => [
          bytesToHex(new Writer().compactSize(type).put(key).finish()),
          bytesToHex(value),
        ]),
      ),
    }),
  }
}

const PROPRIETARY_TYPE = 0xfc

function proprietaryJson(key: Uint8Array, value: Uint8Array): object {
  const parts = decodeWith(key, 'psbt-invalid', (reader) => {
    const identifier = bytesToHex(reader.varBytes())
    const subtype = reader.compactSize()
    reader.take(reader.remaining)
    return { identifier, subtype }
  })
  return {
    ...(parts.ok ? parts.value : {}),
    key: bytesToHex(Uint8Array.of(PROPRIETARY_TYPE, ...key)),
    value: bytesToHex(value),
  }
}

/** Bytes in hex, by the names of the fields that are there. */
function told(fields: Record<string, Uint8Array | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, bytes]) => (bytes ? [[name, bytesToHex(bytes)]] : [])),
  )
}

/** Keys and their values, in hex. */
function byKey(pairs: readonly (readonly [Uint8Array, Uint8Array])[]): Record<string, string> {
  return Object.fromEntries(pairs.map(([key, value]) => [bytesToHex(key), bytesToHex(value)]))
}
