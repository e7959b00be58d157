/** The page that asks before a network is joined, the form that makes one, and the list of those that this browser keeps. */
import { assert } from 'chai'
import { networkId } from '../../src/consensus/genesis.ts'
import { type NetworkParams, PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { databaseName, lockName } from '../../src/storage/profile-names.ts'
import { JoinNetwork } from '../../web/components/join-network.ts'
import { invitationPath, readInvitation } from '../../web/invitation.ts'
import { LiveNode } from '../../web/live-node.ts'
import { networkNickname } from '../../web/network-name.ts'
import { deleteNetwork, measureNetwork } from '../../web/network-storage.ts'
import { NetworkList } from '../../web/views/network-list.ts'
import { NetworkMaker } from '../../web/views/network-maker.ts'
import { NetworksView } from '../../web/views/networks-view.ts'
import {
  forgetNetwork,
  MAX_NICKNAME,
  noteVisit,
  renameNetwork,
  visitedNetworks,
} from '../../web/visited-networks.ts'
import { deepAll, deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

const CLASS: NetworkParams = { ...REGTEST, name: 'class-7b', addressPrefix: 'classb', targetSpacing: 10 }
const ID = networkId(CLASS)
const RELAY = '/dns4/relay.example/tcp/443/wss/p2p/12D3KooWrelay'
const KEY = 'opentab/networks'

const textOf = (element: Element): string =>
  (element.shadowRoot ?? element).textContent!.replace(/\s+/g, ' ').trim()
const click = (root: Element, selector: string, text: string): void =>
  (deepAll(root, selector) as HTMLElement[]).find((each) => textOf(each).includes(text))!.click()

let shown: HTMLElement | undefined
function show<T extends HTMLElement>(element: T): T {
  shown = element
  document.body.append(element)
  return element
}
afterEach(() => {
  shown?.remove()
  localStorage.removeItem(KEY)
})

describe('the page that asks before a network is joined', () => {
  async function ask(relays: readonly string[], isOwn = false): Promise<JoinNetwork> {
    const page = new JoinNetwork()
    page.invitation = { params: CLASS, networkId: ID, relays }
    page.isOwn = isOwn
    show(page)
    await page.updateComplete
    return page
  }

  it('says whose rules these are, what differs, and by what to compare', async () => {
    const page = await ask([])
    const text = textOf(page)
    assert.include(text, 'Join the network “class-7b”?')
    assert.match(text, /Whoever made this link made these rules; it is not the public network/)
    await until('rules are shown', () => deepAll(page, 'dt').length > 0)
    const rules = deepAll(page, 'dl')[0]!
    assert.match(textOf(rules), /Blocks\s*one every 10 s\s*Public network: one every 30 s/)
    assert.match(textOf(rules), /Controls\s*on: anybody can make blocks/)
    assert.notInclude(textOf(rules), 'Hash of all coins', 'it is as on the public network')
    assert.equal(textOf(deepOne(page, 'span[title]')), networkNickname(ID))
    assert.isEmpty(deepAll(page, 'input'))
    click(page, 'button', 'Join')
    assert.deepEqual(await page.answer, [])
  })

  it('shows the relays that come with it, which can be declined', async () => {
    const page = await ask([RELAY])
    assert.include(textOf(page), 'relay.example:443')
    assert.include(textOf(page), RELAY)
    click(page, 'input', '')
    click(page, 'button', 'Join')
    assert.deepEqual(await page.answer, [])
    page.remove()
    const other = await ask([RELAY])
    click(other, 'button', 'Join')
    assert.deepEqual(await other.answer, [RELAY])
  })

  it('says nothing of rules where only relays are asked about', async () => {
    const page = await ask([RELAY], true)
    assert.include(textOf(page), 'Use the relays of this invitation?')
    assert.notInclude(textOf(page), 'made these rules')
  })
})

describe('the form that makes a network', () => {
  let maker: NetworkMaker
  beforeEach(async () => {
    maker = show(new NetworkMaker())
    await maker.updateComplete
  })

  async function type(selector: string, value: string): Promise<void> {
    const field = deepOne(maker, selector) as HTMLInputElement
    field.value = value
    field.dispatchEvent(new Event('input'))
    await maker.updateComplete
  }

  async function submit(): Promise<void> {
    click(maker, 'button', 'Make the link')
    await maker.updateComplete
  }

  it('makes a link that holds what was filled in', async () => {
    await type('#name', 'Class-7b')
    await type('#targetSpacing', '12')
    await type('#subsidy', '2.5')
    await submit()
    const path = (deepOne(maker, '.made a') as HTMLAnchorElement).getAttribute('href')!
    const read = readInvitation(path.slice(1), () => true)
    assert.isTrue(read.ok)
    if (!read.ok) return
    const { params } = read.value
    assert.deepEqual(
      [params.name, params.addressPrefix, params.targetSpacing, params.initialSubsidy, params.testControls],
      ['class-7b', 'classb', 12, 250_000_000, true],
    )
    assert.closeTo(params.genesisTime, Date.now() / 1000, 60)
    await until('its words are shown', () => deepAll(maker, 'span[title]').length > 0)
    assert.equal(textOf(deepOne(maker, 'span[title]')), networkNickname(read.value.networkId))
    assert.equal((deepOne(maker, '#link') as HTMLInputElement).value, location.origin + path)
  })

  it('says what is wrong and makes nothing; a change takes away what was made before', async () => {
    await submit()
    assert.match(textOf(deepOne(maker, '[role=alert]')), /name is not 1 to 32/)
    await type('#name', '0pentab')
    await submit()
    assert.match(textOf(deepOne(maker, '[role=alert]')), /the name is reserved/)
    assert.isEmpty(deepAll(maker, '.made'))
    await type('#name', 'class')
    await submit()
    assert.lengthOf(deepAll(maker, '.made'), 1)
    await type('#halfLife', '601')
    assert.isEmpty(deepAll(maker, '.made'))
  })

  it('is filled in by a preset, and keeps the name', async () => {
    await type('#name', 'class')
    click(maker, 'input[type=radio]', '')
    ;(deepAll(maker, 'input[type=radio]')[2] as HTMLElement).click()
    await maker.updateComplete
    assert.equal((deepOne(maker, '#targetSpacing') as HTMLInputElement).value, `${PUBLIC.targetSpacing}`)
    assert.equal((deepOne(maker, '#weightLimit') as HTMLInputElement).value, `${PUBLIC.weightLimit}`)
    assert.equal((deepOne(maker, '#name') as HTMLInputElement).value, 'class')
  })
})

describe('networks that were visited', () => {
  it('are kept with their relays, the latest first, and forgotten', () => {
    noteVisit(CLASS, [RELAY], 100)
    noteVisit(REGTEST, [], 200)
    noteVisit(CLASS, [`${RELAY}2`], 300)
    const [first, second] = visitedNetworks()
    assert.deepEqual(first, {
      params: CLASS,
      networkId: ID,
      nickname: undefined,
      relays: [`${RELAY}2`, RELAY],
      visited: 300,
    })
    assert.equal(second!.params, REGTEST)
    renameNetwork(CLASS, `  ${'x'.repeat(100)} `)
    assert.equal(visitedNetworks()[0]!.nickname, 'x'.repeat(MAX_NICKNAME))
    noteVisit(CLASS, [], 400)
    assert.equal(visitedNetworks()[0]!.nickname, 'x'.repeat(MAX_NICKNAME))
    renameNetwork(CLASS, ' ')
    assert.isUndefined(visitedNetworks()[0]!.nickname)
    forgetNetwork(CLASS)
    assert.deepEqual(
      visitedNetworks().map(({ params }) => params),
      [REGTEST],
    )
  })

  it('are a hundred at most, and what makes no sense in storage is left out', () => {
    for (let time = 1; time <= 105; time++)
      noteVisit({ ...CLASS, genesisTime: CLASS.genesisTime + time }, [], time)
    const all = visitedNetworks()
    assert.lengthOf(all, 100)
    assert.equal(all.at(-1)!.visited, 6)
    for (const kept of [
      '{',
      '3',
      '[null, 1, {"network":"nope","relays":[],"visited":1}]',
      '[{"network":3}]',
    ]) {
      localStorage.setItem(KEY, kept)
      assert.isEmpty(visitedNetworks(), kept)
    }
    const entry = { network: 'regtest', relays: [RELAY, 7, 'javascript:x'], visited: 1, nickname: 5 }
    localStorage.setItem(KEY, JSON.stringify([entry]))
    assert.deepEqual(visitedNetworks()[0]!.relays, [RELAY])
    assert.isUndefined(visitedNetworks()[0]!.nickname)
  })
})

describe('what is stored of a network', () => {
  /** A profile's database with so many bytes in it and one wallet's keys. */
  async function store(profile: string, bytes: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open(databaseName(ID, profile), 4)
      request.onupgradeneeded = () => {
        for (const name of ['keys', 'bodies']) request.result.createObjectStore(name)
      }
      request.onerror = () => reject(request.error)
      request.onsuccess = () => {
        const database = request.result
        const transaction = database.transaction(['keys', 'bodies'], 'readwrite')
        transaction.objectStore('keys').put('k', '')
        transaction.objectStore('bodies').put(new Uint8Array(bytes), 1)
        transaction.oncomplete = () => {
          database.close()
          resolve()
        }
      }
    })
  }

  /** Holds a profile as its tab does, until the returned function is called. */
  function hold(profile: string): Promise<() => void> {
    return new Promise((held) => {
      void navigator.locks.request(
        lockName(ID, profile),
        () => new Promise<void>((release) => held(() => release())),
      )
    })
  }

  const isStored = async (profile: string): Promise<boolean> =>
    (await indexedDB.databases()).some(({ name }) => name === databaseName(ID, profile))

  beforeEach(() => Promise.all([store('1', 100_000), store('Ben', 50_000)]))
  afterEach(() => deleteNetwork(ID))

  it('is measured and deleted with all its profiles, unless a tab has one of them open', async () => {
    assert.deepEqual(await measureNetwork(ID), { profiles: 2, wallets: 2, bytes: 150_002 })
    const release = await hold('Ben')
    assert.isUndefined(await measureNetwork(ID))
    assert.isFalse(await deleteNetwork(ID))
    assert.isTrue((await isStored('1')) && (await isStored('Ben')))
    release()
    await navigator.locks.request(lockName(ID, 'Ben'), () => undefined)
    assert.isTrue(await deleteNetwork(ID))
    assert.isFalse((await isStored('1')) || (await isStored('Ben')))
  })

  it('is listed, renamed, and deleted after a warning that says what goes', async () => {
    noteVisit(CLASS, [RELAY], 1)
    const list = new NetworkList()
    list.current = networkId(REGTEST)
    show(list)
    const row = (): Element => deepAll(list, 'li').find((each) => textOf(each).includes('class-7b'))!
    await until('it is listed', () => row() !== undefined)
    assert.include(textOf(row()), '2 profiles stored')
    assert.equal(row().querySelector('a')!.getAttribute('href'), invitationPath(CLASS, [RELAY]))

    click(list, 'li button', 'Rename')
    await until('a field is shown', () => deepAll(list, '#nickname').length > 0)
    ;(deepOne(list, '#nickname') as HTMLInputElement).value = 'Ida’s'
    click(list, 'li button', 'Keep the name')
    await until('it is renamed', () => row() !== undefined && textOf(row()).includes('Ida’s'))

    const release = await hold('1')
    click(row(), 'button', 'Delete')
    await until('it is refused', () => deepAll(list, '[role=alert]').length > 0)
    assert.include(textOf(deepOne(list, '[role=alert]')), 'A tab has this network open.')
    release()
    await navigator.locks.request(lockName(ID, '1'), () => undefined)
    click(row(), 'button', 'Delete')
    await until('it warns', () => deepAll(list, 'li [role=alert]').length > 0)
    assert.match(
      textOf(deepOne(list, 'li [role=alert]')),
      /2 profiles .* the keys of 2 wallets ?\. It frees about 150 kB\. Coins of a wallet without a backup are lost/,
    )
    click(row(), 'button', 'Delete for good')
    await until('it is gone', () => row() === undefined)
    assert.isFalse(await isStored('1'))
    assert.isEmpty(visitedNetworks())
  })
})

describe('the page of networks', () => {
  it('gives this network’s link, with its relays if one wants them in it', async () => {
    const opentab = new ScriptedOpentab({})
    const view = new NetworksView()
    view.node = new LiveNode(opentab)
    show(view)
    opentab.emit('network', {
      relays: [
        { address: RELAY, state: 'reserved' },
        { address: '/dns4/gone.example/tcp/443/wss/p2p/12D3KooWgone', state: 'unreachable' },
      ],
      directPeers: 0,
      relayedOnlyPeers: 0,
    })
    await view.updateComplete
    const link = (): string => (deepOne(view, '#link') as HTMLInputElement).value
    await until('the link is shown', () => deepAll(view, '#link').length > 0)
    assert.equal(link(), `${location.origin}/?network=regtest`)
    ;(deepOne(view, '.invite input[type=checkbox]') as HTMLElement).click()
    await until('it names the relay', () => link().includes('relay='))
    assert.equal(link(), `${location.origin}/?network=regtest&relay=${RELAY}`)
  })
})
