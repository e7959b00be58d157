/** How long the browser keeps what this page stores, and asking it to keep it for good. Thread: Window. */

export type Lasting =
  /** Until the person removes it. */
  | 'for-good'
  /** Until the browser needs the space. */
  | 'for-now'
  /** Until a private window is closed. */
  | 'for-this-window'

/** What old browsers and pages without HTTPS lack. */
function storageManager(): StorageManager | undefined {
  return (navigator as { storage?: StorageManager }).storage
}

/** How long data lasts now. Chromium's private windows look like others. */
export async function storageLasting(): Promise<Lasting> {
  const storage = storageManager()
  if (await storage?.persisted?.().catch(() => false)) return 'for-good'
  try {
    await storage?.getDirectory?.()
    return 'for-now'
  } catch {
    // Firefox and Safari give private windows no files of their own.
    return 'for-this-window'
  }
}

/** Whether the browser answers `keepForGood` by itself, without asking the person: Chromium's do, which alone have this property. */
export function isDecidedByBrowser(): boolean {
  return 'userAgentData' in navigator
}

/** Asks the browser to keep what this page stores until the person removes it. Resolves to whether it will. */
export async function keepForGood(): Promise<boolean> {
  return (
    (await storageManager()
      ?.persist?.()
      .catch(() => false)) ?? false
  )
}
