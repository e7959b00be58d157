/**
 * The mining kernel on the graphics card: a compute shader (kernels/mining) that looks at the most significant word of each hash. The plain
 * kernel decides its candidates, and one that the card can't have found by right ends the kernel. The thread of the graphics card.
 */
import { type DeferredMiningKernel, NONCES } from '../mining/kernel.ts'
import { typescriptKernel } from '../mining/typescript-kernel.ts'
import { fetchKernel } from './kernel-file.ts'
import {
  type HeaderWords,
  highestWord,
  type LoadedMiningKernel,
  loadHeaderWords,
  testMiningKernel,
} from './mining-kernels.ts'

const SHADER = new URL('../../kernels/build/mining.wgsl', import.meta.url)

/** As the shader has them: nonces of a workgroup, and workgroups of a row. */
const WORKGROUP = 64
const ROW = 1_024
/** Nonces of one dispatch at most. */
const LARGEST_DISPATCH = 2 ** 28
/** Flags of WebGPU (GPUBufferUsage and GPUMapMode), whose names TypeScript does not know in workers. */
const [MAP_READ, COPY_SRC, COPY_DST, STORAGE] = [0x1, 0x4, 0x8, 0x80] as const
const MAP_MODE_READ = 0x1
/** What the shader leaves when it finds no candidate. */
const NONE = 0xffffffff

/** Rejects with an Error that ends the sentence "The graphics card can't be used:". */
export async function loadWebGpuKernel(): Promise<LoadedMiningKernel<DeferredMiningKernel>> {
  const kernel = await WebGpuMiningKernel.open()
  await testMiningKernel(kernel)
  return { name: 'WebGPU', kernel, fallback: undefined }
}

class WebGpuMiningKernel implements DeferredMiningKernel {
  private readonly device: GPUDevice
  private readonly pipeline: GPUComputePipeline
  private readonly bindGroup: GPUBindGroup
  private readonly headerWords: HeaderWords
  /** The shader's `job`: start, count, highest, then the words of the header. */
  private readonly job: GPUBuffer
  private readonly jobWords: Uint32Array<ArrayBuffer>
  /** The shader's `first`, and where it is read. */
  private readonly first: GPUBuffer
  private readonly answer: GPUBuffer
  /** Why the device can't be used any more. */
  private fault: string | undefined

  static async open(): Promise<WebGpuMiningKernel> {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) throw new Error('this browser offers none for computing')
    const code = new TextDecoder().decode(await fetchKernel(SHADER))
    const headerWords = await loadHeaderWords()
    const device = await adapter.requestDevice()
    const module = device.createShaderModule({ code })
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
    return new WebGpuMiningKernel(device, pipeline, headerWords)
  }

  private constructor(device: GPUDevice, pipeline: GPUComputePipeline, headerWords: HeaderWords) {
    this.device = device
    this.pipeline = pipeline
    this.headerWords = headerWords
    this.jobWords = new Uint32Array(3 + headerWords.words.length)
    this.job = device.createBuffer({ size: this.jobWords.byteLength, usage: STORAGE | COPY_DST })
    this.first = device.createBuffer({ size: 4, usage: STORAGE | COPY_DST | COPY_SRC })
    this.answer = device.createBuffer({ size: 4, usage: MAP_READ | COPY_DST })
    this.bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: this.job } },
        { binding: 1, resource: { buffer: this.first } },
      ],
    })
    // What the card refuses leaves no candidate, as if it had searched.
    device.addEventListener('uncapturederror', ({ error }) => {
      this.fault ??= error.message
    })
  }

  async scan(header: Uint8Array, target: Uint8Array, startNonce: number, count: number): Promise<number> {
    const { headerWords, jobWords } = this
    headerWords.take(header)
    jobWords.set(headerWords.words, 3)
    const highest = highestWord(target)
    const end = Math.min(startNonce + count, NONCES)
    let nonce = startNonce
    while (nonce < end) {
      const some = Math.min(end - nonce, LARGEST_DISPATCH)
      const offset = await this.dispatch(nonce, some, highest)
      if (offset === NONE) {
        nonce += some
        continue
      }
      nonce += offset
      if (offset >= some || !hasWord(header, nonce, highest)) throw new Error('it finds wrong nonces')
      if (typescriptKernel.scan(header, target, nonce, 1) === nonce) return nonce
      nonce++
    }
    return -1
  }

  /** The least offset from `start` of a candidate, or `NONE`. */
  private async dispatch(start: number, count: number, highest: number): Promise<number> {
    const { device, job, jobWords, first, answer } = this
    jobWords.set([start, count, highest])
    device.queue.writeBuffer(job, 0, jobWords)
    device.queue.writeBuffer(first, 0, Uint32Array.of(NONE))
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(this.pipeline)
    pass.setBindGroup(0, this.bindGroup)
    const groups = Math.ceil(count / WORKGROUP)
    pass.dispatchWorkgroups(Math.min(groups, ROW), Math.ceil(groups / ROW))
    pass.end()
    encoder.copyBufferToBuffer(first, 0, answer, 0, 4)
    device.queue.submit([encoder.finish()])
    await answer.mapAsync(MAP_MODE_READ).catch((error: Error) => {
      // As when the driver starts anew, or the browser needs the card for itself.
      this.fault ??= `it was lost (${error.message})`
    })
    if (this.fault !== undefined) throw new Error(this.fault)
    const [offset] = new Uint32Array(answer.getMappedRange())
    answer.unmap()
    return offset
  }
}

/** Whether the most significant word of the header's hash is at most `highest`. */
function hasWord(header: Uint8Array, nonce: number, highest: number): boolean {
  const ceiling = new Uint8Array(32).fill(0xff)
  new DataView(ceiling.buffer).setUint32(0, highest)
  return typescriptKernel.scan(header, ceiling, nonce, 1) === nonce
}
