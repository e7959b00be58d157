/**
 * Loaded before a test file: the switch that the code of `withMutants` asks, and the count of what it asked. OPENTAB_MUTANT is the
 * number of the mutant that is on, OPENTAB_STEPS how often the switch may be asked, OPENTAB_HITS a file to write to at the end:
 * a byte for each mutant, 1 where it was asked for, and how often in all as 8 bytes little-endian.
 */
import { writeFileSync } from 'node:fs'

/** Exit code of a process that asked more often than it may: an endless loop. */
export const OUT_OF_STEPS = 97

const { OPENTAB_MUTANT, OPENTAB_STEPS, OPENTAB_HITS } = process.env
const active = Number(OPENTAB_MUTANT ?? -1)
const limit = Number(OPENTAB_STEPS ?? Number.POSITIVE_INFINITY)
const hits = new Uint8Array(65_536)
let steps = 0

Object.assign(globalThis, {
  __mutant(id: number): boolean {
    hits[id] = 1
    if (++steps > limit) process.exit(OUT_OF_STEPS)
    return id === active
  },
})

if (OPENTAB_HITS !== undefined)
  process.on('exit', () => {
    const total = new Uint8Array(8)
    new DataView(total.buffer).setBigUint64(0, BigInt(steps), true)
    writeFileSync(OPENTAB_HITS, Buffer.concat([hits, total]))
  })
