/** ASERT runs and compact targets. */
import assert from 'node:assert/strict'
import {
  asertTarget,
  blockWork,
  decodeCompact,
  encodeCompact,
  meetsTarget,
  targetOf,
} from '../../src/consensus/pow.ts'
import { hexToBytes, reversed } from '../../src/primitives/bytes.ts'
import { jsonRule, type VectorRule } from './rule.ts'

const MAINNET_LIMIT = 0xffffn << 208n

/** Text: settings behind `##`, then rows of "iteration height time nBits", the bits being those of the next block. */
const asertRun: VectorRule = {
  folder: 'asert',
  accepts: (file) => file.text.startsWith('##') && file.text.includes('anchor nBits:'),
  run: ({ text }, report) => {
    const setting = (name: string): string => {
      const match = new RegExp(`##\\s+${name}: (\\S+)`).exec(text)
      assert(match, `no setting "${name}"`)
      return match[1]
    }
    const anchorTarget = targetOf(Number(setting('anchor nBits')))
    const anchorHeight = BigInt(setting('anchor height'))
    const anchorParentTime = BigInt(setting('anchor parent time'))
    for (const line of text.split('\n')) {
      if (line.trim() === '' || line.startsWith('#')) continue
      report.row(line, () => {
        const [, height, time, bits] = line.trim().split(/\s+/)
        const target = asertTarget({
          anchorTarget,
          timeDiff: BigInt(time) - anchorParentTime,
          heightDiff: BigInt(height) - anchorHeight,
          spacing: 600n,
          halfLife: 172_800n,
          limit: MAINNET_LIMIT,
        })
        assert.equal(encodeCompact(target), Number(bits))
      })
    }
  },
}

interface CompactTargets {
  readonly set_compact: readonly {
    readonly compact: string
    readonly target: string
    readonly recompact: string
    readonly negative: boolean
    readonly overflow: boolean
  }[]
  readonly get_compact?: readonly { readonly target: string; readonly compact: string }[]
  readonly retarget_2016?: readonly unknown[]
  readonly block_proof?: readonly { readonly bits: string; readonly proof: string }[]
  readonly check_proof_of_work_mainnet_must_fail?: readonly {
    readonly name: string
    readonly bits: string
    readonly hash: string
  }[]
}

const compactTargets = jsonRule<CompactTargets>(
  'pow',
  ['set_compact'],
  ['get_compact', 'retarget_2016', 'block_proof', 'check_proof_of_work_mainnet_must_fail'],
  (content, report) => {
    for (const { compact, target, recompact, negative, overflow } of content.set_compact)
      report.row(`SetCompact ${compact}`, () => {
        const decoded = decodeCompact(Number(compact))
        assert.deepEqual([decoded.negative, decoded.overflow], [negative, overflow])
        // What doesn't fit 256 bits has no number that the vectors could tell.
        if (overflow) return
        assert.equal(decoded.target, BigInt(`0x${target}`))
        assert.equal(encodeCompact(decoded.target, decoded.negative), Number(recompact))
      })
    for (const { target, compact } of content.get_compact ?? [])
      report.row(`GetCompact ${target}`, () =>
        assert.equal(encodeCompact(BigInt(`0x${target}`)), Number(compact)),
      )
    for (const { bits, proof } of content.block_proof ?? [])
      report.row(`GetBlockProof ${bits}`, () =>
        assert.equal(blockWork(targetOf(Number(bits))), BigInt(proof)),
      )
    for (const { name, bits, hash } of content.check_proof_of_work_mainnet_must_fail ?? [])
      report.row(`CheckProofOfWork ${name}`, () => {
        const bytes = reversed(hexToBytes(hash.padStart(64, '0')))
        assert.equal(meetsTarget(bytes, Number(bits), 2n ** 224n - 1n), false)
      })
    report.skipAll("Bitcoin's retarget every 2016 blocks: difficulty is ASERT here", content.retarget_2016)
  },
)

export const difficultyRules: readonly VectorRule[] = [asertRun, compactTargets]
