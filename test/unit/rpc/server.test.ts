/**
 * Promise: the server speaks JSON-RPC as Bitcoin Core's does, statuses included; and it lets nobody in but who has the password, no page of a
 * browser at all, and is worn out by neither size, slowness nor number.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { MAX_BATCH } from '../../../rpc/json-rpc.ts'
import { MAX_BODY, type RpcServer, serveRpc } from '../../../rpc/server.ts'

const AUTHORIZATION = `Basic ${Buffer.from('user:password').toString('base64')}`

const made: unknown[] = []
const waits: number[] = []
let server: RpcServer

before(async () => {
  server = await serveRpc({
    port: 0,
    clock: { now: () => 0 },
    auth: { allow: (authorization) => authorization === AUTHORIZATION },
    async wait(milliseconds) {
      waits.push(milliseconds)
    },
    async call(method, params, wallet) {
      made.push([method, params, wallet])
      switch (method) {
        case 'echo':
          return { result: params }
        case 'nothing':
          return { result: undefined }
        case 'wallet':
          return { result: wallet ?? null }
        case 'long':
          return { result: 'x'.repeat(40_000_000) }
        case 'fault':
          throw new Error('A fault.')
        case 'refused':
          return { error: { code: -8, message: 'no' } }
        default:
          return { error: { code: -32601, message: 'Method not found' } }
      }
    },
  })
})
after(() => server.stop())

interface Sent {
  readonly body?: unknown
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
}

/** One request as it is written, which `fetch` would mend. A body that is no text is sent as JSON. */
async function send({ body, path = '/', method = 'POST', headers = {} }: Sent) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const asked = request({
    host: '127.0.0.1',
    port: server.port,
    path,
    method,
    agent: false,
    headers: { authorization: AUTHORIZATION, ...headers },
  })
  asked.end(text)
  const [response] = await once(asked, 'response')
  let told = ''
  for await (const piece of response) told += piece
  return { status: response.statusCode as number, headers: response.headers, body: told }
}

const parsed = async (sent: Sent) => {
  const { status, body } = await send(sent)
  return [status, body === '' ? '' : JSON.parse(body)]
}

describe('JSON-RPC', () => {
  const error = (code: number, message: string, id: unknown = null) => ({
    result: null,
    error: { code, message },
    id,
  })
  const cases: readonly (readonly [name: string, body: unknown, status: number, answer: unknown])[] = [
    [
      '1.0',
      { jsonrpc: '1.0', id: 'a', method: 'echo', params: [1] },
      200,
      { result: [1], error: null, id: 'a' },
    ],
    ['1.1, as it was first', { method: 'echo' }, 200, { result: [], error: null, id: null }],
    [
      '2.0',
      { jsonrpc: '2.0', id: 1, method: 'echo', params: [2] },
      200,
      { jsonrpc: '2.0', result: [2], id: 1 },
    ],
    [
      'arguments by name',
      { id: 1, method: 'echo', params: { a: 1 } },
      200,
      { result: [{ a: 1 }], error: null, id: 1 },
    ],
    ['no arguments by name', { id: 1, method: 'echo', params: {} }, 200, { result: [], error: null, id: 1 }],
    ['nothing is null', { id: 1, method: 'nothing' }, 200, { result: null, error: null, id: 1 }],
    ['no such method', { id: 1, method: 'x' }, 404, error(-32601, 'Method not found', 1)],
    ['an error', { id: 1, method: 'refused' }, 500, error(-8, 'no', 1)],
    ['a fault', { id: 1, method: 'fault' }, 500, error(-32603, 'A fault.', 1)],
    [
      'an error in 2.0',
      { jsonrpc: '2.0', id: 1, method: 'x' },
      200,
      { jsonrpc: '2.0', error: { code: -32601, message: 'Method not found' }, id: 1 },
    ],
    ['a notification', { jsonrpc: '2.0', method: 'echo' }, 204, ''],
    ['no JSON', '{', 500, error(-32700, 'Parse error')],
    ['a number', '7', 500, error(-32700, 'Top-level object parse error')],
    ['no method', { id: 3 }, 400, error(-32600, 'Missing method', 3)],
    ['a method that is no text', { id: 3, method: 7 }, 400, error(-32600, 'Method must be a string', 3)],
    [
      'no list',
      { id: 3, method: 'echo', params: 7 },
      400,
      error(-32600, 'Params must be an array or object', 3),
    ],
    [
      'a version that is none',
      { id: 3, jsonrpc: '3.0', method: 'echo' },
      400,
      error(-32600, 'JSON-RPC version not supported', 3),
    ],
    ['an empty batch', [], 200, []],
    [
      'a batch',
      [{ id: 1, method: 'echo' }, 7, { id: 2, method: 'x' }, { jsonrpc: '2.0', method: 'echo' }],
      200,
      [
        { result: [], error: null, id: 1 },
        error(-32600, 'Invalid Request object'),
        error(-32601, 'Method not found', 2),
      ],
    ],
    ['a batch of notifications', [{ jsonrpc: '2.0', method: 'echo' }], 204, ''],
  ]
  for (const [name, body, status, answer] of cases)
    test(name, async () => {
      assert.deepEqual(await parsed({ body }), [status, answer])
    })

  test('the path names the wallet', async () => {
    for (const [path, wallet] of [
      ['/', null],
      ['/?x', null],
      ['/wallet/', ''],
      ['/wallet/shop', 'shop'],
      ['/wallet/shop%2Ftill%20%C3%A9', 'shop/till é'],
    ] as const)
      assert.equal(JSON.parse((await send({ path, body: { method: 'wallet' } })).body).result, wallet)
    assert.equal((await send({ path: '/rest/block', body: {} })).status, 404)
    assert.equal((await send({ path: '/wallet/%ff', body: {} })).status, 400)
  })
})

