/** An `Opentab` whose answers a test writes down: for views and controllers, which know nothing else of a node. */
import { REGTEST } from '../../../src/consensus/params.ts'
import type { NodeEventName, NodeEvents } from '../../../src/node/events.ts'
import type { RpcCall } from '../../../src/node/rpc-client.ts'
import type { SignerStatus } from '../../../src/wallet/signer.ts'
import type { Opentab, TabIdentity, WalletClient } from '../../../web/tab/opentab.ts'

type Answer = (...params: never[]) => unknown

export class ScriptedOpentab implements Opentab {
  readonly identity: TabIdentity = {
    profile: '1',
    networkId: '0'.repeat(64),
    networkName: REGTEST.name,
    addressPrefix: REGTEST.addressPrefix,
    testControls: true,
    params: REGTEST,
    peerId: '12D3KooWtest',
  }
  /** Methods that were called, in order. */
  readonly calls: { readonly method: string; readonly params: readonly unknown[] }[] = []
  signer: SignerStatus = {
    state: 'unlocked',
    account: { descriptor: 'tr(xpub)#abcdefgh', birthday: 0 },
    until: undefined,
  }
  /** The loaded wallets; undefined for one without a name, unless `signer` says that there is none. */
  loaded: readonly string[] | undefined
  /** What single wallets answer and are, where that is another thing than what all do. */
  readonly of: Record<string, { readonly signer?: SignerStatus; readonly answers?: Record<string, Answer> }> =
    {}
  readonly #answers: Record<string, Answer>
  readonly #listeners = new Map<NodeEventName, Set<(detail: never) => void>>()

  /** `answers` may throw or return a promise. A method without an answer rejects. */
  constructor(answers: Record<string, Answer>) {
    this.#answers = answers
  }

  readonly rpc: RpcCall = async (method, ...params) => (await this.#answer('', method, params)) as never

  async #answer(wallet: string, method: string, params: readonly unknown[]): Promise<unknown> {
    this.calls.push({ method, params })
    const answer = this.of[wallet]?.answers?.[method] ?? this.#answers[method]
    if (!answer) throw new Error(`The test has no answer to ${method}.`)
    return answer(...(params as never[]))
  }

  wallets(): readonly string[] {
    return this.loaded ?? (this.signer.state === 'none' ? [] : [''])
  }

  wallet(name: string): WalletClient {
    return {
      name,
      rpc: async (method, ...params) => (await this.#answer(name, method, params)) as never,
      signerStatus: () => this.of[name]?.signer ?? this.signer,
    }
  }

  on<Name extends NodeEventName>(name: Name, listener: (detail: NodeEvents[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener as (detail: never) => void))
    return () => listeners.delete(listener as (detail: never) => void)
  }

  signerStatus(): SignerStatus {
    return this.signer
  }

  emit<Name extends NodeEventName>(name: Name, detail: NodeEvents[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(detail as never)
  }

  /** Listeners of all events. */
  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length
  }
}

/** Resolves when `holds`, looked at in every frame of the page. What never holds is told, long before the test's own time is over. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}.`)
    await new Promise((resolve) => requestAnimationFrame(resolve))
  }
}

/** All elements below `root` that match, those in shadow trees included. */
export function deepAll(root: Element | ShadowRoot, selector: string): HTMLElement[] {
  const own = [...root.querySelectorAll<HTMLElement>(selector)]
  const inner = [...root.querySelectorAll('*')].flatMap((element) =>
    element.shadowRoot ? deepAll(element.shadowRoot, selector) : [],
  )
  const shadow = root instanceof Element && root.shadowRoot ? deepAll(root.shadowRoot, selector) : []
  return [...own, ...inner, ...shadow]
}

/** The one element that matches and whose text contains `text`. Throws when there is none. */
export function deepOne(root: Element | ShadowRoot, selector: string, text = ''): HTMLElement {
  const found = deepAll(root, selector).find((element) => element.textContent?.includes(text))
  if (!found) throw new Error(`No ${selector} with "${text}".`)
  return found
}

/** Types into a field as a person does. */
export function type(field: HTMLElement, text: string): void {
  const input = field as HTMLInputElement
  input.value = text
  input.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))
}
