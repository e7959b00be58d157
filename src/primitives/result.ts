/**
 * How a rule reports. A mistake of a peer or a user is a value with a kind, a code and a sentence; only bugs
 * and failing storage throw. Kinds decide what happens to the sender, see the verdict table in `protocol/verdict.ts`.
 */

/**
 * - `invalid`: breaks a rule for ever. The header of such a block is marked invalid.
 * - `mutated`: a body that does not match its header; another body may be good, so the header is never marked.
 * - `retry`: can't be decided yet (parent missing, time too new, storage busy).
 * - `not-now`: policy: already known, low fee, conflicts.
 */
export type RejectionKind = 'invalid' | 'mutated' | 'retry' | 'not-now'

export interface Rejection {
  readonly ok: false
  readonly kind: RejectionKind
  /** Bitcoin Core's reject string where it has one, such as `bad-cb-amount`. */
  readonly code: string
  /** A sentence for people: what was found and what was expected. */
  readonly detail: string
}

export interface Accepted<T> {
  readonly ok: true
  readonly value: T
}

export type Result<T> = Accepted<T> | Rejection

/** The accepted result that carries nothing. */
export const OK: Accepted<void> = { ok: true, value: undefined }

export function accept<T>(value: T): Accepted<T> {
  return { ok: true, value }
}

export function reject(kind: RejectionKind, code: string, detail: string): Rejection {
  return { ok: false, kind, code, detail }
}

export function invalid(code: string, detail: string): Rejection {
  return reject('invalid', code, detail)
}

export function mutated(code: string, detail: string): Rejection {
  return reject('mutated', code, detail)
}

export function retry(code: string, detail: string): Rejection {
  return reject('retry', code, detail)
}

export function notNow(code: string, detail: string): Rejection {
  return reject('not-now', code, detail)
}