describe('who may not call', () => {
  const body = { method: 'echo' }
  const stranger = { authorization: `Basic ${Buffer.from('user:guess').toString('base64')}` }
  const refused: readonly (readonly [name: string, sent: Sent, status: number])[] = [
    ['a wrong password', { headers: stranger }, 401],
    ['another scheme', { headers: { authorization: 'Bearer password' } }, 401],
    ['a page of another site, with the password even', { headers: { origin: 'https://evil.example' } }, 403],
    ['a page without an origin', { headers: { origin: 'null' } }, 403],
    ['a form of a page, which needs no preflight', { headers: { 'sec-fetch-site': 'cross-site' } }, 403],
    ['a name that DNS gave to this computer', { headers: { host: 'evil.example' } }, 403],
    ['a name that begins like its own', { headers: { host: 'localhost.evil.example' } }, 403],
    ['a preflight', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }, 403],
    ['who only looks', { method: 'GET' }, 405],
  ]
  for (const [name, sent, status] of refused)
    test(name, async () => {
      const before = made.length
      const answer = await send({ body, ...sent })
      assert.equal(answer.status, status)
      assert.equal(made.length, before, 'It was called')
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
      assert.equal(answer.headers['www-authenticate'], status === 401 ? 'Basic realm="jsonrpc"' : undefined)
    })

  test('a wrong password waits', async () => {
    waits.length = 0
    await send({ body, headers: stranger })
    assert.deepEqual(waits, [250])
  })

  test('names of this computer are let in', async () => {
    for (const host of ['localhost', 'LOCALHOST:18443', '127.0.0.1:1', '[::1]:8332'])
      assert.equal((await send({ body, headers: { host } })).status, 200, host)
  })
})

describe('what is too much', () => {
  test('a body that says how long it is, or doesn’t', async () => {
    const answer = await send({ body: '[', headers: { 'content-length': String(MAX_BODY + 1) } })
    assert.equal(answer.status, 413)
    assert.equal(
      (await send({ body: ' '.repeat(MAX_BODY + 1), headers: { 'transfer-encoding': 'chunked' } })).status,
      413,
    )
    assert.equal((await send({ body: { method: 'echo' } })).status, 200)
  })

  test('a body of somebody without the password is not read', async () => {
    const asked = request({ port: server.port, host: '127.0.0.1', method: 'POST', agent: false })
    asked.on('error', () => undefined)
    asked.setHeader('content-length', MAX_BODY)
    asked.flushHeaders()
    const [{ statusCode }] = await once(asked, 'response')
    assert.equal(statusCode, 401)
    asked.destroy()
  })

  test('a batch of too many, none of which is made', async () => {
    const before = made.length
    const batch = Array.from({ length: MAX_BATCH + 1 }, () => ({ method: 'echo' }))
    assert.equal((await send({ body: batch })).status, 400)
    assert.equal(made.length, before)
  })

  test('a batch whose answers are too long', async () => {
    const before = made.length
    const [status, answers] = await parsed({
      body: Array.from({ length: 5 }, (_, id) => ({ id, method: 'long' })),
    })
    assert.equal(status, 200)
    assert.deepEqual(
      answers.map(({ error }: { error: { code: number } | null }) => error?.code),
      [undefined, undefined, -32603, -32603, -32603],
    )
    assert.equal(made.length, before + 2)
  })

  test('thousands of calls: they are made, and wait for it', async () => {
    waits.length = 0
    for (let i = 0; i < 3; i++) {
      const batch = Array.from({ length: 1000 }, (_, id) => ({ id, method: 'nothing' }))
      assert.equal((await parsed({ body: batch }))[1].length, 1000)
    }
    // The longer the more there were before.
    assert(waits.length >= 1000 && waits.at(-1)! >= 2000)
  })

  test('a head that comes slowly is given up, and others are answered meanwhile', async () => {
    const hurried = await serveRpc({
      port: 0,
      requestTimeout: 200,
      auth: { allow: () => true },
      call: async () => ({ result: 1 }),
    })
    try {
      const sockets = Array.from({ length: 50 }, () => connect(hurried.port, '127.0.0.1'))
      const closed = Promise.all(
        sockets.map(async (socket) => {
          socket.on('error', () => undefined)
          socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
          socket.resume()
          await once(socket, 'close')
        }),
      )
      const answer = await fetch(`http://127.0.0.1:${hurried.port}/`, {
        method: 'POST',
        body: '{"method":"x"}',
      })
      assert.equal(answer.status, 200)
      await closed
    } finally {
      await hurried.stop()
    }
  })

  test('more than 64 at a time are told so, and those who waited are answered', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let begun = 0
    let all = (): void => {}
    const allBegun = new Promise<void>((resolve) => (all = resolve))
    const busy = await serveRpc({
      port: 0,
      auth: { allow: () => true },
      async call() {
        if (++begun === 64) all()
        await held
        return { result: 1 }
      },
    })
    const ask = (): Promise<Response> =>
      fetch(`http://127.0.0.1:${busy.port}/`, { method: 'POST', body: '{"method":"x"}' })
    try {
      const waiting = Array.from({ length: 64 }, ask)
      await allBegun
      assert.equal((await ask()).status, 503)
      release()
      assert.deepEqual(new Set((await Promise.all(waiting)).map(({ status }) => status)), new Set([200]))
      assert.equal((await ask()).status, 200)
    } finally {
      await busy.stop()
    }
  })
})
