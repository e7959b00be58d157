/**
 * Wallets for tests: seeded randomness, a clock moved by hand, and signers whose passphrase costs nothing to guess.
 */
import { REGTEST } from '../../src/consensus/params.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { taggedHash } from '../../src/primitives/hashes.ts'
import type { Random } from '../../src/primitives/ports.ts'
import type { Result } from '../../src/primitives/result.ts'
import { LocalSigner, type LocalSignerOptions } from '../../src/signer/local-signer.ts'
import { LocalSigners, type LocalSignersOptions } from '../../src/signer/local-signers.ts'
import { MemoryKeyStore, MemoryKeyStores } from '../../src/storage/memory-key-store.ts'
import { ManualClock } from './manual-clock.ts'

export { ManualClock }

export const PASSPHRASE = 'a long walk'
/** The words of BIP86's example. */
export const WORDS =
  'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'

/** The same bytes for the same seed. */
export function seededRandom(seed: string): Random {
  let state = taggedHash(
    'test/random',
    Uint8Array.from(seed, (char) => char.charCodeAt(0)),
  )
  return {
    bytes(length) {
      const chunks: Uint8Array[] = []
      for (let got = 0; got < length; got += state.length) {
        state = taggedHash('test/random', state)
        chunks.push(state)
      }
      return concatBytes(...chunks).slice(0, length)
    },
  }
}

export const TEST_NETWORK = { id: '00'.repeat(32), name: REGTEST.name }

export function openSigner(options: Partial<LocalSignerOptions> = {}): Promise<LocalSigner> {
  return LocalSigner.open({
    network: TEST_NETWORK,
    coinType: 1,
    addressPrefix: REGTEST.addressPrefix,
    store: new MemoryKeyStore(),
    clock: new ManualClock(),
    random: seededRandom('signer'),
    logN: 1,
    ...options,
  })
}

/** The signers of a profile, without keys unless `stores` holds some. */
export function openSigners(options: Partial<LocalSignersOptions> = {}): Promise<LocalSigners> {
  return LocalSigners.open({
    network: TEST_NETWORK,
    coinType: 1,
    addressPrefix: REGTEST.addressPrefix,
    stores: new MemoryKeyStores(),
    clock: new ManualClock(),
    random: seededRandom('signers'),
    logN: 1,
    ...options,
  })
}

/** A signer with BIP86's example seed, unlocked. */
export async function unlockedSigner(options: Partial<LocalSignerOptions> = {}): Promise<LocalSigner> {
  const signer = await openSigner(options)
  value(await signer.restoreWords(WORDS, PASSPHRASE))
  value(await signer.unlock(PASSPHRASE))
  return signer
}

/** What was accepted; throws the rejection's sentence otherwise. */
export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`)
  return result.value
}

/** The code of a rejection, or `accepted`. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.code
}
