/** Promise: a tab joins with little to fetch, and what several of its threads use is fetched once. */

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { DIST } from '../../relay/build.ts'
import { kilobytes, weighPage } from '../support/page-weight.ts'
import { journey } from '../support/tabs.ts'

/** kB; to be lowered with the page, not to be raised without a word in the change log. */
const JOINING = 290
const KERNELS = 150

/** Texts of modules that page and workers share, where minifying leaves them whole. */
const SHARED = {
  'the curve of signatures': 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f',
  'the verification of signatures': 'BIP0340/challenge',
}

test(
  'the page and its kernels weigh no more than they may',
  journey(async (world) => {
    const { joining, later, kernels } = await weighPage(world.browser)
    const table = [...joining].sort(([, a], [, b]) => b - a).map(([name, bytes]) => `${bytes} ${name}`)
    assert.ok(kilobytes(joining) <= JOINING, `joining takes ${kilobytes(joining)} kB:\n${table.join('\n')}`)
    assert.ok(kilobytes(kernels) <= KERNELS, `the kernels weigh ${kilobytes(kernels)} kB`)
    const waits = (part: string): boolean => [...later.keys()].some((name) => name.includes(part))
    for (const part of ['signer.worker', 'miner.worker', 'psbt', 'other-views'])
      assert.ok(waits(part), `${part} is fetched by a tab that has no use for it yet`)
  }),
)

test('no module is built twice', async () => {
  const assets = join(DIST, 'assets')
  const scripts = (await readdir(assets)).filter((name) => name.endsWith('.js'))
  const texts = await Promise.all(scripts.map((name) => readFile(join(assets, name), 'utf8')))
  for (const [what, mark] of Object.entries(SHARED)) {
    const holders = scripts.filter((_, i) => texts[i]!.includes(mark))
    assert.equal(holders.length, 1, `${what} is in ${holders.join(', ') || 'none'}`)
  }
})
