/** What stands around every view: short messages lie over nothing that is read at the ends of rows, the first screen says what this is, and its mark is one's own. */
import { setViewport } from '@web/test-runner-commands'
import { assert } from 'chai'
import { App } from '../../web/app.ts'
import '../../web/components/notices.ts'
import type { Notices } from '../../web/components/notices.ts'
import { StartScreen } from '../../web/components/start-screen.ts'
import { LiveNode } from '../../web/live-node.ts'
import { WalletRestore } from '../../web/views/wallet-restore.ts'
import { deepAll, deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

/** Of the test page, pixels. */
const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 390, height: 800 }

after(() => setViewport({ width: 800, height: 600 }))

describe('short messages', () => {
  let app: App
  let opentab: ScriptedOpentab
  let notices: Notices
  /** What was to be done later, by this page's own clock. */
  let later: (() => void)[]
  const { setTimeout } = globalThis

  beforeEach(async () => {
    opentab = new ScriptedOpentab({
      getblockchaininfo: () => ({ bestblockhash: 'ab'.repeat(32), blocks: 7, time: 0 }),
      getnetworkinfo: () => ({ relays: [], relayedonlypeers: 0, connectionsused: 0, warnings: [] }),
      getpeerinfo: () => [],
    })
    history.replaceState(null, '', `${location.pathname}${location.search}`)
    app = new App()
    document.body.append(app)
    await app.start(async () => opentab)
    await app.updateComplete
    notices = deepOne(app, 'ot-notices') as Notices
    later = []
    globalThis.setTimeout = ((run: () => void, milliseconds: number) => {
      if (milliseconds < 3000) return setTimeout(run, milliseconds)
      later.push(run)
      return 0
    }) as typeof setTimeout
  })

  afterEach(() => {
    globalThis.setTimeout = setTimeout
    app.remove()
  })

  const texts = (): string[] => deepAll(notices, '.message').map(({ textContent }) => textContent!.trim())

  async function show(...messages: string[]): Promise<void> {
    for (const message of messages) notices.show(message)
    await notices.updateComplete
  }

  /** Whether two boxes share a pixel. */
  function meet(one: DOMRect, other: DOMRect): boolean {
    return (
      one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom
    )
  }

  it('leave in view what tells the state: the tab’s in the header, and a payment’s at the end of its row', async () => {
    const long =
      'A branch with more work won: 12 blocks replaced, and a payment of 1,234.567 coins is coming in.'
    for (const size of [WIDE, NARROW]) {
      await setViewport(size)
      await show(long, long, long)
      const box = deepOne(notices, '.messages').getBoundingClientRect()
      const boxes = deepAll(notices, '.message')
        .filter((message) => message.checkVisibility())
        .map((message) => message.getBoundingClientRect())
      assert.isAbove(box.height, 0)
      const pill = deepOne(app, '.link-state').getBoundingClientRect()
      for (const message of boxes) assert.isFalse(meet(message, pill), `${size.width} pixels`)
      if (size === WIDE) {
        // Rows end where the page's column does, their badges some 180 pixels before that.
        const { right } = deepOne(app, 'main').getBoundingClientRect()
        for (const message of boxes) assert.isBelow(message.right, right - 300)
      } else assert.lengthOf(boxes, 1, 'little lies over a phone’s page')
    }
  })

  it('are read out when the reader has finished, and take no click from what is beside them', async () => {
    await show('One block replaced.')
    const region = deepOne(notices, '[role=status]')
    assert.equal(region.ariaLive, 'polite')
    assert.equal(region.textContent!.trim(), 'One block replaced.')
    assert.equal(getComputedStyle(notices).pointerEvents, 'none')
    assert.equal(getComputedStyle(deepOne(notices, '.message')).pointerEvents, 'auto')
  })

  it('tell once of what comes in, and to which wallet', async () => {
    const incoming = (amount: number) => ({
      gettransaction: () => ({ amount, confirmations: 0, details: [{ category: 'receive' }] }),
    })
    opentab.of[''] = { answers: incoming(1.5) }
    opentab.of.savings = { answers: incoming(20) }
    for (const wallet of ['', 'savings', 'savings'])
      opentab.emit('wallet', { wallet, loaded: true, state: 'locked', txids: ['ab'.repeat(32)] as never })
    await until('both are told', () => texts().length === 2)
    assert.deepEqual(texts(), ['1.5 coins coming in.', '20 coins coming in to “savings”.'])
  })

  it('go by themselves, or at a tap; one of a kind that repeats stays one', async () => {
    await show('First', 'Second')
    assert.deepEqual(texts(), ['First', 'Second'])
    later.shift()!()
    await notices.updateComplete
    assert.deepEqual(texts(), ['Second'])
    deepOne(notices, '.message').click()
    await notices.updateComplete
    assert.deepEqual(texts(), [])
    for (let i = 0; i < 3; i++) notices.show((count) => `${count} blocks`, 'mined')
    await notices.updateComplete
    assert.deepEqual(texts(), ['3 blocks'])
    // The clock of one that was replaced takes nothing away.
    for (const run of later.slice(0, -1)) run()
    await notices.updateComplete
    assert.deepEqual(texts(), ['3 blocks'])
    later.at(-1)!()
    await notices.updateComplete
    assert.deepEqual(texts(), [])
  })
})

