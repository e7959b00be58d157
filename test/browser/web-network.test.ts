/** The page says what is wrong with a tab's place in the network, with what to do; bans are seen, made and lifted. */
import { assert } from 'chai'
import type { NetworkStatus } from '../../src/network/transport.ts'
import type { MiningEvent } from '../../src/node/events.ts'
import { Warnings } from '../../web/components/warnings.ts'
import { LiveNode } from '../../web/live-node.ts'
import { NetworkView } from '../../web/views/network-view.ts'
import { deepAll, deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

const RELAY = '/ip4/127.0.0.1/tcp/1/ws/p2p/12D3KooWrelay'
const FINE: NetworkStatus = {
  relays: [{ address: RELAY, state: 'reserved' }],
  directPeers: 2,
  relayedOnlyPeers: 0,
  connectionsUsed: 0.04,
}
const ALARMS: NetworkStatus['alarms'] = [
  { code: 'signalling', sentence: 'Somebody floods this tab with calls.', since: Date.now() - 60_000 },
  { code: 'unfollowed', sentence: 'None of the tabs follows the last 4 blocks.', since: Date.now() },
]

const textOf = (element: Element): string =>
  (element.shadowRoot ?? element).textContent!.replace(/\s+/g, ' ').trim()

describe('warnings', () => {
  let opentab: ScriptedOpentab
  let warnings: Warnings

  async function show(network: NetworkStatus, chain = false): Promise<readonly string[]> {
    opentab.emit('network', network)
    warnings.chain = chain
    await warnings.updateComplete
    return deepAll(warnings, '[role=alert]').map(textOf)
  }

  beforeEach(() => {
    opentab = new ScriptedOpentab({})
    warnings = new Warnings()
    warnings.node = new LiveNode(opentab)
    document.body.append(warnings)
  })

  afterEach(() => warnings.remove())

  it('are none, and take no room, while all is well', async () => {
    assert.deepEqual(await show(FINE), [])
    assert.equal(getComputedStyle(warnings).display, 'none')
  })

  it('say that a tab is alone only where no relay can be reached, and not while it still tries', async () => {
    const alone: NetworkStatus = {
      ...FINE,
      directPeers: 0,
      relays: [{ address: RELAY, state: 'unreachable' }],
    }
    const [text] = await show(alone)
    assert.match(text!, /alone.*no relay can be reached.*are kept.*leave this tab open/)
    assert.deepEqual(await show({ ...alone, relays: [{ address: RELAY, state: 'connecting' }] }), [])
    assert.deepEqual(await show({ ...alone, directPeers: 1 }), [])
  })

  it('say calmly that new tabs can’t join, once no relay was reachable for a while', async () => {
    const relays = (state: 'unreachable' | 'connecting' | 'reserved'): NetworkStatus => ({
      ...FINE,
      relays: [{ address: RELAY, state }],
    })
    const hint = (): string => deepAll(warnings, '[role=status]').map(textOf).join()
    assert.isEmpty(await show(relays('unreachable')))
    assert.equal(hint(), '')
    warnings.node.relaysGoneAt! -= 60_000
    assert.isEmpty(await show(relays('connecting')), 'it is no alarm')
    assert.include(hint(), 'No relay is reachable: tabs that have met stay connected, new ones can’t join.')
    await show({ ...relays('unreachable'), directPeers: 0 })
    assert.equal(hint(), '', 'a tab that is alone is told so instead')
    await show(relays('reserved'))
    assert.equal(hint(), '')
    await show(relays('unreachable'))
    assert.equal(hint(), '', 'the wait begins anew')
  })

  it('tell every attack under way and since when; beside the miner, only what makes mining vain', async () => {
    const all = await show({ ...FINE, alarms: ALARMS })
    assert.lengthOf(all, 2)
    assert.include(all[0]!, 'Somebody floods this tab with calls. Since')
    const [only, ...more] = await show({ ...FINE, alarms: ALARMS }, true)
    assert.include(only!, 'None of the tabs follows')
    assert.isEmpty(more)
  })

  it('leave to the miner what it says itself', async () => {
    const sentence = 'The clock of this computer is 5 min ahead.'
    const alarms = [{ code: 'clock', sentence, since: 0 }]
    assert.lengthOf(await show({ ...FINE, alarms }, true), 1)
    opentab.emit('mining', { active: true, pause: `Mining rests. ${sentence}` } as MiningEvent)
    assert.isEmpty(await show({ ...FINE, alarms }, true))
  })

  it('say in time that the browser’s connections are nearly used up', async () => {
    assert.isEmpty(await show({ ...FINE, connectionsUsed: 0.85 }))
    const [text] = await show({ ...FINE, connectionsUsed: 0.93 })
    assert.match(text!, /93 %.*close this tab and open the page in a new one/)
  })
})

describe('the network page', () => {
  const PEER = {
    id: 3,
    peerid: '12D3KooWMallory',
    addr: '',
    inbound: true,
    connection_type: 'anchor',
    introducer: '12D3KooWTheTabThatIntroducedIt',
    address_group: '203.0.0.0/16',
    timeoffset: -300,
    pingtime: 0.012,
    bytesrecv: 2_000_000,
    bytessent: 1000,
    conntime: Date.now() / 1000 - 90,
    banscore: 40,
  }
  let opentab: ScriptedOpentab
  let view: NetworkView
  let bans: { address: string; banned_until: number; ban_reason: string }[]
  let peers: (typeof PEER)[]

  beforeEach(async () => {
    bans = []
    peers = [PEER]
    opentab = new ScriptedOpentab({
      getpeerinfo: () => peers,
      getnetworkinfo: () => ({ connections: 1, timeoffset: -45, warnings: [] }),
      listbanned: () => bans,
      setban: (address: string, command: string, time?: number) => {
        if (command === 'add') {
          const banned_until = Date.now() / 1000 + time!
          bans = [...bans, { address, banned_until, ban_reason: 'Kept out by you.' }]
          peers = peers.filter(({ peerid }) => peerid !== address)
        } else bans = bans.filter((ban) => ban.address !== address)
        return null
      },
      clearbanned: () => {
        bans = []
        return null
      },
    })
    view = new NetworkView()
    view.node = new LiveNode(opentab)
    opentab.emit('network', FINE)
    document.body.append(view)
    await until('the peer', () => deepAll(view, 'tbody tr').length === 1)
  })

  afterEach(() => view.remove())

  const shows = (text: string): boolean => textOf(view).includes(text)

  it('shows who called, how far and how well behaved they are, and how much of the connections is used', async () => {
    const row = textOf(deepOne(view, 'tbody tr'))
    for (const part of ['They called us', '12 ms', ' MB', '40 of 100 points']) assert.include(row, part)
    for (const part of [
      'Remembered as one of the best · Addresses: 203.0.0.0/16 · Introduced by 12D3KooW…ucedIt',
      'Its clock is 5 min behind this tab’s',
    ])
      assert.include(row, part)
    await until('the clock', () => shows('45 s ahead of the other tabs'))
    assert.isTrue(shows('4 % of what the browser grants'))
    assert.isTrue(shows('Nobody. A tab that breaks the rules comes here'))
  })

  it('keeps a peer out for a day, says why it is out, and lets it in again', async () => {
    deepOne(view, 'button[aria-label^="Keep"]').click()
    await until('the ban', () => shows('Kept out by you. For another 24 h') || shows('For another 1 day'))
    assert.deepInclude(opentab.calls, { method: 'setban', params: [PEER.peerid, 'add', 86_400] })
    deepOne(view, 'button', 'Let in again').click()
    await until('it is lifted', () => shows('Nobody. A tab that breaks'))
    assert.deepInclude(opentab.calls, { method: 'setban', params: [PEER.peerid, 'remove'] })
  })

  it('lets all in again at once, and shows new bans when a connection ends', async () => {
    // 50 minutes, and still so when the machine stood still for a while.
    const banned_until = Date.now() / 1000 + 3025
    bans = ['12D3KooWa', '12D3KooWb'].map((address) => ({ address, banned_until, ban_reason: 'Bad blocks.' }))
    opentab.emit('peer', { id: '12D3KooWa' as never, change: 'disconnected' })
    await until(
      'both bans',
      () => deepAll(view, 'button').filter((b) => b.textContent!.includes('Let in again')).length === 2,
    )
    assert.isTrue(shows('Bad blocks. For another 50 min.'))
    deepOne(view, 'button', 'Let all in again').click()
    await until('none is left', () => shows('Nobody. A tab that breaks'))
    assert.equal(opentab.count('clearbanned'), 1)
  })
})
