/** Asks a port something every few milliseconds, and says how long the slowest answer took. */

const EVERY = 5

self.onmessage = ({ data: port }: MessageEvent<MessagePort>) => {
  let asked: number | undefined
  let slowest = 0
  const note = (): void => {
    if (asked !== undefined) slowest = Math.max(slowest, performance.now() - asked)
  }
  const timer = setInterval(() => {
    if (asked !== undefined) return
    asked = performance.now()
    port.postMessage('getblockcount')
  }, EVERY)
  port.onmessage = () => {
    note()
    asked = undefined
  }
  // Asked to end: an answer that is still due counts as long as it has waited.
  self.onmessage = () => {
    note()
    clearInterval(timer)
    self.postMessage(slowest)
  }
  self.postMessage(0)
}
