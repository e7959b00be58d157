/**
 * Plays a scenario on a whole node: each block is announced and served by a new peer, over the messages of the protocol. The node
 * must come to the same tips, and ban whom the verdict table bans.
 */
import assert from 'node:assert/strict'
import { BlockHeader } from '../../src/primitives/block.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { Reader, Writer } from '../../src/primitives/codec.ts'
import { type Puppet, TestNetwork, type TestNode } from '../support/protocol-nodes.ts'
import { kindOf, type RuleId } from './rules.ts'
import { type Scenario, ScenarioWriter, type Step } from './scenario.ts'

/** Nobody is to blame: what was known to be bad before, or is known to be good, and what can't be judged yet. */
const BLAMELESS: readonly RuleId[] = ['duplicate-invalid', 'bad-prevblk', 'duplicate']
/** The byte that names a `block` message. */
const BLOCK_MESSAGE = 5

type BlockStep = Extract<Step, { readonly give: 'block' }>

/** Plays a scenario of blocks alone, each given on the tip or refused: a node does not ask for others. */
export async function playOnWire(scenario: Scenario): Promise<void> {
  const writer = new ScenarioWriter(scenario.params)
  scenario.write(writer)
  const network = new TestNetwork(writer.net)
  try {
    const node = await network.node('node', writer.net.genesis)
    await node.join()
    for (const [number, step] of writer.steps.entries()) {
      if (step.give !== 'block') throw new Error(`${scenario.name} gives more than blocks`)
      try {
        await playStep(network, node, step, number)
      } catch (error) {
        throw new Error(`${scenario.name}: step ${number}: ${(error as Error).message}`, { cause: error })
      }
    }
  } finally {
    await network.close()
  }
}

async function playStep(
  network: TestNetwork,
  node: TestNode,
  step: BlockStep,
  number: number,
): Promise<void> {
  const peer = network.puppet(`peer ${number}`)
  const header = BlockHeader.read(new Reader(step.bytes))
  serve(peer, header, step.bytes)
  await peer.join()
  await network.until(() => node.manager.peers().some(({ id }) => id === peer.id), 'a connection')
  peer.send(node.id, { type: 'headers', id: 0, headers: [header] })
  const { expected } = step
  if (expected.outcome === 'accepted')
    await network.until(() => node.tipHash === step.tip.block.hash, 'the block becomes the tip')
  else if (isBlamed(expected.rule))
    await network.until(() => node.isBanned(peer.id), `the peer is banned for ${expected.rule}`)
  else {
    await network.pass(2)
    assert.equal(node.isBanned(peer.id), false, `nobody is banned for ${expected.rule}`)
  }
  assert.equal(node.tipHash, step.tip.block.hash)
  await peer.leave()
}

function isBlamed(rule: RuleId): boolean {
  const kind = kindOf(rule)
  return (kind === 'invalid' || kind === 'mutated') && !BLAMELESS.includes(rule)
}

/** Answers as one who has this block, whose bytes need not decode, and nothing more. */
function serve(peer: Puppet, header: BlockHeader, bytes: Uint8Array): void {
  peer.onMessage = (message, from) => {
    if (message.type === 'getheaders') peer.send(from, { type: 'headers', id: message.id, headers: [] })
    if (message.type !== 'getdata') return
    const asked = message.hashes.map(bytesToHex)
    if (asked.join() !== bytesToHex(header.hashBytes)) throw new Error(`asked for ${asked}`)
    peer.sendBytes(from, new Writer().u8(BLOCK_MESSAGE).u32(message.id).put(bytes).finish())
  }
}
