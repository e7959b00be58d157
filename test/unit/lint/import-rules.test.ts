/** Imports point down only: what the table of layers forbids is refused, in each form of import, types too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importFaults, layerTable, tableFaults } from '../../lint/import-rules.ts'
import { LAYERS, type Layer } from '../../lint/layers.ts'

const ABC: readonly Layer[] = [
  { folder: 'src/a', knows: 'the least', imports: [] },
  { folder: 'src/b', knows: 'more', imports: ['src/a'], packages: ['p', '@s', 'node'] },
  { folder: 'src/c', knows: 'most', imports: ['src/b'], ports: ['Store'], globals: 'window' },
]

function faults(path: string, text: string): string[] {
  return importFaults(ABC, [{ path, text }])
}

test('a layer may import itself, what its line names, and what that may', () => {
  assert.deepEqual(faults('src/c/x.ts', "import { y } from './y.ts'\nimport '../b/b.ts'\n"), [])
  assert.deepEqual(
    faults('src/c/x.ts', "import { type A, B } from '../a/a.ts'\nexport { C } from '../a/c.ts'\n"),
    [],
  )
  assert.deepEqual(faults('src/b/deep/x.ts', "import { y } from '../../a/y.ts'\n"), [])
})

test('of a layer, a line may name single files', () => {
  const layers: readonly Layer[] = [
    ...ABC,
    { folder: 'src/d', knows: '', imports: ['src/a', 'src/c/port.ts'] },
  ]
  assert.deepEqual(tableFaults(layers), [])
  const text =
    "import { a } from '../a/a.ts'\nimport { p } from '../c/port.ts'\nimport { c } from '../c/c.ts'\n"
  assert.deepEqual(importFaults(layers, [{ path: 'src/d/x.ts', text }]), [
    'src/d/x.ts imports src/c/c.ts, which src/d may not.',
  ])
})

test('every form of an import that points up is refused', () => {
  const refused = ['src/a/x.ts imports src/b/b.ts, which src/a may not.']
  for (const text of [
    "import { b } from '../b/b.ts'\n",
    "import type { B } from '../b/b.ts'\n",
    "import {\n  type B,\n  b,\n} from '../b/b.ts'\n",
    "import '../b/b.ts'\n",
    "export * from '../b/b.ts'\n",
    "export type { B } from '../b/b.ts'\n",
    "const loaded = await import('../b/b.ts')\n",
    "let b: import('../b/b.ts').B\n",
  ])
    assert.deepEqual(faults('src/a/x.ts', text), refused, text)
})

test('what leads out of the layers is refused, and a folder that is none', () => {
  assert.deepEqual(faults('src/b/x.ts', "import { y } from '../../test/y.ts'\n"), [
    'src/b/x.ts imports test/y.ts, which src/b may not.',
  ])
  assert.deepEqual(faults('src/d/x.ts', ''), [
    'src/d/x.ts lies in no layer: add its folder to test/lint/layers.ts.',
  ])
})

test('packages are those of the line, whole, by path or by scope', () => {
  const text =
    "import p from 'p'\nimport q from 'p/q.js'\nimport s from '@s/t'\nimport { join } from 'node:path'\n"
  assert.deepEqual(faults('src/b/x.ts', text), [])
  assert.deepEqual(faults('src/b/x.ts', "import p from 'p2'\n"), [
    'src/b/x.ts imports the package p2, which src/b may not.',
  ])
  assert.equal(faults('src/c/x.ts', text).length, 4)
})

test('what only looks like an import is none', () => {
  const text =
    "/** Taken from 'somewhere' */\nexport const FROM = 'q'\nexport function of(from = 'r'): void {}\n"
  assert.deepEqual(faults('src/a/x.ts', text), [])
})

test('a layer may name only layers above its line, so that they make no circle', () => {
  assert.deepEqual(tableFaults(LAYERS), [])
  assert.deepEqual(tableFaults([{ ...ABC[0], imports: ['src/b'] }, ABC[1]]), [
    'src/a may import src/b, which is no layer above its line.',
  ])
})

test('the table of the document', () => {
  assert.equal(
    layerTable(ABC.slice(1)),
    [
      '| Folder  | What it knows | Imports | Ports it declares | Globals | Packages          |',
      '| ------- | ------------- | ------- | ----------------- | ------- | ----------------- |',
      '| `src/b` | more          | `src/a` |                   |         | `p`, `@s`, `node` |',
      '| `src/c` | most          | `src/b` | `Store`           | window  |                   |',
    ].join('\n'),
  )
})
