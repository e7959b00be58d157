/**
 * The miner of one node: keeps the threads of its pool at work on the best template, and hands the blocks they find to the
 * chain. Runs wherever NodeCore runs; nothing in here takes long.
 */
import type { Chain } from '../chain/chain.ts'
import type { HeaderIndex } from '../chain/header-tree.ts'
import { maxFutureSeconds } from '../consensus/headers.ts'
import { targetOf } from '../consensus/pow.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { Block } from '../primitives/block.ts'
import { hexToBytes } from '../primitives/bytes.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { ok, type Rejection, type Result, retry } from '../primitives/result.ts'
import { HashRate } from './hash-rate.ts'
import { type MiningKernel, NONCES } from './kernel.ts'
import { type MinerPool, type MinerSettings, threadCount } from './miner-pool.ts'
import { type BlockTemplate, createTemplate, type TemplateVariant } from './template.ts'

export interface MinerOptions {
  readonly chain: Chain
  /** Subscribed to the chain before this miner, so that templates fit the tip. */
  readonly mempool: Mempool
  readonly pool: MinerPool
  readonly clock: Clock
  readonly random: Random
  /** Takes a block that was found. By default the chain's `acceptBlock`; for whoever has more to do with it. */
  readonly submit?: (block: Block) => Promise<Result<HeaderIndex>>
  /** Whether so many blocks are on their way here that one on the tip would be in vain. By default never. */
  readonly isFarBehind?: () => boolean
  /** Why blocks of this tab would be refused by others, with what to do: sentences; undefined when they would not. By default never. */
  readonly obstacle?: () => string | undefined
}

/**
 * - `stopped`: nobody asked, or it stopped by itself (`lastError`).
 * - `waiting`: the chain is catching up with its peers, so that blocks on its tip would be in vain; or the chain's time is ahead of the
 *   clock, as after many blocks a second; or others would refuse what it finds (`pause` says why).
 * - `mining`
 */
export type MinerStatus = 'stopped' | 'waiting' | 'mining'

/** What people and RPC see. */
export interface MinerState {
  readonly status: MinerStatus
  readonly threads: number
  /** Threads that make sense on this machine. */
  readonly maxThreads: number
  /** Share of the time that a thread works, above 0 to 1. */
  readonly throttle: number
  /** Whether one more thread searches on the graphics card, if it can be used. */
  readonly graphicsCard: boolean
  /** The names of the kernels that search, for people, each once; none before the threads have loaded them. */
  readonly kernels: readonly string[]
  /** Why the graphics card isn't used although it should; undefined when it is, or isn't asked for. */
  readonly graphicsCardProblem: string | undefined
  /** Hashes a second, smoothed; 0 unless mining. */
  readonly hashRate: number
  /** Blocks that the chain accepted since the tab opened. */
  readonly blocksFound: number
  /** Why it stopped by itself, or why the last block found was refused. Undefined once it starts or finds again. */
  readonly lastError: string | undefined
  /** Why it waits although it was asked to mine, where something can be done about it: sentences. */
  readonly pause: string | undefined
  /** Of the template in work. */
  readonly template:
    | { readonly height: number; readonly weight: number; readonly transactions: number }
    | undefined
}

export interface MinerListener {
  stateChanged?(state: MinerState): void
  /** The chain accepted a block of this miner. */
  blockFound?(block: Block, index: HeaderIndex): void
  /** A kernel can't be used, and what is used instead: a sentence for the log. Mining goes on. */
  fellBack?(sentence: string): void
}

/** Milliseconds between looks at whether mempool or difficulty ask for another template. */
const REFRESH_MS = 3_000
/** Milliseconds after which a template's time is renewed in any case. */
const STALE_MS = 30_000
/** Milliseconds for which a miner waits for the clock to catch up with the chain before it says why. */
const AHEAD_MS = 60_000
/** Nonces tried at a time for blocks on demand. */
const DEMAND_BATCH = 20_000

