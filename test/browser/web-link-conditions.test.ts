/** The panel of conditions on links tells what is in force and who asked; ticking tabs makes the sides of a cut; a refusal is told; mistakes are shown. */
import { assert } from 'chai'
import { LinkConditionsPanel } from '../../web/components/link-conditions.ts'
import { LiveNode } from '../../web/live-node.ts'
import type { LinkConditionsResult } from '../../web/rpc-results.ts'
import { deepAll, deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

const [OWN, OTHER] = ['12D3KooWown', '12D3KooWother']
const TABS = [
  { peerid: OWN, takes_part: true, self: true },
  { peerid: OTHER, takes_part: false, self: false },
]
const CALM: LinkConditionsResult = { takes_part: true, tabs: TABS, requests: [], links: [] }
const ASKED: LinkConditionsResult = {
  ...CALM,
  requests: [
    {
      author: OTHER,
      self: false,
      elapsed: 61,
      groups: { west: [OWN] },
      timetable: [{ after: 0, conditions: [{ latency: 300, loss: 0.05, from: 'all', to: 'all' }] }],
      step: 0,
    },
  ],
}

describe('conditions on links', () => {
  let opentab: ScriptedOpentab
  let panel: LinkConditionsPanel
  let state: LinkConditionsResult

  async function show(shown: LinkConditionsResult): Promise<void> {
    state = shown
    opentab = new ScriptedOpentab({
      getlinkconditions: () => state,
      setlinkconditions: () => null,
      partition: () => {
        throw new Error('A tab can be in one group only.')
      },
      allowlinkconditions: () => null,
    })
    panel = new LinkConditionsPanel()
    panel.node = new LiveNode(opentab)
    document.body.append(panel)
    await until('the panel shows it', () => deepAll(panel, 'input[type=checkbox]').length > 0)
  }

  const text = (): string => panel.shadowRoot!.textContent!.replace(/\s+/g, ' ')
  const called = (method: string) => opentab.calls.filter((call) => call.method === method)
  const button = (name: string): HTMLButtonElement =>
    deepAll(panel, 'button').find((each) => each.textContent!.trim().startsWith(name)) as HTMLButtonElement

  afterEach(() => panel.remove())

  it('say who asked for what, and offer to heal only what this tab asked for', async () => {
    await show(ASKED)
    assert.match(text(), /asked for it .* ago: latency 300 ms, loss 5 %, all links/)
    assert.match(text(), /west: 12D3Koo/)
    assert.match(text(), /takes no part/)
    assert.isTrue(button('Heal').disabled)
  })

  it('are asked for all links, or between ticked tabs and the others, and a mistake is shown', async () => {
    await show(CALM)
    assert.match(text(), /No conditions are in force/)
    const latency = deepOne(panel, '#latency') as HTMLInputElement
    latency.value = '300'
    button('Apply to all').click()
    await until('the panel shows it', () => called('setlinkconditions').length === 1)
    assert.deepEqual(called('setlinkconditions')[0]!.params, [[{ latency: 300 }]])
    const ticks = deepAll(panel, 'fieldset input') as HTMLInputElement[]
    ticks[0]!.click()
    await until('the panel shows it', () => !!button('Cut off 1 tab') && !button('Cut off 1 tab').disabled)
    button('Cut off').click()
    await until('the panel shows it', () => deepAll(panel, '[role=alert]').length > 0)
    assert.deepEqual(called('partition')[0]!.params, [{ ticked: [OWN] }, false])
    assert.match(text(), /one group only/)
  })

  it('are refused by a tick', async () => {
    await show(ASKED)
    const consent = deepAll(panel, 'input[type=checkbox]')[0] as HTMLInputElement
    consent.click()
    await until('the panel shows it', () => called('allowlinkconditions').length === 1)
    assert.deepEqual(called('allowlinkconditions')[0]!.params, [false])
    state = { ...ASKED, takes_part: false }
    opentab.emit('network', { relays: [], directPeers: 0, relayedOnlyPeers: 0 })
    await until('the panel shows it', () => deepAll(panel, 'form').length === 0)
  })
})
