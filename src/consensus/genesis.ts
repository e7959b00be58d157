/**
 * The block that starts a network, a function of its params alone: whoever has the params has the block, and its hash names the
 * network. It is exempt from proof of work and holds nothing that can be spent.
 */
import { sats } from '../primitives/amount.ts'
import { Block, BlockHeader } from '../primitives/block.ts'
import { concatBytes } from '../primitives/bytes.ts'
import { type BlockHash, taggedHash } from '../primitives/hashes.ts'
import { OP_RETURN, pushData } from '../script/opcodes.ts'
import { buildCoinbase } from './coinbase.ts'
import { encodeParams, type NetworkParams } from './params.ts'

/** BIP9's version with no bits signalled; nothing depends on it. */
export const BLOCK_VERSION = 0x20000000

/**
 * The genesis block. Its coinbase has the form of every other, except that the tag in its scriptSig is taken from the
 * hash of the params, which its one output (OP_RETURN, value 0) commits to in full, and that its lock time is 0.
 */
export function genesisOf(params: NetworkParams): Block {
  const commitment = taggedHash('opentab/params', encodeParams(params))
  const output = {
    value: sats(0),
    scriptPubKey: concatBytes(Uint8Array.of(OP_RETURN), pushData(commitment)),
  }
  const coinbase = buildCoinbase({
    height: 0,
    genesisHash: commitment,
    extraNonce: new Uint8Array(0),
    outputs: [output],
    // A coinbase counts as zeros in the witness tree, so that alone it has this root.
    witnessRoot: new Uint8Array(32),
  })
  const header = BlockHeader.of({
    version: BLOCK_VERSION,
    previousHash: new Uint8Array(32),
    merkleRoot: coinbase.txidBytes,
    time: params.genesisTime,
    bits: params.powLimitBits,
    nonce: 0,
  })
  return Block.of(header, [coinbase])
}

/** The network's name among machines: its genesis hash in display order. */
export function networkId(params: NetworkParams): BlockHash {
  return genesisOf(params).hash
}
