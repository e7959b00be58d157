/**
 * `<ot-app>`: the page. Starts the tab, shows how that goes, then header, view and footer; the only place that knows every view. What other
 * elements ask for (another view, the passphrase, a message) bubbles up to here. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { icons, mark } from './components/icons.ts'
import type { Notices } from './components/notices.ts'
import './components/notices.ts'
import './components/search-box.ts'
import './components/start-screen.ts'
import { notFound } from './components/not-found.ts'
import type { UnlockDialog } from './components/unlock-dialog.ts'
import { amountWithUnit, countText, fromCoins, plural } from './format.ts'
import { LiveNode } from './live-node.ts'
import type { UnlockRequest } from './requests.ts'
import { type Route, Router, titleOf } from './router.ts'
import type { WalletTransactionDetail } from './rpc-results.ts'
import { base } from './styles/base.ts'
import type { Opentab } from './tab/opentab.ts'
import { chooseTheme, chosenTheme, type Theme } from './theme.ts'
import './views/overview-view.ts'

/** Fetches all views but the first, once. Rejects when the server can't be reached. */
const otherViews = (): Promise<unknown> => import('./views/other-views.ts')

/** Fetches the element of a view, unless it is there. */
async function load({ view }: Route): Promise<void> {
  if (view !== 'overview' && view !== 'not-found') await otherViews()
}

/** Main entries of the navigation, and the views that belong to each. */
const ENTRIES = [
  { path: '/', name: 'Overview', icon: icons.overview, views: ['overview'] },
  { path: '/wallet', name: 'Wallet', icon: icons.wallet, views: ['wallet'] },
  {
    path: '/explorer',
    name: 'Explorer',
    icon: icons.explorer,
    views: ['explorer', 'block', 'tx', 'address'],
  },
  { path: '/miner', name: 'Miner', icon: icons.miner, views: ['miner'] },
  { path: '/network', name: 'Network', icon: icons.network, views: ['network'] },
] as const

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }
const THEME_ICONS = { system: icons.system, light: icons.sun, dark: icons.moon } as const