export class Miner {
  private readonly chain: Chain
  private readonly mempool: Mempool
  private readonly pool: MinerPool
  private readonly clock: Clock
  private readonly submitBlock: (block: Block) => Promise<Result<HeaderIndex>>
  private readonly isFarBehind: () => boolean
  private readonly obstacle: () => string | undefined
  /** First half of every extra nonce: tells this miner from others. The second half counts. */
  private readonly extraNonce: Uint8Array
  private extraNonces = 0
  private readonly listeners: MinerListener[] = []
  private readonly rate = new HashRate()
  private settings: MinerSettings
  private scriptPubKey: Uint8Array | undefined
  private status: MinerStatus = 'stopped'
  private blocksFound = 0
  private lastError: string | undefined
  private pause: string | undefined
  private kernels: readonly string[] = []
  private graphicsCardProblem: string | undefined
  /** The job that the pool has, one variant a thread. */
  private job:
    | { id: number; template: BlockTemplate; variants: TemplateVariant[]; since: number; isSolved: boolean }
    | undefined
  private jobs = 0
  private mempoolChanged = false
  private cancelRefresh: (() => void) | undefined
  private cancelPause: () => void = () => undefined

  constructor(options: MinerOptions) {
    this.chain = options.chain
    this.mempool = options.mempool
    this.pool = options.pool
    this.clock = options.clock
    this.submitBlock = options.submit ?? ((block) => options.chain.acceptBlock(block))
    this.isFarBehind = options.isFarBehind ?? (() => false)
    this.obstacle = options.obstacle ?? (() => undefined)
    this.extraNonce = options.random.bytes(4)
    this.settings = { threads: options.pool.maxThreads, throttle: 1, graphicsCard: false }
    this.chain.subscribe({
      tipChanged: () => this.renewJob(),
      failed: (error) => this.fail(`The chain stopped: ${error.message}`),
    })
    const changed = () => {
      this.mempoolChanged = true
    }
    this.mempool.subscribe({ added: changed, removed: changed })
  }

  get state(): MinerState {
    const block = this.job?.template.block
    return {
      status: this.status,
      ...this.settings,
      maxThreads: this.pool.maxThreads,
      kernels: this.kernels,
      graphicsCardProblem: this.graphicsCardProblem,
      hashRate: this.rate.value,
      blocksFound: this.blocksFound,
      lastError: this.lastError,
      pause: this.pause,
      template: this.job &&
        block && {
          height: this.job.template.height,
          weight: block.weight,
          transactions: block.transactions.length - 1,
        },
    }
  }

  /** Starts to mine for `scriptPubKey` (P2TR), or goes on for another. */
  start(scriptPubKey: Uint8Array, settings: Partial<MinerSettings> = {}): void {
    const running = this.scriptPubKey !== undefined
    this.scriptPubKey = scriptPubKey
    this.choose(settings)
    this.lastError = undefined
    if (!running) {
      this.graphicsCardProblem = undefined
      this.pool.start({
        found: (job, thread, header) => void this.found(job, thread, header),
        hashed: (hashes, milliseconds) => this.hashed(hashes, milliseconds),
        exhausted: (job) => {
          if (job === this.job?.id) this.renewJob()
        },
        kernelsChanged: (kernels) => {
          this.kernels = kernels
          this.tellState()
        },
        fellBack: (sentence) => this.tellFallback(sentence),
        graphicsCardFailed: (reason) => this.leaveGraphicsCard(reason),
        failed: (reason) => this.fail(`The mining threads failed: ${reason}`),
      })
    }
    this.pool.configure(this.settings)
    this.renewJob()
    if (!this.cancelRefresh) this.scheduleRefresh()
  }

  stop(): void {
    if (this.scriptPubKey === undefined) return
    this.scriptPubKey = undefined
    this.cancelPause()
    this.cancelRefresh?.()
    this.cancelRefresh = undefined
    this.pause = undefined
    this.rest('stopped')
    this.pool.stop()
    this.kernels = []
    this.tellState()
  }

  /** Changes some of the settings, mining or not. Threads are bounded by what the machine has, throttle to 1 to 100 %. */
  configure(settings: Partial<MinerSettings>): void {
    this.choose(settings)
    if (this.scriptPubKey !== undefined) {
      this.pool.configure(this.settings)
      this.renewJob()
    } else this.tellState()
  }

  /** Listeners are called in order of subscription. Returns the function that unsubscribes. */
  subscribe(listener: MinerListener): () => void {
    this.listeners.push(listener)
    return () => {
      const at = this.listeners.indexOf(listener)
      if (at >= 0) this.listeners.splice(at, 1)
    }
  }

