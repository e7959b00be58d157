/** Bugs are left to whoever watches for unhandled rejections: here a test watches, in the place of its runner. */

/** The reason of the next promise that is rejected unhandled; until then none fails the test. */
export function unhandledRejection(): Promise<unknown> {
  const watching = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  return new Promise((resolve) => {
    process.once('unhandledRejection', (reason) => {
      for (const listener of watching) process.on('unhandledRejection', listener)
      resolve(reason)
    })
  })
}