export class App extends LitElement {
  static override properties = {
    node: { state: true },
    failure: { state: true },
    step: { state: true },
    route: { state: true },
    theme: { state: true },
  }
  static override styles = [
    base,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 100dvh;
      }
      .skip {
        position: absolute;
        z-index: 6;
        top: 8px;
        left: 8px;
        transform: translateY(-200%);
      }
      .skip:focus {
        transform: none;
      }
      header {
        position: sticky;
        z-index: 3;
        top: 0;
        border-bottom: 1px solid var(--line);
        background: var(--surface);
      }
      .bar {
        display: flex;
        align-items: center;
        gap: 16px;
        max-width: calc(var(--page-width) + 2 * var(--gutter));
        height: 60px;
        margin: 0 auto;
        padding: 0 var(--gutter);
      }
      .brand {
        display: flex;
        align-items: center;
        gap: 9px;
        color: var(--text);
        font-size: 17px;
        font-weight: 660;
        letter-spacing: -0.02em;
      }
      .brand:hover {
        text-decoration: none;
      }
      .brand svg {
        color: var(--accent);
      }
      nav ul {
        display: flex;
        gap: 2px;
      }
      nav a {
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 7px 11px;
        border-radius: 8px;
        color: var(--muted);
        font-weight: 540;
      }
      nav a:hover {
        color: var(--text);
        text-decoration: none;
        background: var(--sunken);
      }
      nav a[aria-current="page"] {
        color: var(--text);
        background: var(--sunken);
      }
      .nav-top svg {
        display: none;
      }
      .right {
        display: flex;
        align-items: center;
        gap: 10px;
        margin-left: auto;
      }
      .right ot-search {
        width: 230px;
      }
      .link-state {
        display: inline-flex;
        align-items: center;
        gap: 7px;
        padding: 6px 8px;
        border-radius: 8px;
        color: var(--muted);
        font-size: 14px;
        white-space: nowrap;
      }
      .link-state:hover {
        background: var(--sunken);
        text-decoration: none;
      }
      .dot {
        width: 9px;
        height: 9px;
        border-radius: 50%;
        background: var(--line-strong);
      }
      .dot.good {
        background: var(--accent);
      }
      .dot.warn {
        background: var(--warning);
      }
      .dot.bad {
        background: var(--danger);
      }
      .nav-bottom {
        display: none;
      }
      main {
        flex: 1;
        width: 100%;
        max-width: calc(var(--page-width) + 2 * var(--gutter));
        margin: 0 auto;
        padding: 36px var(--gutter) 64px;
      }
      .faults {
        display: grid;
        gap: 10px;
        margin-bottom: 24px;
      }
      footer {
        border-top: 1px solid var(--line);
        color: var(--muted);
        font-size: 14px;
      }
      footer > div {
        display: flex;
        flex-wrap: wrap;
        gap: 6px 24px;
        max-width: calc(var(--page-width) + 2 * var(--gutter));
        margin: 0 auto;
        padding: 18px var(--gutter);
      }
      footer strong {
        color: var(--text);
        font-weight: 540;
      }
      @media (max-width: 1080px) {
        .right ot-search {
          display: none;
        }
      }
      @media (max-width: 960px) {
        .bar {
          height: 54px;
          gap: 10px;
        }
        .nav-top {
          display: none;
        }
        main {
          padding: 22px var(--gutter) 40px;
        }
        .nav-bottom {
          display: block;
          position: sticky;
          z-index: 3;
          bottom: 0;
          border-top: 1px solid var(--line);
          background: var(--surface);
          padding-bottom: env(safe-area-inset-bottom);
        }
        .nav-bottom ul {
          display: grid;
          grid-template-columns: repeat(5, 1fr);
          gap: 0;
          padding: 4px;
        }
        .nav-bottom a {
          flex-direction: column;
          gap: 2px;
          padding: 6px 2px;
          background: none;
          font-size: 12px;
        }
        .nav-bottom a[aria-current="page"] {
          background: none;
          color: var(--accent);
        }
      }
      @media (max-width: 420px) {
        .link-state .text {
          display: none;
        }
      }
    `,
  ]
  /** Undefined until the tab runs. */
  declare node: LiveNode | undefined
  /** Why it doesn't. */
  declare failure: unknown
  /** How far the start is. */
  declare step: string
  declare route: Route
  declare theme: Theme
  /** Own transactions that were looked at for news. */
  readonly #announced = new Set<string>()
  readonly #router = new Router((route) => {
    this.#following = this.#follow(route)
  })
  /** Resolves when the view that was last asked for is shown. */
  #following: Promise<void> = Promise.resolve()

  constructor() {
    super()
    this.step = 'page'
    this.route = this.#router.route
    this.theme = chosenTheme()
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#router.start()
    document.addEventListener('keydown', this.#keydown)
    this.addEventListener('ot-navigate', this.#navigate)
    this.addEventListener('ot-unlock', this.#unlock)
    this.addEventListener('ot-notify', this.#notify)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#router.stop()
    document.removeEventListener('keydown', this.#keydown)
  }

  /** Starts the tab by `start`, which tells its steps, and shows it. */
  async start(start: (progress: (step: string) => void) => Promise<Opentab>): Promise<void> {
    try {
      const [opentab] = await Promise.all([
        start((step) => {
          this.step = step
        }),
        load(this.route),
      ])
      const node = new LiveNode(opentab)
      await node.load()
      node.on(['tip', 'peer', 'network', 'fault', 'wallet'], () => this.requestUpdate())
      opentab.on('tip', ({ disconnected }) => {
        if (disconnected > 0)
          this.#show(`A branch with more work won: ${plural(disconnected, 'block')} replaced.`, 'reorganised')
      })
      opentab.on('mined', ({ height }) =>
        this.#show(
          (count) =>
            count === 1
              ? `You mined block ${countText(height)}.`
              : `You mined ${countText(count)} blocks, the last is ${countText(height)}.`,
          'mined',
        ),
      )
      opentab.on('wallet', ({ txids }) => void this.#announce(node, txids))
      this.node = node
    } catch (error) {
      this.failure = error
    }
  }

  readonly #navigate = (event: Event): void => this.#router.go((event as CustomEvent<string>).detail)

  readonly #notify = (event: Event): void => this.#show((event as CustomEvent<string>).detail)

  readonly #unlock = (event: Event): void => {
    const request = (event as CustomEvent<UnlockRequest>).detail
    void this.renderRoot.querySelector<UnlockDialog>('ot-unlock-dialog')?.open(request)
  }

  /** `/` leads to the search: the one in the header, or the explorer's where the window is too narrow for it. */
  readonly #keydown = async (event: KeyboardEvent): Promise<void> => {
    const target = event.composedPath()[0]
    const isTyping = target instanceof HTMLElement && target.matches('input, textarea, select')
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping || !this.node) return
    event.preventDefault()
    const inHeader = this.renderRoot.querySelector<HTMLElement>('ot-search')
    if (inHeader?.checkVisibility()) return inHeader.focus()
    if (this.route.view !== 'explorer') this.#router.go('/explorer')
    await this.#following
    const explorer = this.renderRoot.querySelector<LitElement>('ot-explorer')
    await explorer?.updateComplete
    explorer?.renderRoot.querySelector<HTMLElement>('ot-search')?.focus()
  }

  /** Tells of payments that came in, each once. */
  async #announce(node: LiveNode, txids: readonly string[]): Promise<void> {
    for (const txid of txids) {
      if (this.#announced.has(txid)) continue
      this.#announced.add(txid)
      const payment = await node.rpc<WalletTransactionDetail>('gettransaction', txid).catch(() => undefined)
      const isNew =
        payment?.confirmations === 0 && payment.details.every(({ category }) => category === 'receive')
      if (payment && isNew) this.#show(`${amountWithUnit(fromCoins(payment.amount))} coming in.`)
    }
  }

  #show(...message: Parameters<Notices['show']>): void {
    this.renderRoot.querySelector<Notices>('ot-notices')?.show(...message)
  }

  /** Another view: from its top, with the focus on its heading, so that a screen reader reads it. */
  async #follow(route: Route): Promise<void> {
    try {
      await load(route)
    } catch {
      // In Firefox what failed once fails until a reload.
      this.#show(
        'This view could not be loaded: the server of this page can’t be reached. Try again when it is back, and reload the page if that does not help.',
      )
    }
    // Another was asked for meanwhile.
    if (route !== this.#router.route) return
    this.route = route
    await this.updateComplete
    scrollTo(0, 0)
    const view = this.renderRoot.querySelector('main')?.lastElementChild as LitElement | null
    await view?.updateComplete
    const heading = headingOf(view)
    heading?.focus({ preventScroll: true })
  }

  override updated(): void {
    const network = this.node?.identity.testControls ? ` (${this.node.identity.networkName})` : ''
    document.title = `${titleOf(this.route)} · Opentab${network}`
  }

  override render() {
    const { node } = this
    if (!node) return html`<ot-start-screen .failure=${this.failure} .step=${this.step}></ot-start-screen>`
    return html`<a class="button primary skip" href="#content" @click=${this.#skip}>Skip to the content</a>
      <header>
        <div class="bar">
          <a class="brand" href="/">${mark}Opentab</a>
          ${
            node.identity.testControls
              ? html`<span class="badge warn" title="A network for tests: its coins are worth nothing"
                >${node.identity.networkName}</span
              >`
              : nothing
          }
          <nav class="nav-top" aria-label="Main">${this.#entries()}</nav>
          <div class="right">
            ${this.route.view === 'explorer' ? nothing : html`<ot-search .node=${node}></ot-search>`}
            ${this.#linkState(node)}
            <button
              class="icon"
              aria-label=${`Colours: ${this.theme}. Change`}
              title=${`Colours: ${this.theme === 'system' ? 'as the system' : this.theme}`}
              @click=${this.#changeTheme}
            >
              ${THEME_ICONS[this.theme]}
            </button>
          </div>
        </div>
      </header>
      <main id="content" tabindex="-1">
        ${
          node.faults.length === 0
            ? nothing
            : html`<div class="faults">
              ${node.faults.map(
                ({ message }) =>
                  html`<div class="notice bad" role="alert">${icons.warning}<div>${message}</div></div>`,
              )}
            </div>`
        }
        ${this.#view(node)}
      </main>
      <footer>
        <div>
          <span>Network <strong>${node.identity.networkName}</strong></span>
          <span>Profile <strong>${node.identity.profile}</strong></span>
          ${node.tip ? html`<span>Height <strong>${countText(node.tip.height)}</strong></span>` : nothing}
          <span>Everything runs in this tab. Nothing is sent to a server.</span>
        </div>
      </footer>
      <nav class="nav-bottom" aria-label="Main">${this.#entries()}</nav>
      <ot-unlock-dialog .node=${node}></ot-unlock-dialog>
      <ot-notices></ot-notices>`
  }

  #entries() {
    return html`<ul>
      ${ENTRIES.map(
        ({ path, name, icon, views }) =>
          html`<li>
            <a href=${path} aria-current=${(views as readonly string[]).includes(this.route.view) ? 'page' : nothing}
              >${icon}${name}</a
            >
          </li>`,
      )}
    </ul>`
  }

  #linkState({ network }: LiveNode) {
    const { directPeers, relayedOnlyPeers, relays, alarms = [] } = network
    const isLooking = relays.some(({ state }) => state !== 'unreachable')
    const look =
      directPeers > 0
        ? alarms.length > 0
          ? 'warn'
          : 'good'
        : relayedOnlyPeers > 0
          ? 'bad'
          : isLooking
            ? 'warn'
            : 'bad'
    const text =
      directPeers > 0
        ? plural(directPeers, 'tab')
        : relayedOnlyPeers > 0
          ? 'No direct path'
          : isLooking
            ? 'Looking for tabs'
            : 'Offline'
    const full = alarms.length > 0 ? `${text}, with a warning` : text
    return html`<a class="link-state" href="/network" aria-label=${`Connection: ${full}`} title=${full}>
      <span class=${`dot ${look}`}></span><span class="text">${text}</span>
    </a>`
  }

  #view(node: LiveNode) {
    const { route } = this
    switch (route.view) {
      case 'overview':
        return html`<ot-overview .node=${node}></ot-overview>`
      case 'wallet':
        return html`<ot-wallet .node=${node} .page=${route.page} .paymentId=${route.id}></ot-wallet>`
      case 'explorer':
        return html`<ot-explorer .node=${node} .page=${route.page}></ot-explorer>`
      case 'block':
        return html`<ot-block .node=${node} .blockId=${route.id}></ot-block>`
      case 'tx':
        return html`<ot-transaction .node=${node} .txid=${route.id}></ot-transaction>`
      case 'address':
        return html`<ot-address .node=${node} .address=${route.id}></ot-address>`
      case 'miner':
        return html`<ot-miner .node=${node}></ot-miner>`
      case 'network':
        return html`<ot-network .node=${node}></ot-network>`
      case 'not-found':
        return notFound(`This page has no view at ${route.path.slice(0, 80)}.`)
    }
  }

  #skip(event: Event): void {
    event.preventDefault()
    this.renderRoot.querySelector<HTMLElement>('main')?.focus()
  }

  #changeTheme(): void {
    this.theme = NEXT_THEME[this.theme]
    chooseTheme(this.theme)
  }
}

/** The first heading in an element and in the elements in it. */
function headingOf(element: Element | null): HTMLElement | null {
  const root = element?.shadowRoot
  if (!root) return null
  const own = root.querySelector<HTMLElement>('h1')
  if (own) return own
  for (const child of root.querySelectorAll('*')) {
    const found = headingOf(child)
    if (found) return found
  }
  return null
}
customElements.define('ot-app', App)