  /**
   * Mines `count` blocks on the tip, one after another, for `generatetoaddress`: their hashes, fewer than asked for where
   * `maxTries` hashes didn't do. Rejects with what the chain has against a block, such as `time-too-new`. Meant for trivial
   * difficulty: it computes on this thread, a batch at a time.
   */
  async generateBlocks(
    count: number,
    scriptPubKey: Uint8Array,
    kernel: MiningKernel,
    maxTries = 1_000_000,
  ): Promise<Result<BlockHash[]>> {
    const hashes: BlockHash[] = []
    let tries = maxTries
    while (hashes.length < count && tries > 0) {
      await this.mempool.settled()
      const template = this.makeTemplate(scriptPubKey)
      const solved = await this.solve(template, kernel, Math.min(tries, NONCES))
      tries -= solved.tries
      if (!solved.block) continue
      const accepted = await this.submit(solved.block)
      if (!accepted.ok) return accepted
      await this.chain.settled()
      if (this.chain.tip !== accepted.value && !this.chain.headers.isInvalid(accepted.value))
        return retry('inconclusive', `Block ${solved.block.hash} lost to another block of the same height.`)
      hashes.push(solved.block.hash)
      // Peers, and whoever asks meanwhile, have their turn.
      await new Promise<void>((resolve) => this.clock.after(0, resolve))
    }
    await this.mempool.settled()
    return ok(hashes)
  }

  /** Searches a nonce for a template at once, with a kernel that answers at once; no block where `maxTries` were not enough. */
  async solve(
    template: BlockTemplate,
    kernel: MiningKernel,
    maxTries: number,
  ): Promise<{ tries: number; block?: Block }> {
    const variant = template.variant(this.nextExtraNonce())
    const target = targetBytes(variant.header.bits)
    for (let nonce = 0; nonce < maxTries; nonce += DEMAND_BATCH) {
      if (nonce > 0) await new Promise<void>((resolve) => this.clock.after(0, resolve))
      const count = Math.min(DEMAND_BATCH, maxTries - nonce)
      const found = kernel.scan(variant.header.bytes, target, nonce, count)
      if (found >= 0) return { tries: found + 1, block: template.assemble(variant, found) }
    }
    return { tries: maxTries }
  }

  /** Rests or goes on, as the chain's progress and the peers' clocks ask. */
  follow(): void {
    if (this.scriptPubKey === undefined) return
    const waits = this.isFarBehind() || this.obstacle() !== undefined
    if (waits !== (this.status === 'waiting') || this.obstacle() !== this.pause) this.renewJob()
  }

  /** Gives the pool a new template, or rest while its blocks would be in vain. What was in work is dropped. */
  private renewJob(): void {
    this.cancelPause()
    if (this.scriptPubKey === undefined) return
    this.pause = this.obstacle()
    if (this.isFarBehind() || this.pause !== undefined) {
      this.rest('waiting')
      this.tellState()
      return
    }
    const early = this.millisecondsTooEarly()
    if (early > 0) {
      if (early >= AHEAD_MS) this.pause = aheadOfClock(early)
      this.rest('waiting')
      // Timers hold 24 days at most, and clocks can be set.
      this.cancelPause = this.clock.after(Math.min(early, AHEAD_MS), () => this.renewJob())
      this.tellState()
      return
    }
    const template = this.makeTemplate(this.scriptPubKey)
    const variants = Array.from({ length: threadCount(this.settings) }, () =>
      template.variant(this.nextExtraNonce()),
    )
    this.job = { id: ++this.jobs, template, variants, since: this.clock.now(), isSolved: false }
    this.mempoolChanged = false
    this.status = 'mining'
    this.pool.setJob({
      id: this.job.id,
      headers: variants.map(({ header }) => header.bytes),
      target: targetBytes(template.block.header.bits),
    })
    this.tellState()
  }

  /**
   * Until the clock allows the least time that the next block may have. Where no difficulty holds miners back, they make blocks so fast
   * that the median time past runs ahead; then this leaves about six a second. Where difficulty follows, times may run ahead as far as
   * others take them: whoever rested before would leave the chain to those who stamp their blocks ahead. Blocks on
   * demand are not held back.
   */
  private millisecondsTooEarly(): number {
    const { params, tip } = this.chain
    const ahead = params.retarget ? maxFutureSeconds(params) : 0
    return (this.chain.leastTimeOn(tip) - ahead) * 1000 - this.clock.now()
  }

