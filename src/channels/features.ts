/**
 * Features that nodes offer or require, as bits of one number (BOLT 9): two bits a feature, the even one says that it is required, the odd one that
 * it is understood. Pure, any thread.
 */

/** Bits set of a feature vector: bit 0 is the last bit of its last byte. */
export type Features = bigint

/** The even bit of each feature that this program knows. */
export const FEATURE = {
  var_onion_optin: 8,
  payment_secret: 14,
  basic_mpp: 16,
  option_attribution_data: 36,
  option_payment_metadata: 48,
} as const

export type FeatureName = keyof typeof FEATURE

export const NO_FEATURES: Features = 0n

/** The bits of features that are required, and of others that are understood. */
export function features(required: readonly FeatureName[], optional: readonly FeatureName[] = []): Features {
  return [...required.map((name) => FEATURE[name]), ...optional.map((name) => FEATURE[name] + 1)].reduce(
    (bits, bit) => bits | (1n << BigInt(bit)),
    NO_FEATURES,
  )
}

/** Whether a feature is required or understood. */
export function hasFeature(bits: Features, name: FeatureName): boolean {
  return ((bits >> BigInt(FEATURE[name])) & 3n) !== 0n
}

/** The least even bit that is set and not among `known`: what asks for it can't be dealt with. Undefined where there is none. */
export function unknownRequired(bits: Features, known: readonly FeatureName[]): number | undefined {
  for (let bit = 0, left = bits; left > 0n; bit += 2, left >>= 2n)
    if ((left & 1n) === 1n && !known.some((name) => FEATURE[name] === bit)) return bit
  return undefined
}

/** The shortest vector, big-endian: no byte for no features. */
export function encodeFeatures(bits: Features): Uint8Array {
  const bytes: number[] = []
  for (let left = bits; left > 0n; left >>= 8n) bytes.unshift(Number(left & 0xffn))
  return Uint8Array.from(bytes)
}

/** The bits of a vector of any length; bytes of 0 in front are no mistake (BOLT 1). */
export function decodeFeatures(bytes: Uint8Array): Features {
  return bytes.reduce((bits, byte) => (bits << 8n) | BigInt(byte), NO_FEATURES)
}
