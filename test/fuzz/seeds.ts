/** The inputs kept of each target: a few kilobytes that take every way found so far. One JSON list of hex strings a target. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'

const FOLDER = fileURLToPath(new URL('./seeds/', import.meta.url))

export function readSeeds(target: string): Uint8Array[] {
  const file = `${FOLDER}${target}.json`
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]).map(hexToBytes) : []
}

export function writeSeeds(target: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(`${FOLDER}${target}.json`, `${JSON.stringify(inputs.map(bytesToHex), null, 2)}\n`)
}
