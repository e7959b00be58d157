/** Hands what was typed in one view to another that it belongs to: an invoice in the field for an address, and the other way round. Thread: Window. */
import { navigate } from './router.ts'

let handed: string | undefined

/** Goes to the view at `path`, which finds `text`. */
export function handOver(from: EventTarget, path: string, text: string): void {
  handed = text
  navigate(from, path)
}

/** What was handed to this view, once. */
export function takeHanded(): string | undefined {
  const text = handed
  handed = undefined
  return text
}
