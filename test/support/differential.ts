/**
 * Differential tests: our answer against that of an independent implementation, over cases drawn from a seed. OPENTAB_CASES: how
 * many in all, 4,000 when not given, divided among the kinds below. OPENTAB_SEED: what they are drawn from.
 */
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Draw } from './draw.ts'

/** How the cases are divided among the kinds, in proportion to these: the cheaper a kind, the more of it. */
const SHARES = {
  transactions: 150,
  'corrupted transactions': 200,
  headers: 40,
  blocks: 20,
  'corrupted blocks': 30,
  'merkle roots': 30,
  hashes: 50,
  siphash: 20,
  scripts: 40,
  pushes: 40,
  'script numbers': 30,
  elements: 30,
  addresses: 40,
  'corrupted addresses': 30,
  sighashes: 90,
  'code separators': 30,
  'compact targets': 60,
  work: 30,
  asert: 40,
  difficulty: 10,
  'script trees': 6,
  tweaks: 10,
  signatures: 10,
  derivation: 4,
  psbt: 6,
  'psbt roles': 6,
  filters: 20,
  onions: 3,
  invoices: 20,
  'corrupted invoices': 20,
  'large filters': 0.5,
  'corrupted filters': 20,
  musig2: 4,
  'channel outputs': 10,
} as const

export type Kind = keyof typeof SHARES

const DEFAULT_CASES = 4_000

const { OPENTAB_CASES, OPENTAB_SEED = '1' } = process.env
const total = Number(OPENTAB_CASES ?? DEFAULT_CASES)
if (!Number.isSafeInteger(total) || total < 1) throw new Error(`OPENTAB_CASES is no number: ${OPENTAB_CASES}`)
const shares = Object.values(SHARES).reduce((sum, share) => sum + share, 0)

/**
 * Declares the test of one kind. `run` draws a case from what it is given alone and throws where the two sides differ. It may
 * return a word that says what sort of case it was: the test tells how many there were of each.
 */
export function differential(kind: Kind, promise: string, run: (draw: Draw) => string | undefined): void {
  const cases = Math.ceil((total * SHARES[kind]) / shares)
  test(`${kind}: ${promise}`, (context) => {
    const sorts = new Map<string, number>()
    for (let number = 0; number < cases; number++) {
      try {
        const sort = run(new Draw(`${OPENTAB_SEED}/${kind}/${number}`))
        if (sort) sorts.set(sort, (sorts.get(sort) ?? 0) + 1)
      } catch (error) {
        const replay = `OPENTAB_SEED=${OPENTAB_SEED} OPENTAB_CASES=${total} npm run test:differential`
        const where = `Case ${number} of "${kind}" differs. To see it again: ${replay}`
        throw new Error(`${where}\n${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
    const told = [...sorts].map(([sort, count]) => `, ${count} ${sort}`)
    context.diagnostic(`${kind}: ${cases} cases, 0 differences (seed ${OPENTAB_SEED})${told.join('')}`)
  })
}

/** What a library says that throws where its answer is no. */
export function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** SHA-256 of OpenSSL. */
export function opensslSha256(...data: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of data) hash.update(part)
  return Uint8Array.from(hash.digest())
}

export function opensslSha256d(...data: Uint8Array[]): Uint8Array {
  return opensslSha256(opensslSha256(...data))
}
