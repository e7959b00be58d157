/**
 * The backup file: one JSON text that says what it is, and holds the seed and the wallet's labels under a
 * passphrase. What is not sealed reveals neither addresses nor amounts. Thread: the signer worker only.
 */
import { utf8 } from '@scure/base'
import type { Random } from '../primitives/ports.ts'
import { invalid, ok, type Rejection, type Result } from '../wallet/result.ts'
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
  /** See `Secret`. */
  readonly mnemonicPassphrase?: string
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
  // Whoever knows no BIP39 passphrase would restore another wallet from such a file.
  const version = content.mnemonicPassphrase ? 2 : 1
  const head = { format: FORMAT, version, network, created } as const
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
  const { version } = file
  if (version !== 1 && version !== 2)
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
  const context = JSON.stringify({ format: FORMAT, version, network: { id, name }, created: file.created })
  const opened = openBox(file.box, passphrase, context)
  if (!opened.ok) return opened
  const content = parseJson(utf8.encode(opened.value))
  opened.value.fill(0)
  const { words, mnemonicPassphrase = '', birthday, metadata } = content ?? {}
  if (typeof words !== 'string' || typeof mnemonicPassphrase !== 'string') return damaged()
  return ok({
    words,
    ...(mnemonicPassphrase !== '' && { mnemonicPassphrase }),
    // The keys are what counts: the rest is found again, or told to be missing.
    birthday: Number.isSafeInteger(birthday) ? Number(birthday) : 0,
    metadata: typeof metadata === 'string' ? metadata : 'damaged',
  })
}

/** Characters of a passphrase that a backup file may have at least, and how many of them must differ: its finder has all the time in the world. */
const MIN_CHARACTERS = 8
const MIN_DISTINCT = 5

/** Refuses a passphrase that a computer guesses at once, with `passphrase-weak`. A floor, no measure of strength. */
export function checkBackupPassphrase(passphrase: string): Rejection | undefined {
  const characters = [...passphrase.normalize('NFKC')]
  if (characters.length >= MIN_CHARACTERS && new Set(characters).size >= MIN_DISTINCT) return undefined
  return invalid(
    'passphrase-weak',
    `No backup file was made: whoever finds one can try passphrases without end, and this one is too easy. Change it to one of ${MIN_CHARACTERS} characters or more, such as a few random words, then save the file.`,
  )
}

/** Characters of a backup file at most: the page brings in no larger one (`web/files.ts`), and labels may come from files of strangers. */
const MAX_FILE_CHARACTERS = 10_000_000

/** Refuses a file that whoever had it could not restore, with `backup-size`. */
export function checkBackupSize(file: string): Rejection | undefined {
  if (file.length <= MAX_FILE_CHARACTERS) return undefined
  return invalid(
    'backup-size',
    `No backup file was made: with its labels it would have ${file.length} bytes, and one of more than ${MAX_FILE_CHARACTERS} is not read. Take labels away that you don’t need. The seed words alone restore the coins.`,
  )
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
