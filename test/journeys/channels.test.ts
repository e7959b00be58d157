/** Promise: two tabs of a real browser open a channel, pay each other over it, go on with it after a reload, and close it, each with what it should have. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { journey, PASSPHRASE, type Tab } from '../support/tabs.ts'

const CHANNEL = 1_000_000
const PAYMENTS = 20

/** Unlocked, with its channels open: the first call of one of their methods does it. */
async function ready(tab: Tab): Promise<void> {
  await tab.rpc('walletpassphrase', PASSPHRASE, 10_000)
  await tab.until('the other node is known', 'listpeers', [], ({ peers }) => peers.length === 1)
}

async function normal(tab: Tab): Promise<void> {
  await tab.until('the channel can be used', 'listpeerchannels', [], ({ channels: [channel] }) =>
    Boolean(channel?.state === 'CHANNELD_NORMAL' && channel.peer_connected && channel.short_channel_id),
  )
}

async function shareOf(tab: Tab): Promise<number> {
  const { channels } = await tab.rpc('listpeerchannels')
  return channels[0]!.to_us_msat
}

test(
  'a channel between two tabs: opened, used, reloaded, closed',
  journey(async (world) => {
    await world.serve()
    let [ada, ben] = (await world.openAll(['Ada', 'Ben'])) as [Tab, Tab]
    await ada.untilPeers(1)
    await Promise.all([ada, ben].map((tab) => tab.createWallet()))
    const [tip] = (await ada.generate(101)).slice(-1)
    await ben.untilTip(tip!)
    await Promise.all([ada, ben].map(ready))

    const { peers } = await ada.rpc('listpeers')
    const { txid } = await ada.rpc('fundchannel', peers[0]!.id, CHANNEL)
    await ben.until('the funding is known', 'getrawmempool', [], (txids) => txids.includes(txid))
    await ada.generate(1)
    await Promise.all([ada, ben].map(normal))

    for (let number = 0; number < PAYMENTS; number++) {
      const { bolt11 } = await ben.rpc('invoice', 10_000_000, `number ${number}`, 'coffee')
      assert.equal((await ada.rpc('pay', bolt11)).status, 'complete')
    }
    assert.equal(await shareOf(ada), CHANNEL * 1000 - PAYMENTS * 10_000_000)

    ada = await ada.reload()
    await ready(ada)
    await Promise.all([ada, ben].map(normal))
    const { bolt11 } = await ada.rpc('invoice', 50_000_000, 'back', 'tea')
    assert.equal((await ben.rpc('pay', bolt11)).amount_sent_msat, 50_000_000)
    assert.equal((await ada.rpc('waitinvoice', 'back')).amount_received_msat, 50_000_000)

    const { type } = await ben.rpc('close', (await ben.rpc('listpeers')).peers[0]!.id)
    assert.equal(type, 'mutual')
    await ada.until('the close waits', 'getrawmempool', [], (txids) => txids.length > 0)
    await ada.generate(1)
    const { mine } = await ben.until(
      'its share is there',
      'getbalances',
      [],
      (balances) => balances.mine.trusted > 0,
    )
    assert(mine.trusted > 0.00149 && mine.trusted <= 0.0015, `Ben has ${mine.trusted}`)
  }),
)
