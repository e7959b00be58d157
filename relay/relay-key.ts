/** The relay's key file, the only state that a relay keeps: the same key is the same peer id after a restart. */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { StartError } from './start-error.ts'

/** Where the relay keeps its key and the certificate of `--lan`, unless told otherwise. */
export const DATA_DIRECTORY = join(homedir(), '.opentab')

/** Where programs find their password by default. */
export const DEFAULT_COOKIE_FILE = join(DATA_DIRECTORY, '.cookie')

/** The key's default place. */
export const DEFAULT_KEY_FILE = join(DATA_DIRECTORY, 'relay.key')

/**
 * Reads the 32-byte seed of the relay's key, 64 hexadecimal digits in a file that only its owner may read. Makes it on
 * first use. Throws {@link StartError} when the file holds something else: it is never overwritten.
 */
export async function loadKeySeed(file: string = DEFAULT_KEY_FILE): Promise<Uint8Array> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    const seed = randomBytes(32)
    // 'wx' fails when the file is there, which is the usual case and decides a race between two first starts.
    await writeFile(file, `${seed.toString('hex')}\n`, { flag: 'wx', mode: 0o600 })
    return seed
  } catch (error) {
    if (!isExists(error)) {
      throw new StartError(
        `The relay's key file ${file} could not be made (${(error as Error).message}). Name another with --relay-key FILE.`,
      )
    }
  }
  const text = (await readFile(file, 'utf8').catch(() => '')).trim()
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new StartError(
      `The file ${file} is not a readable relay key (64 hexadecimal digits). It was left as it is. ` +
        'Move it away to get a new key, under which tabs see a new relay, or name another with --relay-key FILE.',
    )
  }
  return new Uint8Array(Buffer.from(text, 'hex'))
}

function isExists(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST'
}
