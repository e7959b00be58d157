/**
 * Plays a scenario on a real chain, from bytes, and holds every step against what the scenario expects: outcome, code, mark on
 * the header, tip, and all coins, which are worked out here the plain way from the blocks.
 */
import assert from 'node:assert/strict'
import { Chain } from '../../src/chain/chain.ts'
import { NO_HEADER } from '../../src/chain/header-tree.ts'
import { BlockHeader, decodeBlock, HEADER_BYTES } from '../../src/primitives/block.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { Reader } from '../../src/primitives/codec.ts'
import type { BlockHash } from '../../src/primitives/hashes.ts'
import type { Rejection } from '../../src/primitives/result.ts'
import { outpointKey } from '../../src/primitives/transaction.ts'
import { InlineCheckPool } from '../../src/script/verify-input.ts'
import { MemoryChainStore } from '../../src/storage/memory-chain-store.ts'
import { TEST_SALT, type TestBlock, type TestChain } from '../support/chain-builder.ts'
import { FAIL_TEST } from '../support/faults.ts'
import { blockCodeOf, codeOf, kindOf, type RuleId, stageOf } from './rules.ts'
import { type Expected, type Scenario, ScenarioWriter, type Step } from './scenario.ts'

/** What tests say of a rule: blocks taken that only just keep it, blocks refused by it. */
export interface RuleTests {
  accepting: number
  rejecting: number
}

/** A refusal, and which block's. */
interface Refusal {
  readonly hash: BlockHash
  readonly rejection: Rejection
}

/** Plays a scenario; throws an `AssertionError` that names the step. Adds to `tests` what it proves of each rule. */
export async function play(scenario: Scenario, tests: Map<RuleId, RuleTests>): Promise<void> {
  const writer = new ScenarioWriter(scenario.params)
  scenario.write(writer)
  const player = await Player.open(writer.net)
  for (const [number, step] of writer.steps.entries()) {
    try {
      await player.play(step)
    } catch (error) {
      throw new Error(`${scenario.name}: step ${number}, ${nameOf(step)}: ${(error as Error).message}`, {
        cause: error,
      })
    }
    count(step, tests)
  }
  await player.end(writer.tip)
}

function count(step: Step, tests: Map<RuleId, RuleTests>): void {
  if (step.give === 'time') return
  const of = (rule: RuleId): RuleTests => {
    const found = tests.get(rule) ?? { accepting: 0, rejecting: 0 }
    tests.set(rule, found)
    return found
  }
  if (step.expected.outcome === 'rejected') of(step.expected.rule).rejecting++
  else for (const rule of step.expected.edges) of(rule).accepting++
}

function nameOf(step: Step): string {
  if (step.give === 'time') return `time ${step.now}`
  const { expected } = step
  return expected.outcome === 'rejected' ? expected.rule : `accepted (${expected.edges.join(', ')})`
}

/** A step that gives blocks or headers. */
type BytesStep = Extract<Step, { readonly bytes: Uint8Array }>

class Player {
  private readonly net: TestChain
  private readonly store: MemoryChainStore
  private readonly chain: Chain
  private readonly clock: { now: number }
  /** Stored blocks that were found bad when their turn came, since the step began. */
  private readonly refusals: Refusal[] = []
  /** Blocks whose headers were marked invalid. */
  private readonly marked = new Set<BlockHash>()

  static async open(net: TestChain): Promise<Player> {
    const store = new MemoryChainStore(TEST_SALT)
    const clock = { now: 0xffff_ffff }
    return new Player(net, store, await openOn(net, store, clock), clock)
  }

  private constructor(net: TestChain, store: MemoryChainStore, chain: Chain, clock: { now: number }) {
    this.net = net
    this.store = store
    this.chain = chain
    this.clock = clock
    chain.subscribe({
      blockInvalid: (hash, rejection) => this.refusals.push({ hash, rejection }),
      failed: (error) => assert.fail(error),
    })
  }

  async play(step: Step): Promise<void> {
    if (step.give === 'time') {
      this.clock.now = step.now
      return
    }
    this.refusals.length = 0
    const first = step.give === 'block' ? await this.giveBlock(step) : this.giveHeaders(step)
    await this.chain.settled()
    this.judge(step.expected, first ?? this.refusals.shift(), headerIn(step).hash)
    assert.deepEqual(this.refusals, [], 'no other block is refused')
    await this.standsAt(step.tip)
  }

