/** Files that a person saves and brings in. Thread: Window. */
import { type LiveNode, sentence } from './live-node.ts'

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

/** Name of a file about the wallet that `node` has in hand: who has several can tell their files apart. `ending`: with its dot. */
export function walletFileName({ identity, wallet = '' }: LiveNode, kind: string, ending: string): string {
  const name = wallet.match(/[\p{L}\p{N}]+/gu)?.join('-') ?? ''
  const parts = ['opentab', kind, identity.networkName, identity.profile, name, today()]
  return `${parts.filter((part) => part !== '').join('-')}${ending}`
}

/** The text of a file that was chosen. Rejects with a sentence. */
export async function readText(file: File): Promise<string> {
  try {
    return await file.text()
  } catch (error) {
    throw new Error(`The file could not be read. Choose it again. (${sentence(error)})`)
  }
}
