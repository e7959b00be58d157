/**
 * Talking to another thread: plain messages, and requests that are answered. Nothing here makes a remote call look local:
 * who posts knows that it posts. Any thread.
 */

/** A Worker seen from outside, a worker's global scope seen from inside, or a MessagePort. */
export interface Endpoint {
  postMessage(message: unknown, transfer: Transferable[]): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  /** MessagePorts deliver nothing before this is called. */
  start?(): void
}

/** One direction each of a union of plain, structured-cloneable messages. */
export class Channel<Out, In> {
  private readonly endpoint: Endpoint

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint
  }

  /** `transfer` lists the buffers in `message` that move to the other thread instead of being copied. */
  post(message: Out, transfer: Transferable[] = []): void {
    this.endpoint.postMessage(message, transfer)
  }

  listen(receive: (message: In) => void): void {
    this.endpoint.addEventListener('message', (event) => receive(event.data as In))
    this.endpoint.start?.()
  }
}

/** Promises of answers that another thread owes, by number. */
export class PendingAnswers<T> {
  private readonly waiting = new Map<number, { resolve(value: T): void; reject(error: Error): void }>()
  private next = 0

  /** Numbers a request; `post` sends it. */
  ask(post: (id: number) => void): Promise<T> {
    const id = this.next++
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      post(id)
    })
  }

  /** Answers that nobody waits for are ignored. */
  answer(id: number, value: T): void {
    this.waiting.get(id)?.resolve(value)
    this.waiting.delete(id)
  }

  fail(id: number, error: Error): void {
    this.waiting.get(id)?.reject(error)
    this.waiting.delete(id)
  }

  failAll(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
  }
}

/** A copy of the bytes in a buffer of its own, and that buffer to transfer. */
export function toTransfer(bytes: Uint8Array): {
  readonly bytes: Uint8Array
  readonly transfer: [ArrayBuffer]
} {
  const copy = new Uint8Array(bytes)
  return { bytes: copy, transfer: [copy.buffer] }
}
