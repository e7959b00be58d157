/**
 * Promise: the miner searches with the fastest kernels that the browser has, on the graphics card where the person allows it, and says with
 * which; one that can't be used never stops the others.
 */

import assert from 'node:assert/strict'
import test from 'node:test'
import { DIST } from '../../relay/build.ts'
import { loadPage } from '../../relay/page.ts'
import type { MiningInfo } from '../../web/rpc-results.ts'
import { WEBGPU_FLAGS } from '../support/chromium.ts'
import { journey, type Tab, textOf } from '../support/tabs.ts'

/** The part of `getmininginfo` that these journeys look at. */
type Mining = MiningInfo & {
  readonly generate: boolean
  readonly blocksfound: number
  readonly problem?: string
}

/** Waits until the tab has mined `more` blocks. */
async function untilMined(tab: Tab, more: number): Promise<Mining> {
  const { blocksfound } = await tab.rpc('getmininginfo')
  return tab.until(
    'it has mined',
    'getmininginfo',
    [],
    (info: Mining) => info.blocksfound >= blocksfound + more,
  )
}

test(
  'a person lets the graphics card mine, too, and the page says so',
  journey(async (world) => {
    await world.serve()
    const ada = await world.open('Ada', { path: '/miner' })
    const { page } = ada
    const card = page.getByLabel('Use the graphics card too')
    await ada.createWallet()
    await card.waitFor()
    assert.equal(await card.isChecked(), false)
    await page.getByRole('button', { name: 'Start mining' }).click()
    await page.getByText('Searching with WebAssembly SIMD.', { exact: true }).waitFor()
    await card.check()
    await page.getByText('Searching with WebAssembly SIMD and WebGPU.', { exact: true }).waitFor()
    const { kernels, graphicscard } = await untilMined(ada, 1)
    assert.deepEqual([kernels, graphicscard], [['WebAssembly SIMD', 'WebGPU'], true])
    await page.getByRole('button', { name: 'Stop mining' }).click()
    await ada.reload()
    await card.waitFor()
    assert.equal(await card.isChecked(), true, 'remembered')
  }, WEBGPU_FLAGS),
)

test(
  'without a graphics card none is offered, and one asked for all the same stops nothing',
  journey(async (world) => {
    await world.serve()
    const ada = await world.open('Ada', { path: '/miner' })
    const { page } = ada
    await ada.createWallet()
    await page.getByRole('button', { name: 'Start mining' }).click()
    await page.getByText('Searching with WebAssembly SIMD.', { exact: true }).waitFor()
    assert.equal(await page.getByLabel('Use the graphics card too').count(), 0)
    await ada.rpc('setgenerate', true, 1, 1, true)
    const sentence = /The graphics card can.t be used: this browser offers none for computing\./
    await page.getByText(sentence).waitFor()
    const { kernels, generate, problem } = await untilMined(ada, 2)
    assert.deepEqual([kernels, generate, problem], [['WebAssembly SIMD'], true, undefined])
    await ada.rpc('setgenerate', false)
    await page.getByRole('link', { name: 'Network', exact: true }).first().click()
    await page.getByText('The processor goes on mining.').waitFor()
  }),
)

test(
  'a tab whose mining kernels are missing says so once and mines without them',
  journey(async (world) => {
    const page = await loadPage(DIST)
    await world.serve({
      page: () => (request, response) => {
        if (/mining-.*\.wasm$/.test(request.url ?? '')) response.writeHead(404).end()
        else page(request, response)
      },
    })
    const ada = await world.open('Ada', { path: '/network' })
    await ada.createWallet()
    await ada.rpc('setgenerate', true, 2)
    const { kernels } = await untilMined(ada, 1)
    await ada.rpc('setgenerate', false)
    assert.deepEqual(kernels, ['TypeScript'])
    const line = ada.page.getByText('The processor mines with TypeScript.')
    await line.first().waitFor()
    const text = await textOf(line.first())
    assert.match(
      text,
      /mining kernel in WebAssembly SIMD can't be used \(.*404\)\..* in WebAssembly can't be used \(.*404\)\./,
    )
    assert.equal(await line.count(), 1, 'once for all threads')
  }),
)
