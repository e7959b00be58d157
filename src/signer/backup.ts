/**
 * The backup file: one JSON text that says what it is, and holds the seed and the wallet's labels under a
 * passphrase. What is not sealed reveals neither addresses nor amounts. Thread: the signer worker only.
 */
import { utf8 } from '@scure/base'
import type { Random } from '../primitives/ports.ts'
import { accept, invalid, type Rejection, type Result } from '../wallet/result.ts'
import { isBox, openBox, sealBox } from './passphrase-box.ts'

const FORMAT = 'opentab-wallet-backup'

/** The network a backup belongs to. */
export interface BackupNetwork {
  /** Genesis hash, display order. */
  readonly id: string
  /** For people. */
  readonly name: string
}

/** What a backup seals. */
export interface BackupContent {
  /** BIP39 words. */
  readonly words: string
  /** Seconds since 1970, see `Account`. */
  readonly birthday: number
  /** What `Wallet.exportMetadata` gave. */
  readonly metadata: string
}

/** Writes a backup. `created` is in seconds since 1970. */
export function writeBackup(
  content: BackupContent,
  network: BackupNetwork,
  created: number,
  passphrase: string,
  random: Random,
  logN: number,
): string {
  const head = { format: FORMAT, version: 1, network, created } as const
  const plaintext = utf8.decode(JSON.stringify(content))
  const box = sealBox(plaintext, passphrase, JSON.stringify(head), random, logN)
  plaintext.fill(0)
  const about =
    'An encrypted Opentab wallet. Restore it on the page of its network with the passphrase it was made with.'
  return `${JSON.stringify({ ...head, about, box }, null, 2)}\n`
}

/**
 * Opens a backup of `network`. Rejects with `backup-format`, `backup-version`, `backup-network`,
 * `wallet-passphrase-incorrect`.
 */
export function readBackup(text: string, network: BackupNetwork, passphrase: string): Result<BackupContent> {
  const file = parseJson(text)
  if (file?.format !== FORMAT)
    return invalid(
      'backup-format',
      'This is not a wallet backup. Choose the file that "Back up" saved, whole and unchanged.',
    )
  if (file.version !== 1)
    return invalid(
      'backup-version',
      'This backup comes from a later version of Opentab. Open it with that one.',
    )
  const { id, name } = (file.network ?? {}) as Partial<Record<string, unknown>>
  if (
    typeof id !== 'string' ||
    typeof name !== 'string' ||
    !Number.isSafeInteger(file.created) ||
    !isBox(file.box)
  )
    return damaged()
  if (id !== network.id)
    return invalid(
      'backup-network',
      `This backup belongs to the network "${name.slice(0, 32)}", this page to "${network.name}". Restore it on the page of its network.`,
    )
  const context = JSON.stringify({ format: FORMAT, version: 1, network: { id, name }, created: file.created })
  const opened = openBox(file.box, passphrase, context)
  if (!opened.ok) return opened
  const content = parseJson(utf8.encode(opened.value))
  opened.value.fill(0)
  const { words, birthday, metadata } = content ?? {}
  if (typeof words !== 'string' || typeof metadata !== 'string' || !Number.isSafeInteger(birthday))
    return damaged()
  return accept({ words, birthday: birthday as number, metadata })
}

function damaged(): Rejection {
  return invalid(
    'backup-format',
    'This wallet backup is damaged. Try another copy, or restore from the seed words.',
  )
}

function parseJson(text: string): Partial<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}
