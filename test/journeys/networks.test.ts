/** Promise: a link is a network: whoever opens it is told whose rules these are and asked, and is then in a network apart from all others. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { networkId } from '../../src/consensus/genesis.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { journey, type Tab, textOf, untilAgreed, type World } from '../support/tabs.ts'

test(
  'a network made by the form: three browsers join it by its link, mine, pay and confirm; it is listed, renamed and deleted',
  journey(async (world) => {
    await world.serve()
    const ada = await world.open('Ada', { path: '/networks' })
    const { link, words } = await make(ada)
    await ada.page.getByRole('link', { name: 'Open it' }).click()
    await join(ada, words)
    const [ben, cem] = (await Promise.all([
      invited(world, 'Ben', link, words),
      invited(world, 'Cem', link, words),
    ])) as [Tab, Tab]
    const { networkId: id, networkName } = await ada.identity()
    assert.equal(networkName, 'class-7b')
    assert.notEqual(id, networkId(REGTEST))
    for (const tab of [ben, cem]) assert.equal((await tab.identity()).networkId, id)

    await Promise.all([ada, ben, cem].map((tab) => tab.untilPeers(2)))
    await Promise.all([ada.createWallet(), ben.createWallet(), cem.createWallet()])
    await ada.generate(6)
    await untilAgreed([ada, ben, cem])
    const to = await ben.rpc('getnewaddress')
    assert.match(to, /^classb1p/)
    const txid = await ada.pay(to, 1.5)
    await cem.until('it has the payment', 'getrawmempool', [], (txids) => txids.includes(txid))
    await cem.generate(1)
    const tip = await untilAgreed([ada, ben, cem])
    await ben.until('it is paid', 'getbalances', [], ({ mine }) => mine.trusted === 1.5)

    // The address keeps the network through the page's links, and a reload asks nothing.
    await ada.page.getByRole('link', { name: 'Explorer' }).first().click()
    await ada.page.getByRole('heading', { name: 'Explorer', level: 1 }).waitFor()
    assert.match(ada.page.url(), /\/explorer\?network=net1/)
    await ada.reload()
    assert.equal(await ada.rpc('getbestblockhash'), tip)

    await list(world, ada, id)
  }),
)

test(
  'a link with a wrong character, or of a network that dresses up as the public one, is refused with what is wrong',
  journey(async (world) => {
    await world.serve()
    const ada = await world.open('Ada', { path: '/networks' })
    const { link } = await make(ada)
    const query = new URL(link).search
    const at = query.length - 20
    const damaged = query.slice(0, at) + (query[at] === 'q' ? 'p' : 'q') + query.slice(at + 1)
    for (const [asked, sentence] of [
      [damaged, /^The link of the network is damaged: a part of it is missing or was mistyped\./],
      ['?network=%D0%BEpentab', /^There is no network “оpentab” here\./],
      ['?network=regtest&relay=javascript:alert(1)', /^The invitation names a relay that no tab can use/],
    ] as const) {
      const { page } = await world.load(asked, { query: asked })
      await page.getByRole('heading', { name: 'The address is not right' }).waitFor()
      assert.match(await textOf(page.getByRole('alert')), sentence)
    }
  }),
)

test(
  'an invitation with a relay shows it before it is used: who declines is without it, and says so to nobody else',
  journey(async (world) => {
    const [server, other] = [await world.serve(), await world.serve()]
    const relay = `/ip4/127.0.0.1/tcp/${other.port}/ws/p2p/${other.relayPeerId}`
    const query = `?network=regtest&relay=${relay}`
    const ada = await world.load('Ada', { query })
    await ada.page.getByRole('heading', { name: 'Use the relays of this invitation?' }).waitFor()
    await ada.page.getByText(`127.0.0.1:${other.port}`, { exact: true }).waitFor()
    const dialled = (tab: Tab): readonly string[] =>
      tab.requests.filter((url) => new URL(url).port === `${other.port}`)
    assert.deepEqual(dialled(ada), [])
    await ada.page.getByRole('button', { name: 'Go on' }).click()
    await ada.ready()
    await ada.until('the relay introduces it', 'getnetworkinfo', [], ({ relays }) =>
      relays.some(({ address, state }) => address === relay && state === 'reserved'),
    )

    const ben = await world.load('Ben', { query })
    await ben.page.getByLabel('Use this relay').uncheck()
    await ben.page.getByRole('button', { name: 'Go on' }).click()
    await ben.ready()
    const { relays } = await ben.rpc('getnetworkinfo')
    assert.ok(relays.every(({ address }) => address.includes(`/${server.port}/`)))
    assert.deepEqual(dialled(ben), [])
    assert.equal(new URL(ben.page.url()).search, '?network=regtest')
  }),
)

/** Makes a network by the form, and answers its link and its words. */
async function make({ page }: Tab): Promise<{ readonly link: string; readonly words: string }> {
  const maker = page.locator('ot-network-maker')
  await maker.getByText('Classroom').click()
  await maker.getByLabel('Name').fill('opentab')
  await maker.getByRole('button', { name: 'Make the link' }).click()
  await maker.getByRole('alert').getByText('the name is reserved').waitFor()
  await maker.getByLabel('Name').fill('class-7b')
  await maker.getByRole('button', { name: 'Make the link' }).click()
  const link = await maker.getByLabel('Link', { exact: true }).inputValue()
  return { link, words: await textOf(maker.locator('ot-network-mark span')) }
}

