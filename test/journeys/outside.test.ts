/**
 * Promise: a program of this computer drives a real tab as it would drive Bitcoin Core, once the person at the tab has allowed it and as far as
 * that; no page of another site, and nobody without the password, does.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { TabLine } from '../../relay/tab-line.ts'
import { loadCredentials } from '../../rpc/credentials.ts'
import { serveRpc } from '../../rpc/server.ts'
import { journey, PASSPHRASE, type Tab, textOf } from '../support/tabs.ts'

const run = promisify(execFile)

/** A person allows it in the network view. */
async function allow(tab: Tab, what: 'read' | 'everything', code: string): Promise<void> {
  const { page } = tab
  await page.getByLabel('Programs may').selectOption(what)
  await page.getByLabel('Code that the server printed').fill(code)
  await page.getByRole('button', { name: 'Let programs call' }).click()
}

test(
  'a program makes a wallet, mines, pays and sees it confirmed in a tab, over HTTP alone',
  journey(async (world) => {
    const folder = await mkdtemp(join(tmpdir(), 'opentab-rpc-'))
    const cookieFile = join(folder, '.cookie')
    const auth = await loadCredentials({ cookieFile })
    const tabLine = new TabLine(() => undefined)
    const rpcServer = await serveRpc({ auth, port: 0, call: (...asked) => tabLine.call(...asked) })
    const url = `http://127.0.0.1:${rpcServer.port}`
    const cookie = await readFile(cookieFile, 'utf8')
    const send = (body: unknown, path = '/', headers: Record<string, string> = {}): Promise<Response> =>
      fetch(url + path, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(cookie).toString('base64')}`, ...headers },
        body: JSON.stringify(body),
      })
    const call = async (method: string, params: unknown = [], path = '/') => {
      const response = await send({ jsonrpc: '1.0', id: 7, method, params }, path)
      const { result, error, id } = await response.json()
      assert.equal(id, 7)
      return { status: response.status, result, error }
    }
    const curl = async (...args: string[]): Promise<string> =>
      (await run('curl', ['--silent', '--show-error', ...args])).stdout
    try {
      const server = await world.serve({ tabLine })
      const tab = await world.open('Ada', { server, path: '/network' })
      const { page } = tab

      // Off until it is allowed, and allowed by the code alone.
      assert.equal((await call('getblockcount')).error.code, -28)
      await allow(tab, 'read', '0000000000')
      await page.getByText('That is not the code').waitFor()
      assert.equal((await call('getblockcount')).error.code, -28)

      await allow(tab, 'read', tabLine.code)
      const mark = page.locator('ot-outside-mark aside')
      await mark.getByText('Programs may read this tab').waitFor()
      assert.deepEqual(await call('getblockcount'), { status: 200, result: 0, error: null })
      for (const method of ['generatetoaddress', 'getnewaddress', 'createwallet', 'stop', 'nosuchmethod'])
        assert.equal((await call(method)).error.code, -2, method)
      assert.equal((await call('walletpassphrase', [PASSPHRASE, 60])).error.code, -2)

      // The switch is on the page.
      await mark.getByRole('button', { name: 'Switch off' }).click()
      assert.equal((await call('getblockcount')).error.code, -28)
      await allow(tab, 'everything', tabLine.code)
      await mark.getByText('Programs may use this tab').waitFor()

      // The person chooses the passphrase; the program gets neither it nor the words.
      const making = call('createwallet', ['shop'])
      const dialog = page.locator('ot-outside-mark dialog')
      await dialog.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE)
      await dialog.getByRole('button', { name: 'Make the wallet' }).click()
      assert.deepEqual((await making).result, { name: 'shop' })
      assert.equal((await call('createwallet', ['x', false, false, 'secret words'])).error.code, -2)
      assert.equal((await call('revealmnemonic', [PASSPHRASE])).error.code, -2)

      // By plain curl, with the cookie file as Bitcoin Core's users do.
      const text = '{"jsonrpc":"1.0","id":"curl","method":"getnewaddress","params":[]}'
      const told = await curl(
        '--user',
        cookie,
        '--data-binary',
        text,
        '-H',
        'content-type: text/plain;',
        `${url}/wallet/shop`,
      )
      const address = JSON.parse(told).result as string
      assert.equal((await call('generatetoaddress', { nblocks: 101, address })).result.length, 101)
      const payee = (await call('getnewaddress', [], '/wallet/shop')).result
      assert.equal((await call('sendtoaddress', [payee, 1], '/wallet/shop')).error.code, -13)
      await tab.rpcOf('shop')('walletpassphrase', PASSPHRASE)
      const paid = await call('sendtoaddress', { address: payee, amount: 1, fee_rate: 5 }, '/wallet/shop')
      const txid = paid.result as string
      assert.deepEqual((await call('getrawmempool')).result, [txid])
      await call('generatetoaddress', [1, address])
      assert.equal((await call('gettransaction', [txid], '/wallet/shop')).result.confirmations, 1)

      // Errors and statuses are Bitcoin Core's.
      assert.deepEqual(
        [(await call('nosuchmethod')).status, (await call('nosuchmethod')).error.code],
        [404, -32601],
      )
      assert.deepEqual(
        [(await call('getblockhash', [999])).status, (await call('getblockhash', [999])).error.code],
        [500, -8],
      )
      assert.equal((await call('getwalletinfo', [], '/wallet/none')).error.code, -18)
      const batch = await send([
        { id: 1, method: 'getblockcount' },
        { jsonrpc: '2.0', id: 2, method: 'nosuchmethod' },
        { jsonrpc: '2.0', method: 'getblockcount' },
      ])
      const [first, second, ...none] = await batch.json()
      assert.deepEqual([first, second.error.code, none], [{ result: 102, error: null, id: 1 }, -32601, []])
      const statusOf = async (...args: string[]): Promise<string> =>
        curl('--output', '/dev/null', '--write-out', '%{http_code}', ...args)
      assert.equal(await statusOf('--data-binary', text, url), '401')
      assert.equal(await statusOf('--user', '__cookie__:00', '--data-binary', text, url), '401')
      assert.equal(await statusOf('--user', cookie, url), '405')

      // A page of another site gets nothing, with the password even, and is no tab with the code even.
      const other = createServer((_, response) => response.end('<!doctype html>')).listen(0, '127.0.0.1')
      try {
        const stranger = await (await world.newContext()).newPage()
        await stranger.goto(`http://127.0.0.1:${(other.address() as { port: number }).port}/`)
        const got = await stranger.evaluate(
          async ([rpc, base64, line, code]) => {
            const { reason } = await fetch(rpc!, {
              method: 'POST',
              mode: 'no-cors',
              body: '{"method":"stop"}',
            }).then(
              ({ status }) => ({ reason: `${status}` }),
              () => ({ reason: 'refused' }),
            )
            const authorized = await fetch(rpc!, {
              method: 'POST',
              headers: { authorization: `Basic ${base64}` },
              body: '{"method":"stop"}',
            }).then(
              () => 'answered',
              () => 'refused',
            )
            const socket = new WebSocket(line!)
            const opened = await new Promise((resolve) => {
              socket.onopen = () => socket.send(code!)
              socket.onmessage = () => resolve('taken')
              socket.onclose = () => resolve('refused')
            })
            return [reason, authorized, opened]
          },
          [url, Buffer.from(cookie).toString('base64'), `ws://localhost:${server.port}/rpc`, tabLine.code],
        )
        assert.deepEqual(got.slice(1), ['refused', 'refused'])
      } finally {
        other.close()
      }
      assert.equal((await call('getblockcount')).result, 102)
      assert.match(await textOf(mark), /Programs may use this tab · \d+ calls/)

      // A thousand calls at once, of which none is lost or made twice.
      const counts = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const asked = Array.from({ length: 50 }, (_, id) => ({ id, method: 'getblockcount' }))
          return (await (await send(asked)).json()) as { result: number; id: number }[]
        }),
      )
      assert.deepEqual(
        counts.flatMap((answers) => answers.map(({ result, id }) => [result, id])),
        counts.flatMap((answers) => answers.map((_, id) => [102, id])),
      )

      // What is under way when the tab goes is answered.
      const waiting = call('waitfornewblock')
      await page.waitForFunction(() =>
        window.opentab
          ?.rpc('getrpcinfo')
          .then(({ active_commands }) => active_commands.some(({ method }) => method === 'waitfornewblock')),
      )
      await page.close()
      assert.equal((await waiting).error.code, -1)
      assert.equal((await call('getblockcount')).error.code, -28)
    } finally {
      await rpcServer.stop()
      await rm(folder, { recursive: true })
    }
  }),
)
