/**
 * The few assertions that browser tests make, named as in chai's `assert`.
 */

function fail(message: string): never {
  throw new Error(message)
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 500) ?? String(value)
}

/** Throws unless what is claimed holds. */
export const assert = {
  isTrue(value: boolean, message: string): void {
    if (value !== true) fail(message)
  },
  equal<T>(actual: T, expected: T, message = ''): void {
    if (!Object.is(actual, expected)) fail(`${message} expected ${show(expected)}, got ${show(actual)}`)
  },
  deepEqual<T>(actual: T, expected: T, message = ''): void {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (a !== b) fail(`${message} expected ${show(expected)}, got ${show(actual)}`)
  },
}
