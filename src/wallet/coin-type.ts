/** The BIP32 coin type of a network (BIP44): pure, any thread. */
import { taggedHash } from '../primitives/hashes.ts'

/**
 * The hardened child number, without its 2^31, under which a network's accounts lie. 1 on networks for tests
 * (SLIP44); elsewhere 31 bits of a tagged hash of the genesis hash (32 bytes, internal order), so that one seed on
 * two networks never shares a key, and never Bitcoin's 0: whoever types a Bitcoin seed here exposes none of its
 * keys.
 */
export function coinType(params: { readonly testControls: boolean }, genesisHash: Uint8Array): number {
  if (params.testControls) return 1
  const hash = taggedHash('opentab/coin-type', genesisHash)
  const bits = new DataView(hash.buffer, hash.byteOffset).getUint32(0) & 0x7fff_ffff
  return Math.max(bits, 2)
}
