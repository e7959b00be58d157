/**
 * Promise: whenever the channels of two tabs begin, their wallets are unlocked, or either side starts anew, both come to hear each other, and nothing that was
 * said before a start is heard after it. What is chosen at random: when messages arrive and the signers answer, and who starts anew.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { type ChannelId, encodeMessage } from '../../../src/channels/messages.ts'
import { type BoltMessage, ChannelLinks } from '../../../src/node/channel-links.ts'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { notNow, ok, type Result } from '../../../src/primitives/result.ts'
import type { PartPorts } from '../../../src/protocol/part.ts'
import type { Peer } from '../../../src/protocol/peer.ts'

const LOCKED = notNow('wallet-locked', 'locked')
/** Starts that either side asks for: with a greater number the connection would end, as it should. */
const MAX_STARTS = 3

/** A tab whose signer answers when it is told to. */
class Side {
  readonly name: string
  /** Of the other side; what it sent here waits in `arriving`. */
  readonly peer: Peer
  readonly arriving: Uint8Array[] = []
  other!: Side
  /** Undefined until its channels begin. */
  links: ChannelLinks | undefined
  isLocked: boolean
  readonly asked: (() => void)[] = []
  /** Counts how often it began to hear the other; 0 while it does not. */
  epoch = 0
  private epochs = 0
  starts = 0
  readonly faults: string[] = []
  /** What it heard: in which epoch, and of which of the other's. */
  readonly heard: { readonly mine: number; readonly theirs: number }[] = []
  private readonly secret: Uint8Array

  constructor(name: string, other: string, isLocked: boolean) {
    this.name = name
    this.peer = { id: other } as Peer
    this.isLocked = isLocked
    this.secret = sha256(Uint8Array.of(name.length))
  }

  begin(): void {
    if (this.links) return
    const part = {
      peers: {
        send: (_: Peer, message: BoltMessage) => void this.other.arriving.push(message.bytes),
        drop: (_: Peer, reason: string) => void this.faults.push(reason),
        punish: (_: Peer, { detail }: { detail: string }) => void this.faults.push(detail),
      },
    } as unknown as PartPorts
    const answer = <T>(value: () => T): Promise<Result<T>> =>
      new Promise((resolve) => {
        this.asked.push(() => resolve(this.isLocked ? LOCKED : ok(value())))
      })
    ChannelLinks.maker(
      {
        signer: {
          nodeKey: () => answer(() => secp256k1.getPublicKey(this.secret, true)),
          signNode: (hash) =>
            answer(() =>
              concatBytes(
                secp256k1.sign(hash, this.secret, { prehash: false, lowS: true }),
                Uint8Array.of(0),
              ),
            ),
        },
        chainHash: new Uint8Array(32),
        self: this.name,
        connected: () => {
          assert.equal(this.epoch, 0, 'it was connected twice')
          this.epoch = ++this.epochs
        },
        disconnected: () => {
          assert.notEqual(this.epoch, 0, 'it was disconnected twice')
          this.epoch = 0
        },
        receive: (_, message) => {
          assert(message.type === 'update_fee')
          this.heard.push({ mine: this.epoch, theirs: message.feerate })
        },
        gossip: () => {},
        tower: () => {},
        tick: () => {},
      },
      (links) => {
        this.links = links
      },
    )(part)
    this.links!.add(this.peer)
  }

  say(): void {
    const [node] = this.links?.nodes ?? []
    if (node === undefined) return
    const channelId = '00'.repeat(32) as ChannelId
    this.links!.send(node, encodeMessage({ type: 'update_fee', channelId, feerate: this.epoch }))
  }

  startAnew(): void {
    const [node] = this.links?.nodes ?? []
    if (node === undefined || this.starts >= MAX_STARTS) return
    this.starts++
    this.links!.disconnect(node)
  }

  unlock(): void {
    if (!this.isLocked) return
    this.isLocked = false
    this.links?.signerReturned()
  }

  /** Takes the oldest message; before its channels begin nobody does. */
  async take(): Promise<void> {
    const bytes = this.arriving.shift()
    const [handler] = this.links?.messages ?? []
    if (bytes && handler) await handler.handle(this.peer, { type: 'bolt', bytes } as BoltMessage)
  }
}

const BEGINNING = ['begin', 'say', 'startAnew', 'unlock', 'take', 'take', 'answer', 'answer'] as const
const GOING_ON = ['say', 'say', 'startAnew', 'take', 'take', 'take'] as const

type Action = (typeof BEGINNING)[number]

function actions(of: readonly Action[]) {
  return fc.array(fc.tuple(fc.boolean(), fc.constantFrom(...of)), { maxLength: 60 })
}

async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}

async function run(
  sides: readonly [Side, Side],
  chosen: readonly (readonly [boolean, Action])[],
): Promise<void> {
  for (const [isFirst, action] of chosen) {
    const side = sides[isFirst ? 0 : 1]
    if (action === 'answer') side.asked.shift()?.()
    else await side[action]()
    await settle()
  }
}

/** Lets all happen that is due; then each hears the other. */
async function finish(sides: readonly [Side, Side]): Promise<void> {
  for (const side of sides) {
    side.begin()
    side.unlock()
  }
  while (sides.some(({ asked, arriving }) => asked.length + arriving.length > 0))
    for (const side of sides) {
      for (const answer of side.asked.splice(0)) answer()
      await settle()
      await side.take()
    }
  for (const { name, epoch, faults } of sides) {
    assert.deepEqual(faults, [], name)
    assert.notEqual(epoch, 0, `${name} hears nobody`)
  }
}

test('sessions: both sides come to hear each other, and each session hears its own messages alone', async () => {
  let sessions = 0
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.boolean(),
      actions(BEGINNING),
      actions(GOING_ON),
      async (adaIsLocked, benIsLocked, first, then) => {
        const ada = new Side('ada', 'benjamin', adaIsLocked)
        const ben = new Side('benjamin', 'ada', benIsLocked)
        ada.other = ben
        ben.other = ada
        const sides = [ada, ben] as const
        await run(sides, first)
        await finish(sides)
        await run(sides, then)
        await finish(sides)
        for (const { heard } of sides) {
          assert(heard.every(({ mine, theirs }) => mine > 0 && theirs > 0))
          const pairs = new Set(heard.map(({ mine, theirs }) => `${mine} ${theirs}`))
          for (const end of ['mine', 'theirs'] as const)
            assert.equal(new Set(heard.map((each) => each[end])).size, pairs.size, 'sessions were mixed')
          sessions += pairs.size
        }
      },
    ),
    { numRuns: 200 },
  )
  assert(sessions > 100, `${sessions} sessions heard something`)
})
