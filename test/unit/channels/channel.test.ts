/** Promise: two machines with the program's own signer open a channel, pay, re-establish it and close it, and agree all along. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokenInvariants } from '../../../src/channels/state.ts'
import { ChannelNode, deliverAll, Link, offerOf, openChannel } from '../../support/channel-nodes.ts'
import { value } from '../../support/wallets.ts'

async function pair(): Promise<{ alice: ChannelNode; bob: ChannelNode; link: Link }> {
  const alice = new ChannelNode('alice').settling()
  const bob = new ChannelNode('bob').settling()
  const link = new Link(alice, bob)
  await alice.start()
  await bob.start()
  link.connect()
  await openChannel(link, { push: 200_000_000 })
  return { alice, bob, link }
}

/** What each has, when nothing is under way. */
function amounts({ channel: { state } }: ChannelNode): readonly number[] {
  assert.deepEqual(brokenInvariants(state), [])
  return [state.holderAmount, state.counterpartyAmount]
}

test('a channel is opened, pays both ways, comes back after a cut, and closes', async () => {
  const { alice, bob, link } = await pair()
  assert.equal(alice.channel.state.status, 'open')
  assert.equal(bob.channel.state.status, 'open')
  assert.deepEqual(amounts(alice), [800_000_000, 200_000_000])
  const paid = alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200))
  const back = bob.channel.offer(offerOf(10_000_000, alice.invoice('two'), 200))
  await deliverAll(link)
  value(await paid)
  value(await back)
  assert.deepEqual(amounts(alice), [760_000_000, 240_000_000])
  assert.deepEqual(amounts(bob), [240_000_000, 760_000_000])

  link.cut()
  link.connect()
  await deliverAll(link)
  value(await alice.channel.offer(offerOf(5_000_000, bob.invoice('three'), 200)))
  await deliverAll(link)
  assert.deepEqual(amounts(bob), [245_000_000, 755_000_000])

  value(await bob.channel.close(500))
  await deliverAll(link)
  const closings = [alice, bob].map(({ channel }) => channel.state.closingTransactions.length)
  assert.deepEqual(closings, [2, 2])
  assert.deepEqual(alice.channel.state.status, 'shutdown')
})
