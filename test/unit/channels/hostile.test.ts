/**
 * Promise: whatever a counterparty says, whenever, again or out of turn: nothing throws, sums are kept, and the channel goes on, rests until the
 * next connection, or fails safely: its own last commitment, never a void one, is published.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ChannelMessage,
  type CommitmentSigned,
  decodeMessage,
  encodeMessage,
} from '../../../src/channels/messages.ts'
import { brokenInvariants } from '../../../src/channels/state.ts'
import {
  ChannelNode,
  deliverAll,
  keeperSigner,
  Link,
  type NodeSigner,
  offerOf,
  openChannel,
  quiet,
  verdict,
} from '../../support/channel-nodes.ts'
import { Draw } from '../../support/draw.ts'
import { mockSigner } from '../../support/mock-channel-signer.ts'

async function pair(
  signer: (name: string) => NodeSigner = mockSigner,
): Promise<{ alice: ChannelNode; bob: ChannelNode; link: Link }> {
  const alice = new ChannelNode('alice', signer('alice')).settling()
  const bob = new ChannelNode('bob', signer('bob')).settling()
  const link = new Link(alice, bob)
  for (const node of [alice, bob]) await node.start()
  link.connect()
  return { alice, bob, link }
}

/** A life of a channel: what a message may be met by. Stops before message `until` of `attacker`, and gives it. */
async function live(
  { alice, bob, link }: Awaited<ReturnType<typeof pair>>,
  attacker: 0 | 1,
  until: number,
): Promise<Uint8Array | undefined> {
  let seen = 0
  let found: Uint8Array | undefined
  const deliver = async () => {
    for (let idle = 0; idle < 2 && !found; ) {
      await quiet([alice, bob])
      let any = false
      for (const from of [0, 1] as const) {
        while (!found && link.flying[from].length > 0) {
          if (from === attacker && seen++ === until) found = link.flying[from].shift()!.bytes
          else any = link.deliver(from) || any
        }
      }
      idle = any ? 0 : idle + 1
    }
  }
  const deeds = [
    () => alice.channel.offer(offerOf(40_000_000, bob.invoice('1'), 200)),
    () => bob.channel.offer(offerOf(7_000_000, alice.invoice('2'), 200)),
    () => alice.channel.offer(offerOf(300_000, new Uint8Array(32), 200)),
    () => alice.channel.proposeFee(1_500),
  ]
  for (const deed of deeds) {
    void deed()
    await deliver()
    if (found) return found
  }
  link.cut()
  link.connect()
  await deliver()
  void bob.channel.offer(offerOf(9_000_000, alice.invoice('3'), 200))
  await deliver()
  return found
}

function checkSafe(node: ChannelNode, from: number): void {
  const channel = [...(node.manager?.channels.values() ?? [])][0]
  if (!channel) return
  const { state } = channel
  assert.deepEqual(brokenInvariants(state), [])
  const published = node.events
    .slice(from)
    .flatMap(({ event }) => (event.kind === 'publish-commitment' ? [event] : []))
  assert.equal(published.length, state.status === 'failed' ? 1 : 0, state.status)
  for (const { commitment } of published) assert.equal(commitment.number, state.holder.commitment.number)
  assert.equal(channel.isHalted, false)
}

const LIFE = 14

test('each message damaged, repeated, left out, or met by any other', async (t) => {
  const draw = new Draw('hostile')
  const ends: Record<string, number> = {}
  for (const attacker of [0, 1] as const)
    for (let until = 0; until < LIFE; until++)
      for (const attack of ['damage', 'repeat', 'leave-out', 'swap', 'another'] as const) {
        const three = await pair()
        const { alice, bob, link } = three
        await openChannel(link, { push: 300_000_000 })
        const victim = attacker === 0 ? bob : alice
        const from = victim.events.length
        const bytes = await live(three, attacker, until)
        if (!bytes) continue
        const say = (what: Uint8Array) => victim.manager!.receive(attacker === 0 ? 'alice' : 'bob', what)
        if (attack === 'damage') {
          const damaged = bytes.slice()
          damaged[draw.integer(34, damaged.length - 1)] ^= 1 << draw.below(8)
          say(damaged)
        } else if (attack === 'repeat') {
          say(bytes)
          say(bytes)
        } else if (attack === 'swap') {
          await quiet([alice, bob])
          const next = link.flying[attacker].shift()?.bytes
          if (next) say(next)
          say(bytes)
        } else if (attack === 'another') say(encodeMessage(draw.pick(strange(victim))))
        await deliverAll(link)
        // It goes on, where it can.
        link.cut()
        link.connect()
        await deliverAll(link)
        await quiet([alice, bob])
        checkSafe(victim, from)
        const { status } = victim.channel.state
        ends[`${attack} ${status}`] = (ends[`${attack} ${status}`] ?? 0) + 1
      }
  t.diagnostic(JSON.stringify(ends))
  // A message that is lost with nothing after it is made good for; one that is damaged is not taken for good.
  assert.ok(ends['damage failed'] > 0 && ends['leave-out open'] > 0 && ends['repeat failed'] > 0)
})

