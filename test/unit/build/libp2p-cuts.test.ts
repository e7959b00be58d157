/** Promise: of libp2p's statements only those go that do nothing but log, and the build stops when there is nothing left to cut. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Plugin, parseAst } from 'vite'
import {
  libp2pWithoutLog,
  libp2pWithoutUnusedParts,
  protonsWithoutStreams,
} from '../../../build/libp2p-cuts.ts'

/** What a plugin finds as `this`. */
const BUILD = {
  parse: parseAst,
  error(message: string): never {
    throw new Error(message)
  },
}

function cut(code: string, plugin = libp2pWithoutLog()): string {
  const { handler } = plugin.transform as unknown as {
    handler(this: typeof BUILD, code: string): { readonly code: string }
  }
  return handler.call(BUILD, code).code
}

function end(plugin: Plugin): void {
  const buildEnd = plugin.buildEnd as (this: typeof BUILD) => void
  buildEnd.call(BUILD)
}

test('statements that only log are cut, wherever they stand', () => {
  assert.equal(cut("a(); log('dialling'); b()"), 'a(); ; b()')
  assert.equal(cut("this.log.error('failed - %e', err)"), ';')
  assert.equal(cut("options?.log?.trace('to %a', addrs.map((ma) => ma.toString()))"), ';')
  assert.equal(cut("if (open) stream.log('open'); else close()"), 'if (open) ; else close()')
  assert.equal(cut("try { a() } catch (err) { this.log.error('no', err) }"), 'try { a() } catch (err) { ; }')
  assert.equal(cut("const f = () => { log('x'); return 1 }; log('y')"), 'const f = () => { ; return 1 }; ;')
})

test('whatever does or may do more stays', () => {
  for (const code of [
    "log('next is %d', queue.shift())",
    "log('took %d', count++)",
    "log('%s', (state = 'open'))",
    "async () => { log('%s', await name()) }",
    "log('%s', new Connection())",
    "const scope = this.log.newScope('stream')",
    "log('a') || b()",
    "catalog('a')",
    "this.log.enabled('a')",
    "log['error']('a')",
  ])
    assert.equal(cut(code), code)
})

test('of a codec only what reads it field by field is cut, in codecs within codecs as well', () => {
  const cutStreams = (code: string): string => cut(code, protonsWithoutStreams())
  assert.equal(cutStreams('c = message(a, () => 1, function* (r) { yield r })'), 'c = message(a, () => 1)')
  assert.equal(
    cutStreams(
      'message(() => message(a, b, function* () {}), d, function* () {}); message(e, f, function* () {})',
    ),
    'message(() => message(a, b), d); message(e, f)',
  )
  for (const code of [
    'message(a, b)',
    'message(a, b, c)',
    'message(a, b, function () {})',
    'other(a, b, function* () {})',
  ])
    assert.equal(cutStreams(code), code)
})

test('a build without anything to cut fails with a sentence', () => {
  assert.throws(() => end(libp2pWithoutLog()), /logs in another way/)
  assert.throws(() => end(protonsWithoutStreams()), /field by field in another way/)
  assert.throws(() => end(libp2pWithoutUnusedParts()), /not part of it: .*connection-monitor/)
})
