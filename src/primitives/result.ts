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

/** `Code`: the codes that it may have, where a part of the program lists its own. */
export interface Rejection<Code extends string = string> {
  readonly ok: false
  readonly kind: RejectionKind
  /** Bitcoin Core's reject string where it has one, such as `bad-cb-amount`. */
  readonly code: Code
  /** A sentence for people: what was found and what was expected. */
  readonly detail: string
}

export interface Ok<T> {
  readonly ok: true
  readonly value: T
}

export type Result<T, Code extends string = string> = Ok<T> | Rejection<Code>

/** The accepted result that carries nothing. */
export const OK: Ok<void> = { ok: true, value: undefined }

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value }
}

export function err<Code extends string>(kind: RejectionKind, code: Code, detail: string): Rejection<Code> {
  return { ok: false, kind, code, detail }
}

export function invalid<Code extends string>(code: Code, detail: string): Rejection<Code> {
  return err('invalid', code, detail)
}

export function mutated<Code extends string>(code: Code, detail: string): Rejection<Code> {
  return err('mutated', code, detail)
}

export function retry<Code extends string>(code: Code, detail: string): Rejection<Code> {
  return err('retry', code, detail)
}

export function notNow<Code extends string>(code: Code, detail: string): Rejection<Code> {
  return err('not-now', code, detail)
}