/** Messages at the wrong time, with numbers and bytes of no meaning. */
function strange(victim: ChannelNode): ChannelMessage[] {
  const { channelId, contract, holder } = victim.channel.state
  const { point } = holder.commitment
  const nonce = new Uint8Array([...point, ...point])
  const signature = { partialSignature: new Uint8Array(32).fill(1), nonce }
  const closing = {
    channelId,
    closerScript: contract.payout.script,
    closeeScript: contract.payout.script,
    fee: 1_000 as typeof contract.fundingAmount,
    lockTime: 0,
  }
  return [
    {
      type: 'funding_created',
      temporaryChannelId: channelId,
      fundingTxid: contract.fundingTxid,
      fundingOutput: 0,
      signature,
    },
    { type: 'funding_signed', channelId, signature },
    { type: 'channel_ready', channelId, secondPerCommitmentPoint: point, nextLocalNonce: nonce },
    { type: 'shutdown', channelId, script: new Uint8Array(3), nonce },
    { type: 'shutdown', channelId, script: contract.payout.script },
    { type: 'closing_complete', ...closing, signatures: { both: signature } },
    { type: 'closing_sig', ...closing, signatures: { both: new Uint8Array(32) } },
    { type: 'update_fulfill_htlc', channelId, id: 0, preimage: new Uint8Array(32) },
    { type: 'update_fail_htlc', channelId, id: 99, reason: new Uint8Array(0) },
    { type: 'update_fail_malformed_htlc', channelId, id: 0, onionHash: new Uint8Array(32), failureCode: 1 },
    { type: 'update_fee', channelId, feerate: 0 },
    { type: 'update_fee', channelId, feerate: 0xffffffff },
    { type: 'commitment_signed', channelId, htlcSignatures: [], signature },
    {
      type: 'revoke_and_ack',
      channelId,
      perCommitmentSecret: new Uint8Array(32),
      nextPerCommitmentPoint: point,
    },
    {
      type: 'channel_reestablish',
      channelId,
      nextCommitmentNumber: 0,
      nextRevocationNumber: 2 ** 48,
      yourLastPerCommitmentSecret: new Uint8Array(32),
      myCurrentPerCommitmentPoint: point,
    },
    { type: 'error', channelId, text: 'Away with it' },
    { type: 'warning', channelId, text: 'Careful' },
  ]
}

test('every strange message in every state of an opening', async () => {
  for (let until = 0; until < 6; until++) {
    const { alice, bob, link } = await pair()
    const opened = openChannel(link).catch(() => {})
    const states = await Promise.race([
      opened.then(() => 'open'),
      (async () => {
        while (link.delivered.length < until) await new Promise<void>((resolve) => setImmediate(resolve))
        return 'opening'
      })(),
    ])
    assert.ok(states)
    await opened
    const any = [...(bob.manager?.channels.values() ?? [])][0]
    if (!any) continue
    for (const message of strange(bob)) {
      bob.manager!.receive('alice', encodeMessage(message))
      alice.manager!.receive('bob', encodeMessage(message))
      bob.manager!.receive('carol', encodeMessage(message))
    }
    await quiet([alice, bob])
    checkSafe(bob, 0)
    checkSafe(alice, 0)
  }
})

/** What a message of Bob's to Alice is, changed on its way; and what then becomes of Alice. */
async function altered<Type extends ChannelMessage['type']>(
  signer: (name: string) => NodeSigner,
  type: Type,
  alter: (message: Extract<ChannelMessage, { type: Type }>) => ChannelMessage,
  deed: (three: Awaited<ReturnType<typeof pair>>) => unknown,
): Promise<{ readonly alice: ChannelNode; readonly answers: ChannelMessage[] }> {
  const three = await pair(signer)
  const { alice, bob, link } = three
  await openChannel(link, { push: 300_000_000 })
  void deed(three)
  const answers: ChannelMessage[] = []
  for (let done = false; !done; ) {
    await quiet([alice, bob])
    while (link.deliver(0));
    await quiet([alice, bob])
    const next = link.flying[1].shift()
    if (!next) throw new Error(`No ${type} came`)
    const decoded = decodeMessage(next.bytes)
    assert.ok(decoded.ok)
    done = decoded.value.type === type
    if (done) alice.onSend = (message) => answers.push(message)
    const bytes = done
      ? encodeMessage(alter(decoded.value as Extract<ChannelMessage, { type: Type }>))
      : next.bytes
    alice.manager!.receive('bob', bytes)
  }
  await quiet([alice, bob])
  checkSafe(alice, 0)
  return { alice, answers }
}

