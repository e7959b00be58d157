/** Promise: groups that were cut off from each other agree on the branch with more work, and no payment is lost with the other. */

import assert from 'node:assert/strict'
import test from 'node:test'
import type { WalletTransactionDetail } from '../../web/rpc-results.ts'
import { journey, type Tab, untilAgreed } from '../support/tabs.ts'

test(
  'two groups mine different branches; when their relay is back they end on the one with more work',
  journey(async (world) => {
    const keySeed = new Uint8Array(32).fill(7)
    const first = await world.serve({ keySeed })
    const [ada, ben, eva, finn] = (await world.openAll(['Ada', 'Ben', 'Eva', 'Finn'])) as [Tab, Tab, Tab, Tab]
    const [west, east, all] = [
      [ada, ben],
      [eva, finn],
      [ada, ben, eva, finn],
    ] as const
    await Promise.all(all.map((tab) => tab.untilPeers(2)))
    await Promise.all(all.map((tab) => tab.createWallet()))
    await ada.generate(100)
    await untilAgreed(all)

    // The relay fails, and its page names another from now on. Who reloads meets there; who doesn't knows of no other relay.
    const other = await world.serve()
    await first.stop()
    const server = await world.serve({
      keySeed,
      port: first.port,
      otherRelays: [`/dns4/localhost/tcp/${other.port}/ws/p2p/${other.relayPeerId}`],
    })
    await server.stopRelay()
    await Promise.all(east.map((tab) => tab.reload()))
    await Promise.all(
      all.map((tab) => tab.until('it has its group alone', 'getconnectioncount', [], (count) => count === 1)),
    )

    const txid = await ada.pay(await ben.rpc('getnewaddress'), 1.5)
    await ada.generate(1)
    await ben.until('the payment is confirmed', 'gettransaction', [txid], isConfirmed)
    await ada.generate(1)
    const lost = await untilAgreed(west)
    await eva.generate(4)
    const won = await untilAgreed(east)
    assert.equal(await ben.rpc('getbestblockhash'), lost, 'the groups are cut off from each other')

    // The first relay is back: all register again, and find each other.
    await server.startRelay()
    await Promise.all(all.map((tab) => tab.untilTip(won)))

    // The payment waits again; it is mined by one who never saw the lost branch.
    const { blockhash } = await ben.rpc('getrawtransaction', txid, 1)
    assert.equal(blockhash, undefined)
    await finn.until('the payment waits here', 'getrawmempool', [], (txids) => txids.includes(txid))
    const [paidAgainIn] = await finn.generate(1)
    await Promise.all(all.map((tab) => tab.untilTip(paidAgainIn!)))
    const again = await ben.until('the payment is confirmed again', 'gettransaction', [txid], isConfirmed)
    assert.equal(again.blockhash, paidAgainIn)
    const tips = await ben.rpc('getchaintips')
    assert.equal(tips.find(({ hash }) => hash === lost)?.status, 'valid-fork')
  }),
)

function isConfirmed({ confirmations }: WalletTransactionDetail): boolean {
  return confirmations > 0
}
