/** The page's frame: what is typed there stays, the focus goes where the person goes, and every exit leads out. */
import { setViewport } from '@web/test-runner-commands'
import { assert } from 'chai'
import { PUBLIC } from '../../src/consensus/params.ts'
import type { MiningEvent, TipEvent } from '../../src/node/events.ts'
import { App } from '../../web/app.ts'
import { StartScreen } from '../../web/components/start-screen.ts'
import { focused } from '../../web/focus.ts'
import { LiveNode } from '../../web/live-node.ts'
import { networkSpeed } from '../../web/mining.ts'
import { Router } from '../../web/router.ts'
import type { MiningInfo } from '../../web/rpc-results.ts'
import '../../web/views/other-views.ts'
import { BrainClient } from '../../web/tab/brain-client.ts'
import { TabError } from '../../web/tab/tab-error.ts'
import { deepAll, deepOne, ScriptedOpentab, type, until } from './support/scripted-opentab.ts'

const HASH = 'ab'.repeat(32)

/** A block as `getblock` and `getblockheader` tell of it. */
const block = (height: number, confirmations: number) => ({
  hash: HASH,
  height,
  confirmations,
  time: 0,
  nonce: 0,
  difficulty: 1,
  merkleroot: HASH,
  nTx: 0,
  size: 285,
  weight: 1140,
  tx: [],
})

const tip = (height: number): TipEvent =>
  ({ hash: HASH, height, time: 0, disconnected: 0, connected: 1 }) as unknown as TipEvent

/** Of the test page, pixels. */
const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 390, height: 800 }

async function resize(size: typeof WIDE): Promise<void> {
  await setViewport(size)
  await until('the page has this width', () => innerWidth === size.width)
}

describe('the page', () => {
  after(() => resize({ width: 800, height: 600 }))

  const before = location.pathname + location.search
  let app: App
  let opentab: ScriptedOpentab
  /** Answers `getblock`, once the test lets it. */
  let answerBlock: (found: unknown) => void
  /** Blocks of the active chain. */
  let height: number
  let confirmations: number

  beforeEach(async () => {
    await resize(WIDE)
    height = 7
    confirmations = 1
    const answered = new Promise((resolve) => {
      answerBlock = resolve
    })
    history.replaceState(null, '', '/?network=regtest')
    opentab = new ScriptedOpentab({
      getblockchaininfo: () => ({ bestblockhash: HASH, blocks: height, time: 0 }),
      getnetworkinfo: () => ({ relays: [], relayedonlypeers: 0, connectionsused: 0, warnings: [] }),
      getpeerinfo: () => [],
      getmininginfo: () => ({ next: { height: 8, difficulty: 1, ease: 0 }, networkhashps: 0, kernels: [] }),
      getmempoolinfo: () => ({ size: 0, bytes: 0, mempoolminfee: 0.00001 }),
      getrawmempool: () => ({}),
      getbalances: () => ({ mine: { trusted: 0, untrusted_pending: 0, immature: 0 } }),
      listtransactions: () => [],
      getblockcount: () => -1,
      getblockhash: (asked: number) => {
        if (asked > height)
          throw new Error(`The chain has no block ${asked} yet: its tip is block ${height}.`)
        return HASH
      },
      getblock: () => answered,
      getblockheader: () => block(height, confirmations),
      search: () => ({ type: 'block', id: HASH }),
    })
    app = new App()
    document.body.append(app)
    await app.start(async () => opentab)
    await app.updateComplete
  })

  afterEach(() => {
    app.remove()
    history.replaceState(null, '', before)
  })

  const heading = (): HTMLElement => deepAll(app, 'main h1').concat(deepAll(app, 'h1')).at(-1)!
  const searchField = (): HTMLInputElement => deepOne(app, 'input[type=search]') as HTMLInputElement
  const visit = (name: string): void => deepOne(app, 'nav a', name).click()

  it('keeps the search, what is typed there and the focus, whatever view comes', async () => {
    const field = searchField()
    field.focus()
    type(field, '12')
    for (const [name, title] of [
      ['Explorer', 'Explorer'],
      ['Miner', 'Miner'],
      ['Overview', 'Overview'],
    ] as const) {
      visit(name)
      await until(`it shows ${name}`, () => deepAll(app, 'h1').some((h1) => h1.textContent === title))
      await until('it has settled', () => document.title.startsWith(title))
      assert.equal(deepAll(app, 'input[type=search]').length, 1, name)
      // Elements are compared apart: the test runner can't report them.
      assert.isTrue(searchField() === field && focused() === field, name)
      assert.equal(field.value, '12')
    }
  })

  it('has the search where one explores a narrow window, and a key that leads there', async () => {
    await resize(NARROW)
    await until('the search is gone', () => !searchField().checkVisibility())
    document.dispatchEvent(new KeyboardEvent('keydown', { key: '/', bubbles: true, cancelable: true }))
    await until('the search has the focus', () => focused() === searchField())
    assert.equal(document.title.split(' ')[0], 'Explorer')
  })

  it('leaves the focus to whoever went on while a view was on its way', async () => {
    deepOne(app, 'nav a', 'Explorer').focus()
    visit('Explorer')
    searchField().focus()
    await until('it shows the explorer', () => deepAll(app, 'h1').some((h1) => h1.textContent === 'Explorer'))
    await new Promise((resolve) => requestAnimationFrame(resolve))
    assert.isTrue(focused() === searchField())
  })

  it('takes the focus to the heading of what was found, before and after the node has answered', async () => {
    const field = searchField()
    field.focus()
    type(field, HASH)
    deepOne(app, 'form[role=search]').dispatchEvent(new SubmitEvent('submit', { cancelable: true }))
    await until('the block’s page has the focus', () => focused()?.tagName === 'H1')
    const title = focused()
    assert.equal(field.value, '')
    assert.isTrue(deepAll(app, 'p').some(({ textContent }) => textContent === 'Reading the block…'))
    answerBlock(block(7, 1))
    await until('its number', () => title?.textContent === 'Block 7')
    assert.isTrue(focused() === title)
  })

  it('shows a block as soon as the chain has it, and calls none the latest that the chain left', async () => {
    height = 6
    history.replaceState(null, '', '/block/7?network=regtest')
    dispatchEvent(new PopStateEvent('popstate'))
    await until('it is not there', () =>
      deepAll(app, 'p').some(({ textContent }) => textContent!.includes('no block 7 yet')),
    )
    assert.equal(heading().textContent, 'Not found')
    height = 7
    answerBlock(block(7, 1))
    opentab.emit('tip', tip(7))
    await until('it is there', () => heading().textContent === 'Block 7')
    const badges = () => deepAll(deepOne(app, 'ot-block'), '.badge').map(({ textContent }) => textContent)
    assert.deepEqual(badges(), ['1 confirmation', 'Latest'])
    confirmations = -1
    opentab.emit('tip', tip(8))
    await until('it is stale', () => badges().includes('Not in the active chain'))
    assert.deepEqual(badges(), ['Not in the active chain'])
  })
})