  /** Closes the chain and opens it again: it stands where it stood, and knows what was invalid. */
  async end(tip: TestBlock): Promise<void> {
    const { net, store, clock } = this
    await this.chain.close()
    const again = new Player(net, store, await openOn(net, store.clone(), clock), clock)
    await again.chain.settled()
    await again.standsAt(tip)
    for (const hash of this.marked) assert.ok(again.isMarked(hash), 'what was marked stays so')
  }

  private async giveBlock(step: BytesStep): Promise<Refusal | undefined> {
    const decoded = decodeBlock(step.bytes.slice())
    const result = decoded.ok ? await this.chain.acceptBlock(decoded.value) : decoded
    return result.ok ? undefined : { hash: headerIn(step).hash, rejection: result }
  }

  private giveHeaders(step: BytesStep): Refusal | undefined {
    const reader = new Reader(step.bytes.slice())
    const headers = Array.from({ length: step.bytes.length / HEADER_BYTES }, () => BlockHeader.read(reader))
    const result = this.chain.acceptHeaders(headers)
    return result.ok ? undefined : { hash: headerIn(step).hash, rejection: result }
  }

  private judge(expected: Expected, refusal: Refusal | undefined, given: BlockHash): void {
    if (expected.outcome === 'accepted') {
      assert.equal(refusal && `${refusal.rejection.code}: ${refusal.rejection.detail}`, undefined)
      assert.equal(this.isMarked(given), false, 'the header is not marked')
      return
    }
    const { rule, culprit = given } = expected
    assert.ok(refusal, 'the block is refused')
    const { kind, code, detail } = refusal.rejection
    assert.deepEqual([kind, code], [kindOf(rule), blockCodeOf(rule)], detail)
    if (stageOf(rule) === 'script') assert.ok(detail.includes(`fails with ${codeOf(rule)}:`), detail)
    assert.equal(refusal.hash, culprit)
    const marks = kindOf(rule) === 'invalid' && stageOf(rule) !== 'header'
    assert.equal(this.isMarked(culprit), marks, 'the header is marked when the fault is one for ever')
    if (marks) this.marked.add(culprit)
  }

  private isMarked(hash: BlockHash): boolean {
    const index = this.chain.headers.find(hash)
    return index !== NO_HEADER && this.chain.headers.isInvalid(index)
  }

  private async standsAt(tip: TestBlock): Promise<void> {
    const { chain } = this
    assert.equal(chain.headers.hash(chain.tip), tip.block.hash, `the tip is at height ${tip.height}`)
    const coins: string[] = []
    await chain.forEachCoin((prevout, { value, height, coinbase, outputKey }) => {
      coins.push(coinText(outpointKey(prevout), value, height, coinbase, outputKey))
    })
    assert.deepEqual(
      coins.sort(),
      [...coinsAfter(tip).values()].sort(),
      'the coins are those that the blocks make and leave',
    )
    assert.equal(chain.coinStatistics().coins, coins.length)
  }
}

function openOn(net: TestChain, store: MemoryChainStore, clock: { readonly now: number }): Promise<Chain> {
  return Chain.open({
    params: net.params,
    store,
    checks: new InlineCheckPool(),
    faults: FAIL_TEST,
    clock: { now: () => clock.now * 1000, after: () => () => undefined },
  })
}

/** The first header in a block, or the last of some headers. */
function headerIn(step: BytesStep): BlockHeader {
  const { give, bytes } = step
  return BlockHeader.read(new Reader(give === 'block' ? bytes : bytes.subarray(-HEADER_BYTES)))
}

/** The coins after each block seen, by the block. */
const coinsBy = new WeakMap<TestBlock, ReadonlyMap<string, string>>()

/** All coins after a block of which every ancestor is valid: by an account of its own, which shares no code with the chain's. */
function coinsAfter(block: TestBlock): ReadonlyMap<string, string> {
  const known = coinsBy.get(block)
  if (known) return known
  const coins = new Map(block.parent && coinsAfter(block.parent))
  for (const tx of block.block.transactions) {
    for (const { prevout } of tx.inputs) coins.delete(outpointKey(prevout))
    for (const [index, { value, scriptPubKey }] of tx.outputs.entries()) {
      // OP_1 and a push of 32 bytes; all else is OP_RETURN.
      if (scriptPubKey[0] !== 0x51) continue
      const key = outpointKey({ txid: tx.txidBytes, index })
      coins.set(
        key,
        coinText(key, value, block.height, tx === block.block.transactions[0], scriptPubKey.subarray(2)),
      )
    }
  }
  coinsBy.set(block, coins)
  return coins
}

function coinText(
  key: string,
  value: number,
  height: number,
  coinbase: boolean,
  outputKey: Uint8Array,
): string {
  return `${key} ${value} ${height} ${coinbase} ${bytesToHex(outputKey)}`
}
