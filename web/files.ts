/** Files that a person saves and brings in. Thread: Window. */
import { sentence } from './live-node.ts'

/** Bytes of a file that is brought in: what a wallet has to say takes kilobytes; what is larger is another file. */
export const MAX_FILE_BYTES = 10_000_000

/** Has the browser save a text, or bytes, as a file. */
export function download(name: string, content: BlobPart, type = 'application/json'): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Today, for names of files. */
export function today(): string {
  return new Date().toISOString().slice(0, 10)
}

/** The text of a file that was chosen. Rejects with a sentence. */
export async function readText(file: File): Promise<string> {
  try {
    return await file.text()
  } catch (error) {
    throw new Error(`The file could not be read. Choose it again. (${sentence(error)})`)
  }
}
