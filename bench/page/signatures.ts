/**
 * `signatures.*`: BIP340 verifications a second on one thread, ours, noble's and tiny-secp256k1's in turns; ours one by one, in batches, and
 * on two threads.
 */
import { type SignatureCheck, verifySchnorr } from '../../src/script/schnorr.ts'
import { loadSignatureKernel } from '../../src/workers/signature-kernel.ts'
import { type BenchResult, compared, median } from '../result.ts'
import { rate, signatureChecks } from './signature-material.ts'

const BATCH = 512
const ROUNDS = 3
/** Milliseconds of each measurement. */
const SLICE = 300

export async function benchSignatures(): Promise<BenchResult[]> {
  const checks = signatureChecks(BATCH)
  const kernel = await loadSignatureKernel()
  const tiny = await loadTinySecp256k1()
  const workers = [1, 2].map(() => new RateWorker(checks))
  await Promise.all(workers.map((worker) => worker.rate(1)))

  const figures = { single: [], noble: [], tiny: [], batch: [], one: [], two: [] } as Record<string, number[]>
  const one = (verify: (check: SignatureCheck) => boolean) => {
    let next = 0
    return rate(SLICE, 16, () => {
      for (let i = 0; i < 16; i++) expectValid(verify(checks[next++ % BATCH]))
    })
  }
  for (let round = -1; round < ROUNDS; round++) {
    const turn = {
      noble: one(verifySchnorr),
      single: one((check) => kernel.findInvalid([check]) < 0),
      tiny: one(tiny),
      batch: rate(SLICE, BATCH, () => expectValid(kernel.findInvalid(checks) < 0)),
      one: await workers[0].rate(SLICE),
      two: (await Promise.all(workers.map((worker) => worker.rate(SLICE)))).reduce((sum, each) => sum + each),
    }
    // The first round warms up.
    if (round >= 0) for (const [name, value] of Object.entries(turn)) figures[name].push(value)
  }
  for (const worker of workers) worker.stop()
  const of = (name: string): number => median(figures[name])
  return [
    compared('signatures.single', of('single'), '/s', 'noble', of('noble')),
    compared('signatures.tiny', of('single'), '/s', 'tiny-secp256k1', of('tiny')),
    compared('signatures.batch512', of('batch'), '/s', 'signatures.single', of('single')),
    compared('signatures.two-workers', of('two'), '/s', 'one worker', of('one')),
  ]
}

function expectValid(valid: boolean): void {
  if (!valid) throw new Error('A valid signature is refused')
}

/** Verifies batches of 512 on a thread of its own. */
class RateWorker {
  private readonly worker = new Worker(new URL('./signature-rate.worker.ts', import.meta.url), {
    type: 'module',
  })
  private readonly checks: readonly SignatureCheck[]

  constructor(checks: readonly SignatureCheck[]) {
    this.checks = checks
  }

  /** Signatures a second over `slice` milliseconds. */
  rate(slice: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data)
      this.worker.onerror = (event) => reject(new Error(event.message))
      this.worker.postMessage({ checks: this.checks, slice })
    })
  }

  stop(): void {
    this.worker.terminate()
  }
}

/** What the module of tiny-secp256k1 exports and we use. */
interface TinySecp256k1 {
  readonly memory: WebAssembly.Memory
  readonly HASH_INPUT: WebAssembly.Global
  readonly X_ONLY_PUBLIC_KEY_INPUT: WebAssembly.Global
  readonly SIGNATURE_INPUT: WebAssembly.Global
  initializeContext(): void
  verifySchnorr(): number
}

/** Its module itself, as its own wrapper calls it: that one imports WebAssembly in a way that needs a bundler's plugin. */
async function loadTinySecp256k1(): Promise<(check: SignatureCheck) => boolean> {
  const file = await fetch(new URL('../../node_modules/tiny-secp256k1/lib/secp256k1.wasm', import.meta.url))
  const { instance } = await WebAssembly.instantiate(await file.arrayBuffer(), {
    './rand.js': { generateInt32: () => crypto.getRandomValues(new Int32Array(1))[0] },
    './validate_error.js': {
      throwError: (code: number) => {
        throw new Error(`tiny-secp256k1 says ${code}`)
      },
    },
  })
  const tiny = instance.exports as unknown as TinySecp256k1
  tiny.initializeContext()
  const memory = new Uint8Array(tiny.memory.buffer)
  return ({ message, publicKey, signature }) => {
    memory.set(message, tiny.HASH_INPUT.value)
    memory.set(publicKey, tiny.X_ONLY_PUBLIC_KEY_INPUT.value)
    memory.set(signature, tiny.SIGNATURE_INPUT.value)
    return tiny.verifySchnorr() === 1
  }
}
