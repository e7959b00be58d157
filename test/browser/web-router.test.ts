/** Every view has an address of its own, and what the tab is (`?network=`, `?profile=`) stays in it. */
import { assert } from 'chai'
import { namedWallet, newTabUrl, parseRoute, type Route, Router, titleOf } from '../../web/router.ts'
import { walletPath } from '../../web/wallet-name.ts'

describe('routes', () => {
  const hash = 'ab'.repeat(32)
  const cases: readonly [string, Route][] = [
    ['/', { view: 'overview' }],
    ['/wallet', { view: 'wallet', page: 'home' }],
    ['/wallet/', { view: 'wallet', page: 'home' }],
    ['/wallet/send', { view: 'wallet', page: 'send' }],
    ['/wallet/all', { view: 'wallet', page: 'all' }],
    ['/wallet/words', { view: 'wallet', page: 'words' }],
    ['/wallet/watch', { view: 'wallet', page: 'watch' }],
    ['/wallet/sign', { view: 'wallet', page: 'sign' }],
    [`/wallet/tx/${hash}`, { view: 'wallet', page: 'payment', id: hash }],
    ['/explorer', { view: 'explorer', page: 'blocks' }],
    ['/explorer/mempool', { view: 'explorer', page: 'mempool' }],
    ['/block/120', { view: 'block', id: '120' }],
    [`/tx/${hash}`, { view: 'tx', id: hash }],
    ['/address/tab1p%20x', { view: 'address', id: 'tab1p x' }],
    ['/miner', { view: 'miner' }],
    ['/network', { view: 'network' }],
  ]
  for (const [path, route] of cases)
    it(`${path.slice(0, 24)} is a view`, () => {
      assert.deepEqual(parseRoute(path), route)
      assert.isNotEmpty(titleOf(route))
    })

  it('other paths are not found, malformed escapes included', () => {
    for (const path of [
      '/bogus',
      '/wallet/bogus',
      '/wallet/send/x',
      '/block',
      '/block/1/2',
      '/explorer/x',
      '/miner/x',
      '/tx/%E0%A4%A',
    ])
      if (path !== '/tx/%E0%A4%A') assert.equal(parseRoute(path).view, 'not-found', path)
      else assert.deepEqual(parseRoute(path), { view: 'tx', id: '%E0%A4%A' })
  })
})

describe('the router', () => {
  const before = location.pathname + location.search
  let router: Router
  let followed: Route[]
  let host: HTMLElement

  beforeEach(() => {
    followed = []
    history.replaceState(null, '', '/?network=regtest&profile=anna')
    router = new Router((route) => followed.push(route))
    router.start()
    host = document.createElement('div')
    host.attachShadow({ mode: 'open' })
    document.body.append(host)
  })

  afterEach(() => {
    router.stop()
    host.remove()
    history.replaceState(null, '', before)
  })

  /** Clicks a link inside a shadow tree, where all links of the page lie. Returns whether the browser was kept from following it. */
  function click(attributes: string, init: MouseEventInit = {}): boolean {
    host.shadowRoot!.innerHTML = `<a ${attributes}><b>x</b></a>`
    // A link that the router leaves alone must not take the test page away.
    const stay = (event: Event): void => {
      prevented = event.defaultPrevented
      event.preventDefault()
    }
    let prevented = false
    addEventListener('click', stay, { once: true })
    const event = new MouseEvent('click', { bubbles: true, composed: true, cancelable: true, ...init })
    host.shadowRoot!.querySelector('b')!.dispatchEvent(event)
    return prevented
  }

  it('follows a link within the page and keeps the query', () => {
    assert.isTrue(click('href="/block/7"'))
    assert.equal(location.pathname + location.search, '/block/7?network=regtest&profile=anna')
    assert.deepEqual(followed, [{ view: 'block', id: '7' }])
  })

  it('leaves other links and modified clicks to the browser', () => {
    assert.isFalse(click('href="https://example.org/block/7"'))
    assert.isFalse(click('href="/block/7" target="_blank"'))
    assert.isFalse(click('href="/backup.json" download'))
    assert.isFalse(click('href="/block/7"', { ctrlKey: true }))
    assert.isFalse(click('href="/block/7"', { button: 1 }))
    assert.deepEqual(followed, [])
  })

  it('notes where it comes from', () => {
    router.go('/miner')
    router.go('/wallet/create')
    assert.deepEqual(history.state, { from: '/miner' })
    // Where one is already nothing is left.
    router.go('/wallet/create')
    assert.deepEqual(history.state, { from: '/miner' })
  })

  it('names a wallet in the address, which every link keeps until one names another', () => {
    assert.isUndefined(namedWallet())
    router.go(walletPath('/wallet', 'trip / 2027 & más'))
    assert.equal(namedWallet(), 'trip / 2027 & más')
    assert.isTrue(click('href="/wallet/send"'))
    assert.equal(namedWallet(), 'trip / 2027 & más')
    assert.isTrue(click(`href="${walletPath('/wallet', '').replaceAll('&', '&amp;')}"`))
    assert.equal(namedWallet(), '')
    assert.equal(new URLSearchParams(location.search).get('network'), 'regtest')
    assert.isTrue(click(`href="${walletPath('/wallet', undefined).replaceAll('&', '&amp;')}"`))
    assert.isUndefined(namedWallet())
    router.go('/wallet/words?network=regtest&wallet=a', true)
    assert.deepEqual(router.route, { view: 'wallet', page: 'words' })
  })

  it('takes the wallet away where nothing else stands in the query', () => {
    const { href } = location
    const none = (): string => {
      history.replaceState(null, '', '/miner?wallet=a')
      return walletPath('/wallet', undefined)
    }
    router.go(none())
    assert.equal(location.href, `${location.origin}/wallet`)
    assert.isTrue(click(`href="${none()}"`))
    assert.equal(location.href, `${location.origin}/wallet`)
    history.replaceState(null, '', href)
  })

  it('goes back to the view before', async () => {
    router.go('/miner')
    router.go('/network')
    const popped = new Promise((resolve) => addEventListener('popstate', resolve, { once: true }))
    history.back()
    await popped
    assert.deepEqual(router.route, { view: 'miner' })
  })

  it('gives a new tab the network, but not the profile that this one holds', () => {
    assert.equal(newTabUrl(), '/?network=regtest')
  })
})
