/**
 * `Promise.withResolvers` for Node 20, which libp2p 3 needs. Import it before anything of libp2p; Node 22 has its own.
 */

// The compiler's library is ES2023, which doesn't know the method yet, so that our own code can't come to need it.
interface MaybeWithResolvers {
  withResolvers?: <T>() => {
    promise: Promise<T>
    resolve: (value: T | PromiseLike<T>) => void
    reject: (reason?: unknown) => void
  }
}

const promiseConstructor: MaybeWithResolvers = Promise as unknown as MaybeWithResolvers

promiseConstructor.withResolvers ??= <T>() => {
  let resolve!: (value: T | PromiseLike<T>) => void
  let reject!: (reason?: unknown) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

export {}