describe('an address that is not right', () => {
  const before = location.pathname + location.search
  const router = new Router(() => assert.fail('The page tried to follow it by itself'))

  afterEach(() => {
    router.stop()
    history.replaceState(null, '', before)
  })

  for (const [query, error, exit] of [
    ['?network=nope', new TabError('network', 'There is no such network.'), '/'],
    ['?network=regtest&profile=not%20one', new TabError('profile', 'No name.'), '/?network=regtest'],
    ['?profile=busy', new TabError('failed', 'It is in use.'), '/'],
  ] as const)
    it(`${query} has an exit without it`, async () => {
      history.replaceState(null, '', `/wallet${query}`)
      router.start()
      const screen = new StartScreen()
      screen.failure = error
      document.body.append(screen)
      await screen.updateComplete
      const link = deepOne(screen, 'a') as HTMLAnchorElement
      assert.equal(link.getAttribute('href'), exit)
      let left: boolean | undefined
      addEventListener(
        'click',
        (event) => {
          left = !event.defaultPrevented
          event.preventDefault()
        },
        { once: true },
      )
      link.click()
      assert.isTrue(left, 'the browser follows it')
      screen.remove()
    })
})

describe('the speed of the network', () => {
  it('is never less than this tab’s own, and not told where blocks tell nothing of it', () => {
    const opentab = new ScriptedOpentab({})
    const onPublic = new ScriptedOpentab({})
    Object.assign(onPublic, { identity: { ...opentab.identity, params: PUBLIC } })
    const say = (tab: ScriptedOpentab, networkhashps: number, own: number): string => {
      const node = new LiveNode(tab)
      node.mining = { ...node.mining, active: own > 0, hashRate: own } satisfies MiningEvent
      const { text, about } = networkSpeed(node, { networkhashps } as MiningInfo)
      return `${text} ${about}`
    }
    assert.equal(say(onPublic, 2e6, 1e6), '2.00 MH/s estimated, all miners')
    assert.equal(say(onPublic, 860, 9.78e6), '9.78 MH/s at least: yours alone')
    assert.equal(say(onPublic, 0, 0), '– too few blocks to tell')
    assert.equal(say(opentab, 0.001, 9.78e6), '– blocks come on demand here')
  })
})

describe('events', () => {
  it('that do not exist are refused with those that do', () => {
    const brain = new BrainClient()
    assert.throws(() => brain.on('tipp' as 'tip', () => {}), 'There is no event "tipp". There are tip, ')
    assert.throws(() => brain.on('toString' as 'tip', () => {}), 'no event')
    assert.throws(() => brain.on('tip', 'x' as never), 'must be a function')
    brain.on('tip', () => {})()
    brain.terminate()
  })
})
