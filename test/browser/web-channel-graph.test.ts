/** The graph of channels: what the node knows as a drawing and as a list, and a payment that is followed hop by hop, with keys as with motion. */
import { assert } from 'chai'
import { LiveNode } from '../../web/live-node.ts'
import { ChannelGraphView } from '../../web/views/channels-graph.ts'
import { deepAll, deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

const [ADA, BEN, CY] = ['aa', 'bb', 'cc'].map((pair) => `02${pair.repeat(32)}`) as [string, string, string]
const HASH = 'ab'.repeat(32)

const OWN = {
  peer_id: BEN,
  peer_connected: true,
  state: 'CHANNELD_NORMAL',
  short_channel_id: '1x1x0',
  channel_id: 'cd'.repeat(32),
  total_msat: 5_000_000_000,
}
const ANNOUNCED = { source: BEN, destination: CY, short_channel_id: '2x1x0', amount_msat: 3e9, active: true }

function pay(hash: string, status: 'pending' | 'complete' | 'failed') {
  return {
    payment_hash: hash,
    status,
    destination: CY,
    amount_msat: 20_000_000,
    amount_sent_msat: 20_001_200,
    description: 'Coffee',
    ways: [
      {
        status,
        amount_msat: 20_000_000,
        hops: [
          { id: BEN, channel: '1x1x0' },
          { id: CY, channel: '2x1x0' },
        ],
      },
    ],
  }
}

describe('the graph of channels', () => {
  let opentab: ScriptedOpentab
  let view: ChannelGraphView
  let own: object[]
  let pays: object[]

  beforeEach(async () => {
    own = [OWN]
    pays = []
    opentab = new ScriptedOpentab({
      getinfo: () => ({ id: ADA }),
      listpeerchannels: () => ({ channels: own }),
      listchannels: () => ({ channels: own.length > 0 ? [ANNOUNCED] : [] }),
      listnodes: () => ({ nodes: [{ nodeid: BEN, alias: 'Ben' }] }),
      listpays: () => ({ pays }),
    })
    view = new ChannelGraphView()
    view.node = new LiveNode(opentab)
  })

  afterEach(() => view.remove())

  async function shown(): Promise<void> {
    document.body.append(view)
    await until('it is drawn', () => deepAll(view, '.card').length > 0)
  }

  const place = (): string => deepOne(view, '[data-testid="place"]').textContent!.trim()
  const button = (name: string) => deepOne(view, 'button', name) as HTMLButtonElement
  async function press(name: string): Promise<void> {
    button(name).click()
    await view.updateComplete
  }

  it('says what to do where there is none', async () => {
    own = []
    await shown()
    assert.include(view.shadowRoot!.textContent!, 'No channel is known here yet')
    assert.equal((deepOne(view, 'a.button') as HTMLAnchorElement).pathname, '/channels/open')
  })

  it('draws nodes and channels, and lists the same', async () => {
    await shown()
    assert.equal(deepAll(view, 'circle.node').length, 3)
    assert.equal(deepAll(view, 'line').length, 2)
    const lines = deepAll(view, '.list li').map((line) => line.textContent!.replace(/\s+/g, ' ').trim())
    assert.match(lines[0]!, /^You and Ben 0.05 coins/)
    assert.match(lines[1]!, /^Ben and 02cccc…cccc 0.03 coins/)
    const drawing = deepOne(view, 'svg')
    assert.equal(drawing.getAttribute('role'), 'img')
    assert.include(
      view.shadowRoot!.getElementById(drawing.getAttribute('aria-labelledby')!)!.textContent!,
      '3 nodes and 2 channels',
    )
  })

  it('follows a payment hop by hop, forward and back', async () => {
    pays = [pay(HASH, 'complete')]
    await shown()
    assert.match(place(), /^It is still with you. It has 2 hops to go/)
    assert.isTrue(button('Hop back').disabled)
    const dot = () => deepOne(view, '.payment').getAttribute('style')
    const start = dot()
    await press('Next hop')
    assert.match(place(), /^Ben has it, and passes it on to 02cccc…cccc/)
    assert.notEqual(dot(), start)
    assert.equal(deepAll(view, 'line.way:not(.ahead)').length, 1)
    await press('Next hop')
    assert.match(place(), /its secret came back to you as proof. Passing it on cost 1.2 sat/)
    assert.equal(deepAll(view, 'circle.reached').length, 3)
    assert.isTrue(button('Next hop').disabled)
    await press('Hop back')
    assert.match(place(), /^Ben has it/)
  })

  it('plays a payment that is made while it is looked at', async () => {
    pays = [pay(HASH, 'complete')]
    await shown()
    pays = [pay(HASH, 'complete'), pay('ef'.repeat(32), 'complete')]
    opentab.emit('channel', {
      notification: 'sendpay_success',
      payment_hash: 'ef'.repeat(32),
      amount_msat: 20_000_000,
    })
    await until('it is there', () => place().includes('as proof'))
    assert.equal((deepOne(view, 'select') as HTMLSelectElement).value, 'ef'.repeat(32))
  })

  it('says what a payment waits for, and which way failed', async () => {
    pays = [pay(HASH, 'pending')]
    await shown()
    await press('Next hop')
    await press('Next hop')
    assert.match(place(), /no answer has come yet/)
    view.remove()
    view = new ChannelGraphView()
    view.node = new LiveNode(opentab)
    pays = [pay(HASH, 'failed')]
    await shown()
    await press('Next hop')
    await press('Next hop')
    assert.match(place(), /did not get through/)
  })
})