const payment = ({ alice, bob }: Awaited<ReturnType<typeof pair>>) =>
  alice.channel.offer(offerOf(40_000_000, bob.invoice('1'), 200))

test('a secret that is not the one of the commitment fails the channel', async () => {
  const { alice, answers } = await altered(
    mockSigner,
    'revoke_and_ack',
    (message) => ({ ...message, perCommitmentSecret: new Uint8Array(32).fill(9) }),
    payment,
  )
  assert.equal(alice.channel.state.status, 'failed')
  assert.deepEqual(
    answers.map(({ type }) => type),
    ['error'],
  )
})

test('a wrong signature under a commitment, or under one HTLC, fails the channel: the commitment before it stands', async () => {
  const flip = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte))
  for (const alter of [
    (message: CommitmentSigned) => ({
      ...message,
      signature: { ...message.signature!, partialSignature: flip(message.signature!.partialSignature) },
    }),
    (message: CommitmentSigned) => ({ ...message, htlcSignatures: message.htlcSignatures.map(flip) }),
    (message: CommitmentSigned) => ({ ...message, htlcSignatures: [] }),
    (message: CommitmentSigned) => ({ ...message, signature: undefined }),
  ]) {
    const { alice, answers } = await altered(keeperSigner, 'commitment_signed', alter, payment)
    assert.equal(alice.channel.state.status, 'failed')
    assert.equal(alice.channel.state.holder.commitment.number, 0)
    assert.deepEqual(
      answers.map(({ type }) => type),
      ['error'],
    )
  }
})

test('a wrong signature under a closing transaction makes none', async () => {
  const wrong = new Uint8Array(32).fill(1)
  const close = ({ bob }: Awaited<ReturnType<typeof pair>>) => bob.channel.close(500)
  const complete = await altered(
    keeperSigner,
    'closing_complete',
    (message) => {
      const { both } = message.signatures
      return { ...message, signatures: { both: { ...both!, partialSignature: wrong } } }
    },
    close,
  )
  const signed = await altered(
    keeperSigner,
    'closing_sig',
    (message) => ({ ...message, signatures: { both: wrong } }),
    close,
  )
  for (const { alice, answers } of [complete, signed]) {
    assert.deepEqual(
      answers.map(({ type }) => type),
      ['warning'],
    )
    // The other one of the two, which was signed well, may be whole.
    const { closingTransactions } = alice.channel.state
    assert.ok(closingTransactions.length <= 1)
    for (const transaction of closingTransactions) assert.equal(verdict(alice, transaction), 'valid')
  }
})

test('a flood of messages ends the connection, and the channel goes on with the next', async () => {
  const { alice, bob, link } = await pair()
  await openChannel(link, { push: 300_000_000 })
  const { channelId } = bob.channel.state
  const flood = encodeMessage({ type: 'update_fee', channelId, feerate: 1_000 })
  for (let at = 0; at < 5_000 && link.up; at++) bob.manager!.receive('alice', flood)
  assert.equal(link.up, false)
  await quiet([alice, bob])
  link.connect()
  await deliverAll(link)
  void alice.channel.offer(offerOf(40_000_000, bob.invoice('1'), 200))
  await deliverAll(link)
  assert.equal(bob.channel.state.holderAmount, 340_000_000)
})

test('what was said once, said again: in the same session, after a restart, and before the channel is re-established', async () => {
  const types = new Set<string>(['commitment_signed'])
  const tried = new Set<string>()
  for (const type of types)
    for (const when of ['same session', 'restarted', 'before re-established'] as const) {
      const three = await pair()
      const { alice, bob, link } = three
      await openChannel(link, { push: 300_000_000 })
      await live(three, 0, Number.POSITIVE_INFINITY)
      const said = link.delivered.filter(({ from }) => from === 0)
      for (const { message } of said) types.add(message.type)
      if (when === 'restarted') {
        bob.crash()
        await bob.start()
        link.connect()
        await deliverAll(link)
      } else if (when === 'before re-established') {
        link.cut()
        link.connect()
        await quiet([alice, bob])
      }
      const before = bob.channel.state
      bob.manager!.receive('alice', said.find(({ message }) => message.type === type)!.bytes)
      await quiet([alice, bob])
      await deliverAll(link)
      const after = bob.channel.state
      tried.add(`${type} ${after.status}`)
      assert.equal(after.holderAmount, before.holderAmount)
      assert.equal(after.htlcs.length, 0)
      checkSafe(bob, 0)
    }
  // At the wrong time most of them fail the channel; before it is re-established none does.
  assert.ok(tried.has('revoke_and_ack failed') && tried.has('revoke_and_ack open'))
})
