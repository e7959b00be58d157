/** Builds the page with Vite when its sources have changed since the last build. */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const PROJECT = fileURLToPath(new URL('..', import.meta.url))

/** Where the built page lies. */
export const DIST = join(PROJECT, 'dist')

/** What the built page is made of. */
const SOURCES = [
  'src',
  'web',
  'kernels',
  'build',
  'relay/content-policy.ts',
  'vite.config.ts',
  'package-lock.json',
]

/** Whether the page was never built, or something it is made of was changed, added or removed since. */
export async function isStale(project: string = PROJECT): Promise<boolean> {
  const built = await stat(join(project, 'dist/index.html')).catch(() => undefined)
  if (built === undefined) return true
  const newest = await Promise.all(SOURCES.map((source) => newestChange(join(project, source))))
  return Math.max(...newest) > built.mtimeMs
}

/** The last modification at or below a path, milliseconds since 1970. A folder's own time tells of removed files. */
async function newestChange(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined)
  if (info === undefined) return 0
  if (!info.isDirectory()) return info.mtimeMs
  const below = await Promise.all((await readdir(path)).map((name) => newestChange(join(path, name))))
  return Math.max(info.mtimeMs, ...below)
}

/** Builds the page into {@link DIST}. Rejects with Vite's error. */
export async function buildPage(): Promise<void> {
  // Loaded when needed: Vite takes longer to load than the server to start.
  const { build } = await import('vite')
  await build({ configFile: join(PROJECT, 'vite.config.ts'), logLevel: 'warn' })
}
