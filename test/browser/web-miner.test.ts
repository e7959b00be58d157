/** The miner's page speaks of the next block as of now, and says why it rests. */
import { assert } from 'chai'
import type { MiningEvent } from '../../src/node/events.ts'
import { Guide } from '../../web/components/guide.ts'
import '../../web/components/guide-step.ts'
import { LiveNode } from '../../web/live-node.ts'
import { MinerView } from '../../web/views/miner-view.ts'
import { deepAll, deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

const MINING: MiningEvent = {
  active: true,
  threads: 2,
  throttle: 1,
  graphicsCard: false,
  graphicsCardProblem: undefined,
  kernels: [],
  hashRate: 2 ** 32 / 3600,
  blocksFound: 0,
  problem: undefined,
  pause: undefined,
}

describe('the first steps', () => {
  it('say why the miner rests, without a bar that runs', async () => {
    const opentab = new ScriptedOpentab({
      getmininginfo: () => ({ next: { height: 8, difficulty: 1, ease: 0 }, networkhashps: 0, kernels: [] }),
      getbalances: () => ({ mine: { trusted: 0, untrusted_pending: 0, immature: 0 } }),
      listtransactions: () => [],
    })
    const guide = new Guide()
    guide.node = new LiveNode(opentab)
    document.body.append(guide)
    opentab.emit('mining', { ...MINING, hashRate: 0 })
    await until('it starts', () => deepAll(guide, 'progress').length === 1)
    opentab.emit('mining', { ...MINING, hashRate: 0, pause: 'Mining rests. Set the clock right.' })
    await until('it rests', () => deepAll(guide, 'progress').length === 0)
    assert.include(deepOne(guide, '[role=alert]').textContent!, 'Mining rests. Set the clock right.')
    deepOne(guide, 'button', 'Stop')
    guide.remove()
  })
})

describe('the miner', () => {
  let opentab: ScriptedOpentab
  let view: MinerView
  /** Of the next block; a block takes 2^32 hashes times this. */
  let difficulty: number
  /** Of its target, in doublings. */
  let ease: number

  const shows = (text: string): boolean => view.shadowRoot!.textContent!.replace(/\s+/g, ' ').includes(text)

  beforeEach(() => {
    difficulty = 4
    ease = 0
    opentab = new ScriptedOpentab({
      getmininginfo: () => ({ next: { height: 8, difficulty, ease }, networkhashps: 1000, kernels: [] }),
    })
    view = new MinerView()
    view.node = new LiveNode(opentab)
    document.body.append(view)
    opentab.emit('mining', MINING)
  })

  afterEach(() => view.remove())

  it('sees the next block get easier while none comes', async () => {
    // 9 minutes, and still so when the machine stood still for a while.
    const time = Date.now() / 1000 - 515
    opentab.emit('tip', { hash: '0' as never, height: 7, time, disconnected: 0, connected: 1 })
    await until('the chances', () => shows('about every 4 h'))
    assert.isFalse(shows('eased'))
    difficulty = 1
    ease = 2
    await until('they are better', () => shows('about every 1 h'))
    assert.isTrue(shows('on average: eased 4-fold, since no block came for 9 min'))
  })

  it('shows the settings that the miner works with, whoever set them', async () => {
    await view.updateComplete
    opentab.emit('mining', { ...MINING, threads: 1, throttle: 0.35 })
    await until('its share', () => deepOne(view, 'output[for=throttle]').textContent === '35 %')
    assert.match(deepOne(view, 'output[for=threads]').textContent!, /^1 of/)
    assert.equal((deepOne(view, '#throttle') as HTMLInputElement).value, '35')
    opentab.emit('mining', { ...MINING, active: false, throttle: 0.35 })
    await until('those chosen', () => deepOne(view, 'output[for=throttle]').textContent === '100 %')
  })

  it('is paused where others would refuse its blocks, with what to do', async () => {
    const pause =
      'Mining rests. Others may refuse blocks that this tab mines. Set the clock of this computer right.'
    opentab.emit('mining', { ...MINING, kernels: ['WebAssembly SIMD'], hashRate: 0, pause })
    await until('the reason', () => shows(pause))
    assert.isTrue(shows('none while paused'))
    assert.isFalse(shows('Searching with') || shows('start mining to see'))
    assert.equal(deepOne(view, '.badge').textContent, 'Paused')
    opentab.emit('mining', MINING)
    await until('it mines again', () => deepOne(view, '.badge').textContent === 'Mining')
    assert.isFalse(shows('Mining rests'))
  })
})
