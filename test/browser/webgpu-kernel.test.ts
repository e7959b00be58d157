/** Promise: the kernel on the graphics card finds exactly the nonces that the plain one does, and says so when it no longer can. */

import { assert } from 'chai'
import fc from 'fast-check'
import { type DeferredMiningKernel, withNonce } from '../../src/mining/kernel.ts'
import type { MinerThreadEvent } from '../../src/mining/miner-thread.ts'
import type { MinerThreadHandle } from '../../src/mining/threaded-miner-pool.ts'
import { typescriptKernel } from '../../src/mining/typescript-kernel.ts'
import { reversed } from '../../src/primitives/bytes.ts'
import { sha256d } from '../../src/primitives/hashes.ts'
import { loadWebGpuKernel } from '../../src/workers/webgpu-kernel.ts'
import { startWorkerMinerThread } from '../../src/workers/worker-miner-threads.ts'

/** The hash of the header with `nonce`, as 32 bytes big-endian. */
function hashNumber(header: Uint8Array, nonce: number): Uint8Array {
  return reversed(sha256d(withNonce(header, nonce)))
}

/** The target whose most significant word is `word` and whose others are all zeros or all ones. */
function targetOfWord(word: number, rest: 0 | 0xff): Uint8Array {
  const target = new Uint8Array(32).fill(rest)
  new DataView(target.buffer).setUint32(0, word)
  return target
}

async function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing',
    (error: Error) => error.message,
  )
}

const NO_HASH = new Uint8Array(32)
const ANY_HASH = new Uint8Array(32).fill(0xff)

const headers = fc.uint8Array({ minLength: 80, maxLength: 80 })
const nonces = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.integer({ min: 0xfffffff0, max: 0xffffffff }),
  fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff),
)

describe('mining kernel on the graphics card', () => {
  let kernel: DeferredMiningKernel

  before(async () => {
    const loaded = await loadWebGpuKernel()
    assert.equal(loaded.name, 'WebGPU')
    kernel = loaded.kernel
  })

  /** The same as of the plain kernel. */
  async function expectSame(header: Uint8Array, target: Uint8Array, start: number, count: number) {
    const expected = typescriptKernel.scan(header, target, start, count)
    assert.equal(await kernel.scan(header, target, start, count), expected)
  }

  it('finds what the plain kernel finds', async () => {
    // Targets whose first bytes are anything: from winning at once to never within the count.
    const targets = fc
      .tuple(fc.integer({ min: 0, max: 2 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .map(([zeros, bytes]) => bytes.map((byte, i) => (i < zeros ? 0 : byte)))
    await fc.assert(
      fc.asyncProperty(headers, targets, nonces, fc.integer({ min: 1, max: 2_000 }), expectSame),
      { numRuns: 100 },
    )
  })

  it('decides at the edges of the words of a target', async () => {
    await fc.assert(
      fc.asyncProperty(headers, nonces, async (header, nonce) => {
        const hash = hashNumber(header, nonce)
        const word = new DataView(hash.buffer).getUint32(0)
        assert.equal(await kernel.scan(header, hash, nonce, 1), nonce)
        for (const target of [
          targetOfWord(word, 0),
          targetOfWord(word, 0xff),
          targetOfWord(Math.max(word - 1, 0), 0xff),
          hash.with(31, hash[31]! ^ 1),
          hash.with(4, hash[4]! ^ 0x80),
        ])
          await expectSame(header, target, nonce, 1)
      }),
      { numRuns: 30 },
    )
  })

  it('ends at the last nonce', async () => {
    const header = new Uint8Array(80)
    assert.equal(await kernel.scan(header, NO_HASH, 0xfffffff0, 1_000), -1)
    assert.equal(await kernel.scan(header, ANY_HASH, 0xffffffff, 1_000), 0xffffffff)
    // The only winner lies at nonce 0: a search that wrapped around would find it.
    assert.equal(await kernel.scan(header, hashNumber(header, 0), 0xfffffffe, 4), -1)
  })

  it('goes on where a row of workgroups ends', async () => {
    // This header has no winner below this one, which lies some nonces into the second row.
    const header = new Uint8Array(80).fill(3)
    const [target, winner] = [targetOfWord(0x7fff, 0xff), 74_763]
    assert.equal(typescriptKernel.scan(header, target, winner, 1), winner)
    const row = 1_024 * 64
    assert.equal(await kernel.scan(header, target, winner - row - 10, row + 1_000), winner)
  })

  it('rejects once its device is lost', async () => {
    const { requestDevice } = GPUAdapter.prototype
    let device: GPUDevice | undefined
    GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, ...args) {
      device = await requestDevice.apply(this, args)
      return device
    }
    const lost = (await loadWebGpuKernel()).kernel
    GPUAdapter.prototype.requestDevice = requestDevice
    const header = new Uint8Array(80)
    const scanning = rejection(lost.scan(header, NO_HASH, 0, 100_000))
    device?.destroy()
    await device?.lost
    assert.match(await scanning, /it was lost/)
    assert.match(await rejection(lost.scan(header, NO_HASH, 0, 1_000)), /it was lost/)
  })

  it('is not used where it finds other nonces than the plain kernel, and ends when it begins to', async () => {
    const { getMappedRange } = GPUBuffer.prototype
    const lie = (answer: number) => {
      GPUBuffer.prototype.getMappedRange = () => Uint32Array.of(answer).buffer
    }
    const liar = (await loadWebGpuKernel()).kernel
    const target = targetOfWord(0xffff, 0)
    try {
      for (const answer of [3, 0xffffffff]) {
        lie(answer)
        assert.equal(await rejection(loadWebGpuKernel()), 'it finds wrong nonces')
      }
      for (const answer of [3, 5_000]) {
        lie(answer)
        assert.equal(
          await rejection(liar.scan(new Uint8Array(80), target, 0, 1_000)),
          'it finds wrong nonces',
        )
      }
    } finally {
      GPUBuffer.prototype.getMappedRange = getMappedRange
    }
  })

  it('mines in a thread of its own', async () => {
    const header = new Uint8Array(80).fill(7)
    const target = targetOfWord(0xfffff, 0)
    const events: MinerThreadEvent[] = []
    let thread: MinerThreadHandle | undefined
    const found = new Promise<Uint8Array>((resolve, reject) => {
      thread = startWorkerMinerThread('graphics card', {
        event: (event) => {
          events.push(event)
          if (event.type === 'found') resolve(event.header)
        },
        failed: (reason) => reject(new Error(reason)),
      })
    })
    thread?.post({ type: 'job', job: 4, header, target })
    const winner = typescriptKernel.scan(header, target, 0, 1_000_000)
    assert.deepEqual(await found, withNonce(header, winner))
    assert.deepEqual(events[0], { type: 'kernel', name: 'WebGPU', fallback: undefined })
    thread?.close()
  })

  it('is not there where the browser offers no adapter', async () => {
    const { requestAdapter } = GPU.prototype
    GPU.prototype.requestAdapter = async () => null
    const reason = await rejection(loadWebGpuKernel())
    GPU.prototype.requestAdapter = requestAdapter
    assert.equal(reason, 'this browser offers none for computing')
  })
})
