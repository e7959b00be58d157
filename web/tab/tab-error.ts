/** Why a tab can't run, for the start screen. */

export type TabErrorKind =
  /** The browser lacks what a node needs. */
  | 'unsupported'
  /** The address asks for a network that doesn't exist. */
  | 'network'
  /** The address asks for a profile by a name that can't be one. */
  | 'profile'
  /** The profile is in use, storage is refused, or a thread failed. */
  | 'failed'

export class TabError extends Error {
  override readonly name = 'TabError'
  readonly kind: TabErrorKind
  /** What the browser lacks, in plain words. */
  readonly missing: readonly string[]

  constructor(kind: TabErrorKind, message: string, missing: readonly string[] = []) {
    super(message)
    this.kind = kind
    this.missing = missing
  }
}
