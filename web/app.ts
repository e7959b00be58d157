/**
 * `<ot-app>`: the page. Starts the tab, shows how that goes, then header, view and footer; the only place that knows every view. What other
 * elements ask for (another view, the passphrase, a message) bubbles up to here. Thread: Window.
 */
import { html, LitElement, nothing } from 'lit'
import { PUBLIC } from '../src/consensus/params.ts'
import { icons, mark } from './components/icons.ts'
import { linkState } from './components/link-state.ts'
import type { Notices } from './components/notices.ts'
import './components/start-screen.ts'
import { notFound } from './components/not-found.ts'
import type { UnlockDialog } from './components/unlock-dialog.ts'
import { focused, headingOf } from './focus.ts'
import { countText } from './format.ts'
import { LiveNode } from './live-node.ts'
import type { UnlockRequest } from './requests.ts'
import { type Destination, namedWallet, type Route, Router, titleOf } from './router.ts'
import { appStyles } from './styles/app.ts'
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

/** Has the page show the wallet that its address names. */
function chooseNamed(node: LiveNode): void {
  const name = namedWallet()
  if (name !== undefined) node.chooseWallet(name)
}

/** Views that one searches from. */
const EXPLORING: readonly Route['view'][] = ['explorer', 'block', 'tx', 'address']

