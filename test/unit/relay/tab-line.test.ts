/** Promise: a tab of this server that names the code is called and nobody else; whatever becomes of it, who called is answered. */
import '../../../relay/polyfill.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { startServer } from '../../../relay/server.ts'
import { TabLine } from '../../../relay/tab-line.ts'

interface Place {
  readonly tabLine: TabLine
  /** Opens a line, as a browser would for a page of this server. */
  line(headers?: Record<string, string>): WebSocket
  /** A tab that is taken. */
  tab(): Promise<WebSocket>
  /** Resolves when the server has said so many lines. */
  said(lines: number): Promise<unknown>
}

/** A test with a server of its own. */
function place(run: (place: Place) => Promise<void>): () => Promise<void> {
  return async () => {
    let lines = 0
    let told = (): void => {}
    const tabLine = new TabLine(() => {
      lines++
      told()
    })
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      keySeed: new Uint8Array(32).fill(3),
      tabLine,
    })
    const line = (headers: Record<string, string> = {}): WebSocket => {
      const host = `localhost:${server.port}`
      const one = new WebSocket(`ws://127.0.0.1:${server.port}/rpc`, {
        headers: { host, origin: `http://${host}`, ...headers },
      })
      one.on('error', () => undefined)
      return one
    }
    const tab = async (): Promise<WebSocket> => {
      const one = line()
      await once(one, 'open')
      one.send(tabLine.code)
      await once(one, 'message')
      return one
    }
    const said = (count: number): Promise<void> =>
      new Promise((resolve) => {
        told = () => lines >= count && resolve()
        told()
      })
    try {
      await run({ tabLine, line, tab, said })
    } finally {
      await server.stop()
    }
  }
}

/** Why a line was closed. */
async function closing(one: WebSocket): Promise<number> {
  const [code] = await once(one, 'close')
  return code
}

test(
  'a tab is called, in any order of its answers, and what it says is told',
  place(async ({ tabLine, tab }) => {
    assert.match(tabLine.code, /^[0-9a-f]{10}$/)
    const one = await tab()
    const asked: { id: number; method: string; params: unknown; wallet?: string }[] = []
    const both = new Promise<void>((resolve) =>
      one.on('message', (data) => {
        asked.push(JSON.parse(String(data)))
        if (asked.length === 2) resolve()
      }),
    )
    const first = tabLine.call('getbalance', ['*', 1], 'shop')
    const second = tabLine.call('stop', [], undefined)
    await both
    assert.deepEqual(
      asked.map(({ id: _, ...rest }) => rest),
      [
        { method: 'getbalance', params: ['*', 1], wallet: 'shop' },
        { method: 'stop', params: [] },
      ],
    )
    // Answers to nothing are passed over.
    for (const id of [999, asked[1]!.id, asked[1]!.id])
      one.send(JSON.stringify({ id, error: { code: -1, message: 'no', stack: 'x' } }))
    one.send(JSON.stringify({ id: asked[0]!.id, result: 7 }))
    assert.deepEqual(await second, { error: { code: -1, message: 'no' } })
    assert.deepEqual(await first, { result: 7 })
  }),
)

test(
  'pages of others, names that DNS gave, and who speaks for others are turned away',
  place(async ({ tabLine, line }) => {
    const turnedAway: readonly Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'http://localhost:1' },
      { origin: 'null' },
      { host: 'evil.example', origin: 'http://evil.example' },
      { 'x-forwarded-for': '203.0.113.9' },
    ]
    for (const headers of turnedAway) {
      const one = line(headers)
      const [, response] = await once(one, 'unexpected-response')
      assert.equal(response.statusCode, 403, JSON.stringify(headers))
      one.terminate()
    }
    assert.deepEqual(Object.keys(await tabLine.call('x', [], undefined)), ['error'])
  }),
)

test(
  'without the code nobody is called',
  place(async ({ tabLine, line }) => {
    const guesses = ['', '0000000000', `${tabLine.code}0`, 'x'.repeat(100_000)]
    const codes = guesses.map(async (guess) => {
      const one = line()
      await once(one, 'open')
      const closed = closing(one)
      one.send(guess)
      // Too late.
      one.send(tabLine.code)
      return closed
    })
    assert.deepEqual(await Promise.all(codes), [4001, 4001, 4001, 4001])
    const answer = await tabLine.call('x', [], undefined)
    assert.equal('error' in answer && answer.error.code, -28)
  }),
)

test(
  'a second tab is told that there is one, and may come when it is gone',
  place(async ({ tab, line, tabLine, said }) => {
    const first = await tab()
    const second = line()
    await once(second, 'open')
    second.send(tabLine.code)
    assert.equal(await closing(second), 4002)
    first.close()
    await said(2)
    await tab()
  }),
)

test(
  'who waits for a tab that goes, or that talks nonsense, is answered',
  place(async ({ tabLine, tab, said }) => {
    let lines = 0
    for (const end of [
      (one: WebSocket) => one.terminate(),
      (one: WebSocket) => one.close(),
      (one: WebSocket) => one.send('nonsense'),
      (one: WebSocket) => one.send('{"id":"1"}'),
      (one: WebSocket) => one.send('{"id":1,"error":{"code":"1"}}'),
    ]) {
      const one = await tab()
      const waiting = tabLine.call('x', [], undefined)
      end(one)
      const answer = await waiting
      assert.equal('error' in answer && answer.error.code, -1)
      lines += 2
      await said(lines)
    }
  }),
)

test(
  'of many that wait for a silent tab, the oldest are given up',
  place(async ({ tabLine, tab }) => {
    await tab()
    const [oldest] = Array.from({ length: 257 }, () => tabLine.call('x', [], undefined))
    const answer = await oldest!
    assert.equal('error' in answer && answer.error.code, -1)
  }),
)

test('a server that was started without it takes no tab', async () => {
  const server = await startServer({ host: '127.0.0.1', port: 0, keySeed: new Uint8Array(32).fill(3) })
  try {
    const one = new WebSocket(`ws://127.0.0.1:${server.port}/rpc`, {
      origin: `http://localhost:${server.port}`,
    })
    one.on('error', () => undefined)
    const [, response] = await once(one, 'unexpected-response')
    assert.equal(response.statusCode, 503)
    one.terminate()
  } finally {
    await server.stop()
  }
})