/** Reads the page that asks, and joins. */
async function join(tab: Tab, words: string): Promise<Tab> {
  const { page } = tab
  await page.getByRole('heading', { name: 'Join the network “class-7b”?' }).waitFor()
  assert.equal(await textOf(page.locator('ot-network-mark span')), words)
  await page.getByText('Public network: one every 30 s').waitFor()
  assert.equal(await page.evaluate(() => 'opentab' in globalThis), false)
  await page.getByRole('button', { name: 'Join' }).click()
  return tab.ready()
}

/** Opens the link in a browser of its own. */
async function invited(world: World, name: string, link: string, words: string): Promise<Tab> {
  return join(await world.load(name, { query: new URL(link).search }), words)
}

/** Renames and deletes a network from a tab of another one in the same browser. */
async function list(world: World, ada: Tab, id: string): Promise<void> {
  const other = await world.open('Ada on regtest', { context: ada.context, path: '/networks' })
  const databases = (): Promise<string[]> =>
    other.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name!).sort())
  const mine = `opentab/${id}/1`
  assert.deepEqual(await databases(), [mine, `opentab/${networkId(REGTEST)}/1`].sort())
  const { page } = other
  const row = page.locator('ot-network-list li').filter({ hasText: 'class-7b' })
  await row.getByRole('button', { name: 'Rename class-7b' }).click()
  await row.getByLabel('Your name for it').fill('Ms Ida’s class')
  await row.getByRole('button', { name: 'Keep the name' }).click()
  await row.getByRole('heading', { name: 'Ms Ida’s class' }).waitFor()

  const remove = row.getByRole('button', { name: 'Delete Ms Ida’s class' })
  await remove.click()
  await page.getByText('A tab has this network open. Close its tabs first; nothing was deleted.').waitFor()
  assert.ok((await databases()).includes(mine))
  await ada.page.close()
  // The browser lets go of a profile when the tab's threads have ended.
  await page.evaluate((lock) => navigator.locks.request(lock, () => undefined), `opentab/profile/${id}/1`)
  await remove.click()
  const warning = row.getByRole('alert')
  await warning.waitFor()
  assert.match(
    await textOf(warning),
    /This deletes 1 profile .* the keys of 1 wallet ?\. It frees about [\d.,]+ [kM]?B/,
  )
  await row.getByRole('button', { name: 'Delete for good' }).click()
  await row.waitFor({ state: 'detached' })
  assert.deepEqual(await databases(), [`opentab/${networkId(REGTEST)}/1`])
}
