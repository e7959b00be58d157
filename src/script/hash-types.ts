/** Signature hash types for people, by Bitcoin Core's names: apart from `sighash.ts`, which every tab needs to join. Pure, any thread. */
import {
  SIGHASH_ALL,
  SIGHASH_ANYONECANPAY,
  SIGHASH_DEFAULT,
  SIGHASH_NONE,
  SIGHASH_SINGLE,
} from './sighash.ts'

/** The hash types of BIP341, by Bitcoin Core's names for them. */
export const HASH_TYPES: ReadonlyMap<string, number> = new Map([
  ['DEFAULT', SIGHASH_DEFAULT],
  ['ALL', SIGHASH_ALL],
  ['NONE', SIGHASH_NONE],
  ['SINGLE', SIGHASH_SINGLE],
  ['ALL|ANYONECANPAY', SIGHASH_ALL | SIGHASH_ANYONECANPAY],
  ['NONE|ANYONECANPAY', SIGHASH_NONE | SIGHASH_ANYONECANPAY],
  ['SINGLE|ANYONECANPAY', SIGHASH_SINGLE | SIGHASH_ANYONECANPAY],
])

/** `ALL|ANYONECANPAY`; the number where the type has no name. */
export function nameOfHashType(type: number): string {
  return [...HASH_TYPES].find(([, named]) => named === type)?.[0] ?? String(type)
}
