/** What an element asks of the app around it, as events that bubble to it. Thread: Window. */
import type { LiveNode } from './live-node.ts'

/** Asks for the passphrase of the wallet that `node` has in hand. Resolves to whether it is unlocked. */
export function requestUnlock(from: EventTarget, node: LiveNode, reason: string): Promise<boolean> {
  return new Promise((resolve) => {
    const detail: UnlockRequest = { node, reason, resolve }
    from.dispatchEvent(new CustomEvent('ot-unlock', { detail, bubbles: true, composed: true }))
  })
}

export interface UnlockRequest {
  /** With the wallet in hand. */
  readonly node: LiveNode
  /** What it is needed for, a sentence. */
  readonly reason: string
  readonly resolve: (unlocked: boolean) => void
}

/** Shows a short message that goes away by itself. */
export function notify(from: EventTarget, text: string): void {
  from.dispatchEvent(new CustomEvent('ot-notify', { detail: text, bubbles: true, composed: true }))
}
