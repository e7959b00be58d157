/**
 * Secrets of payment channels, derived from the seed beside the wallet's account: BIP32 below m/1017'/`coinType`' (the purpose that lnd
 * uses), hardened throughout, so that no public key tells another.
 *
 * | Path below it     | Key                                                                                        |
 * | ----------------- | ------------------------------------------------------------------------------------------ |
 * | 0'                | the node's own: who it is to other nodes, signs announcements and invoices, opens onions   |
 * | 1'/`a`'/`b`'/`k`' | of one channel: funding, revocation, delayed payment, HTLC, seed of its commitments' secrets |
 * | 2'/`n`'           | payment basepoint of a channel: whom the other's commitment pays                           |
 * | 3'                | seals what payments may take without being asked for                                       |
 *
 * `a` and `b` are drawn at random for each channel, never counted: a counter that an old copy of the profile or the words alone would start
 * anew could give two channels the same secrets, and those of the first are known to its peer. `n` is one of 1,024, by the same draw: the
 * outputs that a lost channel's peer pays to us can so be found from the words alone. Everything here is secret: the signer worker only.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { HDKey } from '@scure/bip32'
import { bytesToHex, hexToBytes, isHex } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { HARDENED } from '../wallet/descriptor.ts'
import { masterKey } from './keys.ts'

/** Names the keys of a channel: 8 random bytes in hex. Not secret. */
export type ChannelKeysId = string & { readonly __brand: 'ChannelKeysId' }

/** How many payment basepoints there are. */
export const PAYMENT_BASEPOINTS = 1024

/** The secrets of one channel (BOLT 3, Key Derivation), 32 bytes each. Wipe them after use. */
export interface ChannelSecrets {
  /** Signs for the funding output together with the peer (BIP327). */
  readonly funding: Uint8Array
  readonly revocation: Uint8Array
  readonly payment: Uint8Array
  readonly delayedPayment: Uint8Array
  readonly htlc: Uint8Array
  /** What the per-commitment secrets are generated from. */
  readonly commitmentSeed: Uint8Array
  /** What the verification nonces are generated from, see `nonceRoot`. */
  readonly nonceRoot: Uint8Array
}

export function createKeysId(random: Random): ChannelKeysId {
  return bytesToHex(random.bytes(8)) as ChannelKeysId
}

export function isKeysId(text: string): text is ChannelKeysId {
  return isHex(text, 8) && text === text.toLowerCase()
}

/** The key that all of a seed's channels come from, m/1017'/`coinType`'. Wipe its private data after use. `mnemonicPassphrase`: see `masterKey`. */
export function channelRoot(entropy: Uint8Array, coinType: number, mnemonicPassphrase = ''): HDKey {
  const master = masterKey(entropy, mnemonicPassphrase)
  const root = deriveHardened(master, [1017, coinType])
  master.wipePrivateData()
  return root
}

/** The node's secret key, 32 bytes. */
export function nodeSecret(root: HDKey): Uint8Array {
  return secretAt(root, [0])
}

/** Takes a few milliseconds. */
export function deriveChannel(root: HDKey, id: ChannelKeysId): ChannelSecrets {
  const draw = hexToBytes(id)
  const view = new DataView(draw.buffer)
  // 31 bits each: the sign bit is what makes an index a hardened one.
  const path = [1, view.getUint32(0) % HARDENED, view.getUint32(4) % HARDENED]
  const channel = deriveHardened(root, path)
  const [funding, revocation, delayedPayment, htlc, commitmentSeed] = [0, 1, 2, 3, 4].map((key) =>
    secretAt(channel, [key]),
  )
  channel.wipePrivateData()
  const payment = paymentSecret(root, view.getUint32(4) % PAYMENT_BASEPOINTS)
  const secrets = { funding, revocation, payment, delayedPayment, htlc, commitmentSeed }
  return { ...secrets, nonceRoot: nonceRoot(commitmentSeed) }
}

/** The secret of a payment basepoint, 32 bytes: `index` is below `PAYMENT_BASEPOINTS`. */
export function paymentSecret(root: HDKey, index: number): Uint8Array {
  return secretAt(root, [2, index])
}

/** The key of the MAC under what may be spent, 32 bytes. */
export function spendingSecret(root: HDKey): Uint8Array {
  return secretAt(root, [3])
}

/** Overwrites what `deriveChannel` gave. */
export function wipeChannel(secrets: ChannelSecrets): void {
  for (const secret of Object.values(secrets)) secret.fill(0)
}

const NONCE_CONTEXT = Uint8Array.from('taproot-rev-root', (char) => char.charCodeAt(0))

/**
 * The seed of the verification nonces (simple taproot channels, Counter Based Nonce Generation): HMAC-SHA256 of the context by the hash of the
 * commitments' seed. The funding txid, which would tell splices apart, is left out: there are none, and the first nonce is sent before it is known.
 */
function nonceRoot(commitmentSeed: Uint8Array): Uint8Array {
  return hmac(sha256, sha256(commitmentSeed), NONCE_CONTEXT)
}

function secretAt(parent: HDKey, path: readonly number[]): Uint8Array {
  const key = deriveHardened(parent, path)
  const secret = key.privateKey!.slice()
  key.wipePrivateData()
  return secret
}

/** A key of its own: `parent` keeps its private data, what lies between is wiped. */
function deriveHardened(parent: HDKey, path: readonly number[]): HDKey {
  let key = parent
  for (const step of path) {
    const former = key
    key = former.deriveChild(HARDENED + step)
    if (former !== parent) former.wipePrivateData()
  }
  return key
}
