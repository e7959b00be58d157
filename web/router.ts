/**
 * Which view a path names, and the way between them. Paths are real (`/block/120`): the server answers each with the page. The query
 * (`?network=regtest&relay=ADDRESS&profile=NAME&wallet=NAME`) says what this tab is and which of its wallets is shown; it stays as it is on every path. Thread: Window.
 */

/** The wallet's pages, and their titles. */
const WALLET_PAGES = {
  home: 'Wallet',
  all: 'Wallets',
  create: 'Create a wallet',
  words: 'Seed words',
  restore: 'Restore a wallet',
  watch: 'Watch a wallet',
  send: 'Send',
  receive: 'Receive',
  backup: 'Backup and passphrase',
  sign: 'Sign a payment',
  payment: 'Payment',
} as const

export type WalletPage = keyof typeof WALLET_PAGES

export type Route =
  | { readonly view: 'overview' | 'miner' | 'network' | 'networks' }
  | { readonly view: 'wallet'; readonly page: WalletPage; readonly id?: string }
  /** `page`: '' for the list; which others there are, its element knows. */
  | { readonly view: 'channels'; readonly page: string }
  | { readonly view: 'explorer'; readonly page: 'blocks' | 'mempool' }
  | { readonly view: 'block' | 'tx' | 'address'; readonly id: string }
  | { readonly view: 'not-found'; readonly path: string }

/** Reads a path such as `/wallet/send`. What isn't a view is `not-found`. */
export function parseRoute(path: string): Route {
  const notFound: Route = { view: 'not-found', path }
  const parts = path.split('/').filter(Boolean).map(decoded)
  const [view = 'overview', second, third] = parts
  if (view === 'wallet') {
    if (second === undefined) return { view, page: 'home' }
    if (second === 'tx' && third !== undefined && parts.length === 3)
      return { view, page: 'payment', id: third }
    // These two have other paths.
    const isPage =
      Object.hasOwn(WALLET_PAGES, second) && second !== 'home' && second !== 'payment' && parts.length === 2
    return isPage ? { view, page: second as WalletPage } : notFound
  }
  if (view === 'channels' && parts.length <= 2) return { view, page: second ?? '' }
  if (view === 'block' || view === 'tx' || view === 'address')
    return second !== undefined && parts.length === 2 ? { view, id: second } : notFound
  if (view === 'explorer' && (second === undefined || second === 'mempool') && parts.length <= 2)
    return { view, page: second ?? 'blocks' }
  const isPlain = view === 'overview' || view === 'miner' || view === 'network' || view === 'networks'
  return isPlain && parts.length <= 1 ? { view } : notFound
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** What the browser shows as the page's title, without the name of the page. */
export function titleOf(route: Route): string {
  switch (route.view) {
    case 'overview':
      return 'Overview'
    case 'wallet':
      return WALLET_PAGES[route.page]
    case 'channels':
      return 'Channels'
    case 'explorer':
      return route.page === 'mempool' ? 'Waiting transactions' : 'Explorer'
    case 'block':
      return /^\d+$/.test(route.id)
        ? `Block ${route.id}`
        : `Block ${route.id.replace(/^0+/, '').slice(0, 8)}…`
    case 'tx':
      return `Transaction ${route.id.slice(0, 8)}…`
    case 'address':
      return `Address ${route.id.slice(0, 10)}…`
    case 'miner':
      return 'Miner'
    case 'network':
      return 'Network'
    case 'networks':
      return 'Networks'
    case 'not-found':
      return 'Page not found'
  }
}

/** Follows clicks on the page's own links and the browser's back and forward. */
export class Router {
  route: Route = parseRoute(location.pathname)
  readonly #changed: (route: Route) => void
  /** Links that were given this tab's query, and what their address then was. */
  readonly #given = new WeakMap<HTMLAnchorElement, string>()

  /** `changed` is called after every navigation, not for the first route. */
  constructor(changed: (route: Route) => void) {
    this.#changed = changed
  }

  start(): void {
    addEventListener('popstate', this.#follow)
    document.addEventListener('click', this.#click)
    for (const kind of REACHED) document.addEventListener(kind, this.#reach)
  }

  stop(): void {
    removeEventListener('popstate', this.#follow)
    document.removeEventListener('click', this.#click)
    for (const kind of REACHED) document.removeEventListener(kind, this.#reach)
  }

  /**
   * Goes to a path; the query stays, unless the path has one, if only an empty one. What is left is noted in the history's state, as `from`. `replace` leaves no way
   * back to where we are.
   */
  go(path: string, replace = false): void {
    const url = path.includes('?') ? path.replace(/\?$/, '') : path + location.search
    if (replace) history.replaceState(history.state, '', url)
    else if (url !== location.pathname + location.search)
      history.pushState({ from: location.pathname }, '', url)
    this.#follow()
  }

  readonly #follow = (): void => {
    this.route = parseRoute(location.pathname)
    this.#changed(this.route)
  }

  readonly #click = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = ownLink(event)
    if (link === undefined) return
    event.preventDefault()
    // Whole, since `search` doesn't tell an empty query.
    this.go(this.#isGiven(link) ? link.pathname : link.href.slice(link.origin.length))
  }

  /** A link that is about to be opened or copied, maybe for another tab, names this tab's network: without it another one would be shown there. */
  readonly #reach = (event: Event): void => {
    const link = ownLink(event)
    if (link === undefined || (link.href.includes('?') && !this.#isGiven(link))) return
    link.href = newTabUrl(link.pathname)
    this.#given.set(link, link.href)
  }

  #isGiven(link: HTMLAnchorElement): boolean {
    return this.#given.get(link) === link.href
  }
}

/** What comes before a link is opened, or its menu: also by touch and by keys. */
const REACHED = ['pointerdown', 'keydown'] as const

/** The link to another view that an event is about. */
function ownLink(event: Event): HTMLAnchorElement | undefined {
  const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement)
  if (link === undefined || link.target !== '' || link.hasAttribute('download')) return undefined
  return link.origin === location.origin && link.hash === '' ? link : undefined
}

/** Where an element asks the app to go, see `Router.go`. */
export interface Destination {
  readonly path: string
  readonly replace: boolean
}

/** Asks the page to show another view: bubbles from any element to the app. */
export function navigate(from: EventTarget, path: string, replace = false): void {
  const detail: Destination = { path, replace }
  from.dispatchEvent(new CustomEvent('ot-navigate', { detail, bubbles: true, composed: true }))
}

/** The wallet that the page's address names, if it names one. */
export function namedWallet(): string | undefined {
  return new URLSearchParams(location.search).get('wallet') ?? undefined
}

/** The address of a path, for a tab of its own: the query goes along, except the profile, which this tab holds, and its wallet. */
export function newTabUrl(path = '/'): string {
  const query = new URLSearchParams(location.search)
  query.delete('profile')
  query.delete('wallet')
  return query.size === 0 ? path : `${path}?${query}`
}