/** Main entries of the navigation, and the views that belong to each. */
const ENTRIES = [
  { path: '/', name: 'Overview', icon: icons.overview, views: ['overview'] },
  { path: '/wallet', name: 'Wallet', icon: icons.wallet, views: ['wallet'] },
  { path: '/channels', name: 'Channels', icon: icons.channels, views: ['channels'] },
  {
    path: '/explorer',
    name: 'Explorer',
    icon: icons.explorer,
    views: EXPLORING,
  },
  { path: '/miner', name: 'Miner', icon: icons.miner, views: ['miner'] },
  { path: '/network', name: 'Network', icon: icons.network, views: ['network', 'networks'] },
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
    isMissing: { state: true },
  }
  static override styles = [base, appStyles]
  /** Undefined until the tab runs. */
  declare node: LiveNode | undefined
  /** Why it doesn't. */
  declare failure: unknown
  /** How far the start is. */
  declare step: string
  declare route: Route
  declare theme: Theme
  /** The view's files could not be fetched. */
  declare isMissing: boolean
  #opentab: Opentab | undefined
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
    this.isMissing = false
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
      chooseNamed(node)
      node.on(['tip', 'peer', 'network', 'fault', 'wallet'], () => this.requestUpdate())
      this.#opentab = opentab
      this.node = node
    } catch (error) {
      this.failure = error
    }
  }

  readonly #navigate = (event: Event): void => {
    const { path, replace } = (event as CustomEvent<Destination>).detail
    this.#router.go(path, replace)
  }

  readonly #notify = (event: Event): void =>
    this.renderRoot.querySelector<Notices>('ot-notices')?.show((event as CustomEvent<string>).detail)

  readonly #unlock = (event: Event): void => {
    const request = (event as CustomEvent<UnlockRequest>).detail
    void this.renderRoot.querySelector<UnlockDialog>('ot-unlock-dialog')?.open(request)
  }

  /** `/` leads to the search: in the explorer where the window is too narrow for it elsewhere. */
  readonly #keydown = async (event: KeyboardEvent): Promise<void> => {
    const target = event.composedPath()[0]
    const isTyping = target instanceof HTMLElement && target.matches('input, textarea, select')
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping || !this.node) return
    event.preventDefault()
    const search = this.renderRoot.querySelector<HTMLElement>('ot-search')
    if (!search?.checkVisibility()) this.#router.go('/explorer')
    // It comes with the views that it leads to.
    await Promise.all([this.#following, otherViews().catch(() => undefined)])
    search?.focus()
  }

  /**
   * Another view: from its top, with the focus on its heading, so that a screen reader reads it. Whoever goes to a field meanwhile, or types on
   * in the search, keeps the focus.
   */
  async #follow(route: Route): Promise<void> {
    const before = focused()
    const isMissing = await load(route).then(
      () => false,
      () => true,
    )
    // Another was asked for meanwhile.
    if (route !== this.#router.route) return
    this.isMissing = isMissing
    this.route = route
    if (this.node) chooseNamed(this.node)
    await this.updateComplete
    scrollTo(0, 0)
    const main = this.renderRoot.querySelector('main')
    await (main?.lastElementChild as LitElement | null)?.updateComplete
    const now = focused()
    const hasMoved = now !== before && now !== document.body
    const types = now instanceof HTMLInputElement && now.value !== ''
    if (!hasMoved && !types) (headingOf(main) ?? main)?.focus({ preventScroll: true })
  }

  override updated(): void {
    const { networkName = PUBLIC.name } = this.node?.identity ?? {}
    const network = networkName === PUBLIC.name ? '' : ` (${networkName})`
    document.title = `${titleOf(this.route)} · Opentab${network}`
  }

  override render() {
    const { node } = this
    if (!node) return html`<ot-start-screen .failure=${this.failure} .step=${this.step}></ot-start-screen>`
    return html`<a class="button primary skip" href="#content" @click=${this.#skip}>Skip to the content</a>
      <header class=${EXPLORING.includes(this.route.view) ? 'exploring' : ''}>
        <div class="bar">
          <a class="brand" href="/">${mark}Opentab</a>
          ${
            node.identity.networkName === PUBLIC.name
              ? nothing
              : html`<span class="badge warn" title=${`Not the public network${node.identity.testControls ? ', but one for tests: its coins are worth nothing' : ''}`}
                >${node.identity.networkName}</span
              >`
          }
          <nav class="nav-top" aria-label="Main">${this.#entries(node)}</nav>
          <ot-search .node=${node}></ot-search>
          <div class="right">
            ${linkState(node.network)}
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
        ${this.isMissing ? this.#missing() : this.#view(node)}
      </main>
      <footer>
        <div>
          <span>Network <strong>${node.identity.networkName}</strong></span>
          <span>Profile <strong>${node.identity.profile}</strong></span>
          ${node.tip ? html`<span>Height <strong>${countText(node.tip.height)}</strong></span>` : nothing}
          <span>Everything runs in this tab. Nothing is sent to a server.</span>
        </div>
      </footer>
      <nav class="nav-bottom" aria-label="Main">${this.#entries(node)}</nav>
      <ot-unlock-dialog></ot-unlock-dialog>
      <ot-notices .opentab=${this.#opentab}></ot-notices>`
  }

  #entries(node: LiveNode) {
    return html`<ul>
      ${ENTRIES.map(({ path, name, icon, views }) =>
        // Only where coins are worth nothing, so far.
        path === '/channels' && !node.identity.testControls
          ? nothing
          : html`<li>
            <a href=${path} aria-current=${(views as readonly string[]).includes(this.route.view) ? 'page' : nothing}
              >${icon}${name}</a
            >
          </li>`,
      )}
    </ul>`
  }

  #view(node: LiveNode) {
    const { route } = this
    switch (route.view) {
      case 'overview':
        return html`<ot-overview .node=${node}></ot-overview>`
      case 'wallet':
        return html`<ot-wallet .node=${node} .page=${route.page} .paymentId=${route.id}></ot-wallet>`
      case 'channels':
        return html`<ot-channels .node=${node} .page=${route.page}></ot-channels>`
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
      case 'networks':
        return html`<ot-networks .node=${node}></ot-networks>`
      case 'not-found':
        return notFound(`This page has no view at ${route.path.slice(0, 80)}.`)
    }
  }

  #missing() {
    // In Firefox what failed once fails until a reload.
    return html`<h1 tabindex="-1">This view could not be loaded</h1>
      <div class="card empty">
        <p>
          The server of this page can’t be reached; the node goes on. Try again when it is back, and reload the page if that does not help.
        </p>
        <p><button @click=${() => this.#router.go(location.pathname)}>Try again</button></p>
      </div>`
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

customElements.define('ot-app', App)
