/** What an element asks of the app around it, as events that bubble to it. Thread: Window. */

/** Asks for the passphrase in a dialog. Resolves to whether the wallet is unlocked. */
export function requestUnlock(from: EventTarget, reason: string): Promise<boolean> {
  return new Promise((resolve) => {
    const detail: UnlockRequest = { reason, resolve }
    from.dispatchEvent(new CustomEvent('ot-unlock', { detail, bubbles: true, composed: true }))
  })
}

export interface UnlockRequest {
  /** What it is needed for, a sentence. */
  readonly reason: string
  readonly resolve: (unlocked: boolean) => void
}

/** Shows a short message that goes away by itself. */
export function notify(from: EventTarget, text: string): void {
  from.dispatchEvent(new CustomEvent('ot-notify', { detail: text, bubbles: true, composed: true }))
}
