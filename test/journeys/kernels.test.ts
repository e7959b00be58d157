/** Promise: where the kernels of signatures and hashes are missing or altered, the tab says so in its log and does without them. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { DIST } from '../../relay/build.ts'
import { loadPage, type PageHandler } from '../../relay/page.ts'
import { journey } from '../support/tabs.ts'

/** Blocks after which the first can be spent on regtest. */
const MATURE = 101

const FALLS_BACK =
  /The signature kernel can't be used \((.*)\)\. Signatures are checked by the plain verifier/
const HASHES_PLAINLY = /The hash kernel can't be used \(.*\)\. Hashes are computed without it/

/** The page, but for its kernels: `undefined` for none. */
async function pageWithKernels(kernel: Uint8Array | undefined): Promise<PageHandler> {
  const page = await loadPage(DIST)
  return (request, response) => {
    if (!request.url?.endsWith('.wasm')) page(request, response)
    else if (kernel === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': 'application/wasm' }).end(kernel)
  }
}

/** The kernel with another generator. */
async function alteredKernel(): Promise<Uint8Array> {
  const kernel = await readFile(new URL('../../kernels/build/secp256k1.wasm', import.meta.url))
  const limb = Buffer.alloc(4)
  limb.writeUInt32LE(0x2f81798)
  const at = kernel.indexOf(limb)
  assert.ok(at > 0)
  return kernel.with(at, kernel[at] ^ 4)
}

for (const [what, kernel, reason] of [
  ['missing', async () => undefined, /404/],
  ['altered', alteredKernel, /it answers/],
] as const)
  test(
    `a tab whose kernels are ${what} says so and verifies payments without them`,
    journey(async (world) => {
      const page = await pageWithKernels(await kernel())
      await world.serve({ page: () => page })
      const ada = await world.open('Ada', { path: '/network' })
      const line = ada.page.getByText(FALLS_BACK)
      for (const told of [line, ada.page.getByText(HASHES_PLAINLY)]) await told.first().waitFor()
      assert.match((await line.first().textContent()) ?? '', reason)
      assert.equal(await line.count(), 1, 'once for all workers')
      assert.equal(await ada.page.getByText(HASHES_PLAINLY).count(), 1)
      await ada.createWallet()
      await ada.generate(MATURE)
      const txid = await ada.pay(await ada.rpc('getnewaddress'), 1)
      await ada.generate(1)
      const { confirmations } = await ada.rpc('gettransaction', txid)
      assert.equal(confirmations, 1)
    }),
  )

test(
  'a tab whose kernels load says nothing of them',
  journey(async (world) => {
    await world.serve()
    const ada = await world.open('Ada', { path: '/network' })
    await ada.createWallet()
    await ada.generate(MATURE)
    await ada.pay(await ada.rpc('getnewaddress'), 1)
    for (const line of [FALLS_BACK, HASHES_PLAINLY]) assert.equal(await ada.page.getByText(line).count(), 0)
    for (const kernel of [/secp256k1[^/]*\.wasm$/, /sha256[^/]*\.wasm$/])
      assert.ok(ada.requests.some((url) => kernel.test(url)))
  }),
)
