/** Work items a second on one thread and on two side by side: what the threads of a benchmark have in common. */
import { median } from '../result.ts'

const ROUNDS = 5
/** Milliseconds that the threads run side by side. */
const SLICE = 300

/** What a thread is asked, beside its material. It answers with its rate. */
export interface RateRequest {
  /** Milliseconds. */
  readonly slice: number
}

/** In a thread: `work` is done again and again for at least `slice` milliseconds, `count` items each time. */
export function rate(slice: number, count: number, work: () => void): number {
  const start = performance.now()
  let done = 0
  do {
    work()
    done += count
  } while (performance.now() - start < slice)
  return (done / (performance.now() - start)) * 1000
}

/** The medians of one thread's rate and of two threads' together, measured in turns. `material` goes with every request. */
export async function oneAndTwoWorkers(
  startWorker: () => Worker,
  material: object = {},
): Promise<{ readonly one: number; readonly two: number }> {
  const workers = [startWorker(), startWorker()]
  const rateOf = (worker: Worker, slice: number): Promise<number> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data)
      worker.onerror = (event) => reject(new Error(event.message))
      worker.postMessage({ ...material, slice })
    })
  const rates = (slice: number) => Promise.all(workers.map((worker) => rateOf(worker, slice)))
  await rates(1)
  const one: number[] = []
  const two: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await rateOf(workers[0], SLICE))
    const [first, second] = await rates(SLICE)
    two.push(first + second)
  }
  for (const worker of workers) worker.terminate()
  return { one: median(one), two: median(two) }
}
