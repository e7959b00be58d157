/**
 * Promise: on a network for tests one tab puts conditions on real links, and all see who asked: pings take as long as was asked, a partition makes two branches and
 * healing one of them, a tab that refuses is not shaped, and all is reset when the tab that asked is closed.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { LinkConditionsResult, PeerResult } from '../../web/rpc-results.ts'
import { journey, type Tab, untilAgreed } from '../support/tabs.ts'

/** Milliseconds, one way. */
const LATENCY = 300

test(
  'latency is felt, a partition parts and heals, a refusal is kept to, and the author’s leaving resets all',
  journey(async (world) => {
    await world.serve()
    const tabs = (await world.openAll(['Ada', 'Ben', 'Eva'])) as [Tab, Tab, Tab]
    const [ada, ben, eva] = tabs
    await Promise.all(tabs.map((tab) => tab.untilPeers(2)))
    await Promise.all(tabs.map((tab) => tab.createWallet()))
    const conditions = (tab: Tab, what: string, done: (state: LinkConditionsResult) => boolean) =>
      tab.until(what, 'getlinkconditions', [], done)
    const known = await conditions(ada, 'all are heard', (state) => state.tabs.length === 3)
    const idOf = async (tab: Tab): Promise<string> =>
      (await tab.rpc('getlinkconditions')).tabs.find(({ self }) => self)!.peerid
    const [a, b, c] = await Promise.all(tabs.map(idOf))
    assert.deepEqual(known.tabs.map(({ peerid }) => peerid).sort(), [a, b, c].sort())
    await ada.generate(1)
    await untilAgreed(tabs)

    // Asked for on the page, felt by all.
    await ada.page.goto(ada.page.url().replace(/\/(\?|$)/, '/network$1'))
    await ada.ready()
    await ada.untilPeers(2)
    await ada.page.getByLabel('Latency, ms one way').fill(String(LATENCY))
    await ada.page.getByRole('button', { name: 'Apply to all links' }).click()
    for (const tab of tabs) {
      const { links, requests } = await conditions(
        tab,
        'pings came back through the shaped links',
        (state) => state.links.length === 2 && state.links.every(({ ping }) => ping !== undefined),
      )
      assert.equal(requests[0]!.author, a)
      for (const { ping } of links)
        assert.ok(ping! * 1000 >= 2 * LATENCY, `asked for ${2 * LATENCY} ms, ${ping! * 1000} ms measured`)
      await tab.until('getpeerinfo tells it', 'getpeerinfo', [], (peers: readonly PeerResult[]) =>
        peers.every(({ pingtime = 0 }) => pingtime * 1000 >= 2 * LATENCY),
      )
      process.stdout.write(
        `# asked ${2 * LATENCY} ms there and back; measured ${links.map(({ ping }) => Math.round(ping! * 1000)).join(', ')} ms\n`,
      )
    }
    await ada.page.getByText(`latency ${LATENCY} ms, all links`).waitFor()
    await ada.page.getByRole('button', { name: 'Heal' }).click()
    for (const tab of tabs) await conditions(tab, 'it is healed', ({ requests }) => requests.length === 0)

    // A partition of two sides.
    await ada.rpc('partition', [[a!], [b!, c!]])
    await ada.until('Ada is alone', 'getconnectioncount', [], (count) => count === 0)
    for (const tab of [ben, eva])
      await tab.until('it has its side', 'getconnectioncount', [], (count) => count === 1)
    const [lost] = await ada.generate(1)
    await ben.generate(2)
    const won = await untilAgreed([ben, eva])
    assert.equal(await ada.rpc('getbestblockhash'), lost)
    await ada.rpc('heal')
    await Promise.all(tabs.map((tab) => tab.untilTip(won)))

    // Eva refuses while all is cut: her links hold, and the others are told.
    await ada.rpc('setlinkconditions', [{ cut: true }])
    await eva.until('Eva is alone', 'getconnectioncount', [], (count) => count === 0)
    await eva.page.goto(eva.page.url().replace(/\/(\?|$)/, '/network$1'))
    await eva.ready()
    await eva.page.getByRole('checkbox', { name: /Take part/ }).uncheck()
    await eva.until('Eva has both again', 'getconnectioncount', [], (count) => count === 2)
    for (const tab of [ada, ben])
      await tab.until('it has Eva alone', 'getconnectioncount', [], (count) => count === 1)
    await conditions(ben, 'Ben is told', (state) =>
      state.tabs.some(({ peerid, takes_part }) => peerid === c && !takes_part),
    )

    // The author is closed.
    await ada.page.close()
    await conditions(ben, 'all is reset', ({ requests }) => requests.length === 0)
    const { links } = await ben.rpc('getlinkconditions')
    for (const { there, back } of links) assert.deepEqual([there, back], [{}, {}])
    const [last] = await ben.generate(1)
    await eva.untilTip(last!)
  }),
)
