/**
 * Miners in virtual time: they find a nonce after a wait drawn from the seed, as long as the difficulty and their hash rate make
 * it. The nonce is real: it is searched when the wait is over.
 */
import { blockWork } from '../consensus/pow.ts'
import { NONCES, withNonce } from '../mining/kernel.ts'
import type { MinerPool, MinerPoolListener, MinerSettings, MiningJob } from '../mining/miner-pool.ts'
import { typescriptKernel } from '../mining/typescript-kernel.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/ports.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'

export class VirtualMinerPool implements MinerPool {
  readonly maxThreads = 1
  private readonly clock: Clock
  private readonly random: SeededRandom
  private readonly hashRate: number
  private listener: MinerPoolListener | undefined
  private throttle = 1
  private cancel: () => void = () => {}

  /** `hashRate` in hashes a virtual second. */
  constructor(clock: Clock, random: SeededRandom, hashRate: number) {
    this.clock = clock
    this.random = random
    this.hashRate = hashRate
  }

  start(listener: MinerPoolListener): void {
    this.listener = listener
  }

  configure({ throttle }: MinerSettings): void {
    this.throttle = throttle
  }

  setJob(job: MiningJob | undefined): void {
    this.cancel()
    if (job === undefined) return
    const hashes = Number(blockWork(BigInt(`0x${bytesToHex(job.target)}`)))
    const seconds = this.random.exponential(hashes / (this.hashRate * this.throttle))
    this.cancel = this.clock.after(seconds * 1000, () => {
      const [header] = job.headers
      const start = this.random.integer(NONCES / 2)
      const nonce = typescriptKernel.scan(header, job.target, start, NONCES / 2)
      if (nonce < 0) this.listener?.exhausted(job.id)
      else this.listener?.found(job.id, 0, withNonce(header, nonce))
    })
  }

  stop(): void {
    this.cancel()
    this.listener = undefined
  }
}