describe('the first screen', () => {
  it('says what Opentab is before anything runs, and shows its mark', async () => {
    const screen = new StartScreen()
    document.body.append(screen)
    await screen.updateComplete
    const text = deepOne(screen, 'main').textContent!.replace(/\s+/g, ' ')
    assert.include(text, 'Opentab A Bitcoin-style network whose nodes are browser tabs.')
    assert.include(deepOne(screen, '[role=status]').textContent!, 'Loading')
    assert.isAbove(deepOne(screen, '.mark').getBoundingClientRect().height, 40)
    screen.remove()
  })
})

describe('the mark', () => {
  /** Which of 32 × 32 pixels are of the mark's colour, as the browser draws the file. */
  async function drawn(address: string): Promise<(x: number, y: number) => boolean> {
    const image = new Image(32, 32)
    image.src = address
    await image.decode()
    const context = new OffscreenCanvas(32, 32).getContext('2d')!
    context.drawImage(image, 0, 0, 32, 32)
    const { data } = context.getImageData(0, 0, 32, 32)
    return (x, y) => {
      const at = 4 * (32 * y + x)
      return data[at + 3]! > 128 && data[at]! < 128
    }
  }

  it('is a tab of a browser: wider than tall, with nothing above it that a padlock would have', async () => {
    const isInk = await drawn(new URL('../../web/public/favicon.svg', import.meta.url).href)
    const rows = Array.from({ length: 32 }, (_, y) => Array.from({ length: 32 }, (_, x) => isInk(x, y)))
    const inked = rows.flatMap((row, y) => (row.some(Boolean) ? [y] : []))
    const widths = rows.map((row) => row.lastIndexOf(true) - row.indexOf(true) + 1)
    const height = inked.at(-1)! - inked[0]! + 1
    assert.isAbove(Math.max(...widths), height, 'wider than tall')
    // A shackle would be narrower than the body below it.
    assert.isAbove(widths[inked[0]! + 2]!, 24, 'as wide at the top as below')
  })
})

describe('a backup file', () => {
  it('is chosen by a button that looks like the page’s others, or dropped anywhere in the field around it', async () => {
    await setViewport(WIDE)
    const look = document.createElement('link')
    look.rel = 'stylesheet'
    look.href = new URL('../../web/styles/page.css', import.meta.url).href
    const loaded = new Promise((resolve) => look.addEventListener('load', resolve))
    document.head.append(look)
    await loaded
    const opentab = new ScriptedOpentab({})
    opentab.signer = { state: 'none' }
    const view = new WalletRestore()
    view.node = new LiveNode(opentab)
    document.body.append(view)
    await view.updateComplete
    deepOne(view, 'label', 'Backup file').querySelector('input')!.click()
    await until('the field', () => deepAll(view, '#file').length === 1)
    const field = deepOne(view, '#file')
    const button = getComputedStyle(field, '::file-selector-button')
    const plain = document.createElement('button')
    view.shadowRoot!.append(plain)
    const ours = getComputedStyle(plain)
    for (const property of [
      'borderRadius',
      'borderTopColor',
      'backgroundColor',
      'fontFamily',
      'fontWeight',
    ] as const)
      assert.equal(button[property], ours[property], property)
    // A native field takes what is dropped on it; nothing lies over it.
    const box = field.getBoundingClientRect()
    assert.isAbove(box.height, 60)
    assert.equal(getComputedStyle(field).borderTopStyle, 'dashed')
    const root = field.getRootNode() as ShadowRoot
    for (const x of [box.left + 4, box.right - 4])
      assert.isTrue(root.elementFromPoint(x, box.top + box.height / 2) === field, `${x} pixels`)
    view.remove()
    look.remove()
  })
})
