/**
 * Promise: a peer that sends what is malformed, unknown, out of turn or too much of it harms nobody's channels: it is told off or kept out, and what it can
 * make a node keep is bounded. The peer is hostile and speaks the channels' messages by hand.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { msat } from '../../../src/channels/amount.ts'
import { nodeId } from '../../../src/channels/gossip.ts'
import { encodeInit, INIT, type Init, NODE_FEATURES, nodeProofHash } from '../../../src/channels/init.ts'
import { type ChannelId, decodeMessage, encodeMessage } from '../../../src/channels/messages.ts'
import { holderTerms, openMessage } from '../../../src/channels/opening.ts'
import { channelPolicy } from '../../../src/channels/policy.ts'
import { BOLT, type BoltMessage } from '../../../src/node/channel-links.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, concatBytes } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { type MakePart, on, type PartPorts } from '../../../src/protocol/part.ts'
import type { Peer } from '../../../src/protocol/peer.ts'
import { NodeRig, RIG_PARAMS, type RigNode } from '../../support/node-rig.ts'

const SECRET = sha256(Uint8Array.of(1))
const point = (seed: number) => secp256k1.getPublicKey(sha256(Uint8Array.of(seed)), true)

/** Says what a test gives it, and notes what it hears. */
class Mallory {
  readonly heard: Uint8Array[] = []
  private ports!: PartPorts
  private peer: Peer | undefined

  readonly part: MakePart = (ports) => {
    this.ports = ports
    return {
      messages: [on(BOLT, (_, { bytes }) => void this.heard.push(bytes.slice()))],
      add: (peer) => {
        this.peer = peer
      },
    }
  }

  get isReady(): boolean {
    return this.peer !== undefined
  }

  say(bytes: Uint8Array): void {
    this.ports.peers.send(this.peer!, { type: 'bolt', bytes } as BoltMessage)
  }

  init(change: Partial<Init> = {}): Uint8Array {
    const signature = secp256k1.sign(nodeProofHash('mallory'), SECRET, { prehash: false, lowS: true })
    return encodeInit({
      features: NODE_FEATURES,
      node: { id: nodeId(secp256k1.getPublicKey(SECRET, true)), signature },
      ...change,
    })
  }
}

interface Meeting {
  readonly rig: NodeRig
  readonly alice: RigNode
  readonly mallory: Mallory
}

async function meeting(): Promise<Meeting> {
  const rig = new NodeRig()
  const mallory = new Mallory()
  const alice = await rig.add('alice', { channels: true })
  await rig.add('mallory', { wallet: false, parts: [mallory.part] })
  await rig.until(() => mallory.isReady && mallory.heard.length > 0)
  return { rig, alice, mallory }
}

function score({ core }: RigNode): number {
  return core.peers.peers().find(({ id }) => id === 'mallory')?.score ?? 0
}

function isBanned({ core }: RigNode): boolean {
  return core.peers.bans().some(({ id }) => id === 'mallory')
}

function opening(number: number, { alice }: Meeting): Uint8Array {
  const policy = channelPolicy(RIG_PARAMS)
  const basepoints = {
    funding: point(1),
    revocation: point(2),
    payment: point(3),
    delayedPayment: point(4),
    htlc: point(5),
  }
  const payout = { branch: 0, index: 0, script: concatBytes(Uint8Array.of(0x51, 0x20), point(6).subarray(1)) }
  const first = { point: point(7), nonce: concatBytes(point(8), point(9)) }
  const amount = sats(100_000)
  const holder = holderTerms(policy, amount, policy.dustLimit, { keyId: 'm', basepoints }, first, payout)
  const { chain } = alice.core
  return encodeMessage(
    openMessage(
      {
        peer: 'alice',
        temporaryChannelId: bytesToHex(sha256(Uint8Array.of(number))) as ChannelId,
        holderIsFunder: true,
        policy,
        fundingAmount: amount,
        pushAmount: msat(0),
        feerate: policy.feerate,
        announced: false,
        holder,
      },
      chain.genesis.header.hashBytes,
    ),
  )
}

/** Of the channel messages that it heard. */
function typesOf({ heard }: Mallory): string[] {
  return heard.flatMap((bytes) => {
    const decoded = decodeMessage(bytes)
    return decoded.ok ? [decoded.value.type] : []
  })
}

test('links: whoever is a node says so, and is known by it', async () => {
  const { rig, alice, mallory } = await meeting()
  assert.equal((mallory.heard[0][0] << 8) | mallory.heard[0][1], INIT)
  mallory.say(mallory.init())
  await rig.until(() => alice.channels.links.nodes.length === 1)
  assert.equal(alice.channels.links.nodeOf('mallory'), nodeId(secp256k1.getPublicKey(SECRET, true)))
  assert.equal(score(alice), 0)
})

test('links: a peer that claims to be a node of another key is kept out', async () => {
  const { rig, alice, mallory } = await meeting()
  const signature = secp256k1.sign(nodeProofHash('mallory'), SECRET, { prehash: false, lowS: true })
  mallory.say(mallory.init({ node: { id: nodeId(point(11)), signature } }))
  await rig.until(() => isBanned(alice))
  assert.deepEqual(alice.channels.links.nodes, [])
})

test('links: what was signed for another peer proves nothing', async () => {
  const { rig, alice, mallory } = await meeting()
  const signature = secp256k1.sign(nodeProofHash('bob'), SECRET, { prehash: false, lowS: true })
  mallory.say(mallory.init({ node: { id: nodeId(secp256k1.getPublicKey(SECRET, true)), signature } }))
  await rig.until(() => isBanned(alice))
})

const OFFENCES: Readonly<Record<string, Uint8Array>> = {
  'a message without a type': Uint8Array.of(0),
  'an init that ends early': Uint8Array.of(0, INIT, 0),
  'a channel message that ends early': Uint8Array.of(0, 128, 1, 2, 3),
  'an unknown even type': Uint8Array.of(0x60, 0),
}

for (const [what, bytes] of Object.entries(OFFENCES))
  test(`links: ${what} is an offence`, async () => {
    const { rig, alice, mallory } = await meeting()
    mallory.say(mallory.init())
    await rig.until(() => alice.channels.links.nodes.length === 1)
    mallory.say(bytes)
    await rig.until(() => isBanned(alice))
    assert.deepEqual(alice.channels.links.nodes, [])
  })

test('links: unknown odd types are ignored, messages before an init are told off', async () => {
  const { rig, alice, mallory } = await meeting()
  mallory.say(Uint8Array.of(0, 19))
  await rig.until(() => score(alice) > 0)
  const before = score(alice)
  mallory.say(mallory.init())
  mallory.say(Uint8Array.of(0x60, 1))
  await rig.until(() => alice.channels.links.nodes.length === 1)
  assert(score(alice) <= before)
})

test('links: a flood of openings has few answered, and none kept when its sender is kept out', async () => {
  const met = await meeting()
  const { rig, alice, mallory } = met
  mallory.say(mallory.init())
  await rig.until(() => alice.channels.links.nodes.length === 1)
  mallory.say(opening(0, met))
  await rig.until(() => typesOf(mallory).includes('accept_channel'))
  for (let number = 1; number < 60; number++) mallory.say(opening(number, met))
  await rig.until(() => isBanned(alice))
  const answers = typesOf(mallory)
  assert(answers.filter((type) => type === 'accept_channel').length <= 4, answers.join())
  assert.equal(alice.channels.all().length, 0)
})
