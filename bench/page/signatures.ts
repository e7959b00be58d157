/**
 * `signatures.*`: BIP340 verifications a second on one thread, ours, noble's and tiny-secp256k1's in turns; ours one by one, in batches, and
 * on two threads.
 */
import { type SignatureCheck, verifySchnorr } from '../../src/script/schnorr.ts'
import { loadSignatureKernel } from '../../src/workers/signature-kernel.ts'
import { type BenchResult, compared, median } from '../result.ts'
import { oneAndTwoWorkers } from './rates.ts'
import { signatureChecks } from './signature-material.ts'

const BATCH = 512
/** Short turns, many of them: the median is then that of turns in which nothing else had the processor. */
const TURNS = 60

export async function benchSignatures(): Promise<BenchResult[]> {
  const checks = signatureChecks(BATCH)
  const kernel = await loadSignatureKernel()
  const tiny = await loadTinySecp256k1()

  let next = 0
  /** Microseconds a signature, verified one by one. */
  const one = (count: number, isValid: (check: SignatureCheck) => boolean): number =>
    microseconds(count, () => {
      for (let i = 0; i < count; i++) expectValid(isValid(checks[next++ % BATCH]))
    })
  const times = { noble: [] as number[], single: [] as number[], tiny: [] as number[], batch: [] as number[] }
  for (let turn = 0; turn < TURNS; turn++) {
    times.noble.push(one(8, verifySchnorr))
    times.single.push(one(64, (check) => kernel.findInvalid([check]) < 0))
    times.tiny.push(one(24, tiny))
    times.batch.push(microseconds(BATCH, () => expectValid(kernel.findInvalid(checks) < 0)))
  }
  const rateOf = (name: keyof typeof times): number => 1e6 / median(times[name])
  const workers = await oneAndTwoWorkers(
    () => new Worker(new URL('./signature-rate.worker.ts', import.meta.url), { type: 'module' }),
    { checks },
  )
  return [
    compared('signatures.single', rateOf('single'), '/s', 'noble', rateOf('noble')),
    compared('signatures.tiny', rateOf('single'), '/s', 'tiny-secp256k1', rateOf('tiny')),
    compared('signatures.batch512', rateOf('batch'), '/s', 'signatures.single', rateOf('single')),
    compared('signatures.two-workers', workers.two, '/s', 'one worker', workers.one),
  ]
}

function microseconds(count: number, work: () => void): number {
  const start = performance.now()
  work()
  return ((performance.now() - start) * 1000) / count
}

function expectValid(valid: boolean): void {
  if (!valid) throw new Error('A valid signature is refused')
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