  /** Whether a block made now would have another target than the one in work: it eases while no block comes. */
  private hasEased(job: { readonly template: BlockTemplate }): boolean {
    return this.chain.nextBits(Math.floor(this.clock.now() / 1000)) !== job.template.block.header.bits
  }

  private rest(status: MinerStatus): void {
    if (this.job) this.pool.setJob(undefined)
    this.job = undefined
    this.status = status
    this.rate.reset()
  }

  private scheduleRefresh(): void {
    this.cancelRefresh = this.clock.after(REFRESH_MS, () => {
      this.scheduleRefresh()
      this.follow()
      if (!this.job) return
      const age = this.clock.now() - this.job.since
      // Where the clock was set back, the template's time is ahead of it, and others may refuse the block.
      if (this.mempoolChanged || age >= STALE_MS || age < 0 || this.hasEased(this.job)) this.renewJob()
    })
  }

  private async found(id: number, thread: number, header: Uint8Array): Promise<void> {
    const { job } = this
    const variant = job?.variants[thread]
    // Two threads may find at once: the second block would compete with the first.
    if (!job || job.id !== id || job.isSolved || !variant) return
    job.isSolved = true
    const nonce = new DataView(header.buffer, header.byteOffset).getUint32(76, true)
    try {
      const accepted = await this.submit(job.template.assemble(variant, nonce))
      // Otherwise the change of tip has brought a new job, or will.
      if (!accepted.ok && this.job === job) this.renewJob()
    } catch (error) {
      this.fail(`A block could not be stored: ${error instanceof Error ? error.message : error}`)
    }
  }

  private async submit(block: Block): Promise<Result<HeaderIndex>> {
    const accepted = await this.submitBlock(block)
    if (accepted.ok) {
      this.blocksFound++
      this.lastError = undefined
      for (const listener of [...this.listeners]) listener.blockFound?.(block, accepted.value)
    } else this.lastError = refused(accepted)
    this.tellState()
    return accepted
  }

  private hashed(hashes: number, milliseconds: number): void {
    if (!this.job) return
    this.rate.add(hashes, milliseconds)
    this.tellState()
  }

  private leaveGraphicsCard(reason: string): void {
    this.graphicsCardProblem = reason
    this.tellFallback(`The graphics card can't be used: ${reason}. The processor goes on mining.`)
    this.tellState()
  }

  private tellFallback(sentence: string): void {
    for (const listener of [...this.listeners]) listener.fellBack?.(sentence)
  }

  /** Stops for a reason that people should see. */
  private fail(reason: string): void {
    if (this.scriptPubKey === undefined) return
    this.lastError = reason
    this.stop()
  }

  private makeTemplate(scriptPubKey: Uint8Array): BlockTemplate {
    const time = Math.floor(this.clock.now() / 1_000)
    return createTemplate(this.chain, this.mempool, { scriptPubKey, extraNonce: this.nextExtraNonce(), time })
  }

  private nextExtraNonce(): Uint8Array {
    const bytes = new Uint8Array(8)
    bytes.set(this.extraNonce)
    new DataView(bytes.buffer).setUint32(4, this.extraNonces++)
    return bytes
  }

  private choose(settings: Partial<MinerSettings>): void {
    const { threads, throttle, graphicsCard } = { ...this.settings, ...settings }
    if (!graphicsCard) this.graphicsCardProblem = undefined
    this.settings = {
      threads: Math.min(Math.max(Math.floor(threads) || 1, 1), this.pool.maxThreads),
      throttle: Math.min(Math.max(throttle || 0.01, 0.01), 1),
      graphicsCard,
    }
  }

  private tellState(): void {
    for (const listener of [...this.listeners]) listener.stateChanged?.(this.state)
  }
}

/** A compact target as 32 bytes, big-endian. */
function targetBytes(bits: number): Uint8Array {
  return hexToBytes(targetOf(bits).toString(16).padStart(64, '0'))
}

function aheadOfClock(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000)
  const time = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
  return `Mining waits: the last block is stamped later than this clock may be by ${time}. Look whether the date and time of this computer are right.`
}

function refused({ code, detail }: Rejection): string {
  return `A block found was refused (${code}): ${detail}`
}
