/**
 * Promise: a node in the middle passes payments on, with the program's own signer, and neither loses nor wins by any crash: what it is paid for
 * is what it pays, in both channels.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Channel } from '../../../src/channels/channel.ts'
import { brokenInvariants } from '../../../src/channels/state.ts'
import type { Removal } from '../../../src/channels/updates.ts'
import {
  ChannelNode,
  deliverAll,
  keeperSigner,
  Link,
  type NodeSigner,
  offerOf,
  openChannel,
  quiet,
} from '../../support/channel-nodes.ts'
import { Draw } from '../../support/draw.ts'
import { mockSigner } from '../../support/mock-channel-signer.ts'
import { value } from '../../support/wallets.ts'

const FEE = 1_000

function channelWith(node: ChannelNode, peer: string): Channel {
  const channel = [...node.manager!.channels.values()].find(({ state }) => state.peer === peer)
  if (!channel) throw new Error(`${node.name} has no channel with ${peer}`)
  return channel
}

/** Passes on what comes from `from` to `to`, less a fee; and back what becomes of it. Whatever is told twice is done once. */
function passOn(node: ChannelNode, from: string, to: string): void {
  const fail = { kind: 'fail', reason: new Uint8Array(292).fill(2) } as const
  node.onEvent = (channel, event) => {
    if (!node.manager) return
    const [upstream, downstream] = [channelWith(node, from), channelWith(node, to)]
    if (event.kind === 'htlc-received' && channel === upstream) {
      const { terms } = event
      const { keyId } = upstream.state.contract
      const { htlcs, outcomes } = downstream.state
      const known = [...htlcs, ...outcomes].some(
        ({ terms: { origin } }) => origin?.kind === 'forward' && origin.htlc === terms.id,
      )
      if (known) return
      void downstream
        .offer({
          ...offerOf(terms.amount - FEE, terms.paymentHash, terms.expiry - 12),
          origin: { kind: 'forward', keyId, htlc: terms.id },
        })
        .then((offered) => {
          if (!offered.ok && offered.code !== 'channel-halted') void upstream.remove(terms.id, fail)
        })
    } else if ((event.kind === 'htlc-fulfilled' || event.kind === 'htlc-failed') && channel === downstream) {
      const { origin, id } = event.terms
      if (origin?.kind !== 'forward') return
      const removal: Removal =
        event.kind === 'htlc-fulfilled' ? { kind: 'fulfill', preimage: event.preimage } : fail
      // First what we are owed is durable, then what we knew it by is let go.
      void upstream.remove(origin.htlc, removal).then(() => downstream.acknowledge([id]))
    }
  }
}

async function three(signer: (name: string) => NodeSigner) {
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => new ChannelNode(name, signer(name)))
  const links = [new Link(alice, bob), new Link(bob, carol)]
  for (const node of [alice, bob, carol]) await node.start()
  for (const link of links) {
    link.connect()
    await openChannel(link)
  }
  alice.settling()
  carol.settling()
  passOn(bob, 'alice', 'carol')
  return { alice, bob, carol, links }
}

async function settleAll(nodes: readonly ChannelNode[], links: readonly Link[]): Promise<void> {
  for (let calm = 0; calm < 3; ) {
    const before = links.map(({ delivered }) => delivered.length).join()
    for (const link of links) {
      link.connect()
      await deliverAll(link)
    }
    await quiet(nodes)
    calm = links.map(({ delivered }) => delivered.length).join() === before ? calm + 1 : 0
  }
}

/** What Bob has in both channels, and all three for themselves. */
function totals({ alice, bob, carol }: Awaited<ReturnType<typeof three>>) {
  const channels = [channelWith(bob, 'alice'), channelWith(bob, 'carol'), alice.channel, carol.channel]
  for (const { state } of channels) {
    assert.deepEqual(brokenInvariants(state), [])
    assert.equal(state.status, 'open')
    assert.deepEqual([state.htlcs.length, state.outcomes.length], [0, 0])
  }
  const [withAlice, withCarol, ofAlice, ofCarol] = channels.map(({ state }) => state.holderAmount)
  return { alice: ofAlice, bob: withAlice + withCarol, carol: ofCarol }
}

test('payments over two hops, some of which fail', async () => {
  const net = await three(keeperSigner)
  const { alice, bob, carol, links } = net
  for (let at = 0; at < 4; at++) {
    const hash = at === 3 ? new Uint8Array(32).fill(3) : carol.invoice(`${at}`)
    value(await alice.channel.offer(offerOf(20_000_000, hash, 300)))
  }
  await settleAll([alice, bob, carol], links)
  assert.deepEqual(totals(net), {
    alice: 1_000_000_000 - 60_000_000,
    bob: 1_000_000_000 + 3 * FEE,
    carol: 60_000_000 - 3 * FEE,
  })
})

test('the three die at any moment, and nobody loses', async () => {
  for (const [seed, signer] of [
    ...Array.from({ length: 12 }, (_, at) => [`${at}`, mockSigner] as const),
    ['real', keeperSigner] as const,
  ]) {
    const draw = new Draw(`forwarding ${seed}`)
    const net = await three(signer)
    const { alice, bob, carol, links } = net
    const nodes = [alice, bob, carol]
    let crashes = 0
    let payments = 0
    for (let step = 0; step < 150; step++) {
      const chance = draw.below(20)
      if (chance < 12) draw.pick(links).deliver(draw.pick([0, 1]))
      else if (chance < 15 && payments < 30) {
        const hash = draw.oneIn(4) ? draw.bytes(32) : carol.invoice(`${seed} ${payments}`)
        payments++
        void alice.channel.offer(offerOf(draw.integer(1_000_000, 15_000_000), hash, 300))
      } else if (chance === 15) draw.pick(links).cut()
      else if (chance < 19) for (const link of links) link.connect()
      else {
        crashes++
        const node = draw.pick(nodes)
        node.crash()
        await node.start()
      }
      if (draw.oneIn(2)) await quiet(nodes)
    }
    await settleAll(nodes, links)
    const { alice: left, bob: middle, carol: right } = totals(net)
    assert.equal(left + middle + right, 2_000_000_000, seed)
    const { paid, count } = [...fulfilledOf(alice).values()].reduce(
      (sum, amount) => ({ paid: sum.paid + amount, count: sum.count + 1 }),
      { paid: 0, count: 0 },
    )
    assert.deepEqual(
      [left, middle, right],
      [1_000_000_000 - paid, 1_000_000_000 + count * FEE, paid - count * FEE],
      `seed ${seed}: ${crashes} crashes`,
    )
  }
})

/** Amounts of what a node paid, by id. */
function fulfilledOf(node: ChannelNode): Map<number, number> {
  return new Map(
    node.events.flatMap(({ event }) =>
      event.kind === 'htlc-fulfilled' ? [[event.terms.id, event.terms.amount] as const] : [],
    ),
  )
}
