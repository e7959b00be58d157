/**
 * Promise: the simulator knows nothing of tabs. Nodes of any kind run on its time, links, faults and delayed ports, and a seed replays what they
 * did. The nodes here agree on the largest number that any of them has heard.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { delayedPort } from '../../../src/simulator/delayed-port.ts'
import { MINUTE, Run, SECOND } from '../../../src/simulator/run.ts'
import {
  type Endpoint,
  type Link,
  type NetworkConditions,
  VirtualNetwork,
} from '../../../src/simulator/virtual-network.ts'

/** Tells its number to all neighbours every second, and takes over larger ones once they are written. */
class Replica implements Endpoint<Replica> {
  readonly self: string
  readonly isHostile = false
  readonly links = new Set<Link<Replica>>()
  largest = 0
  private readonly run: Run
  private readonly disk

  constructor(run: Run, self: string) {
    this.run = run
    this.self = self
    const write = async (value: number): Promise<void> => {
      this.largest = Math.max(this.largest, value)
    }
    this.disk = delayedPort({ write }, { time: run.time, random: run.random.fork(self), latency: [1, 20] })
    this.tell()
  }

  linked(link: Link<Replica>): void {
    this.links.add(link)
  }

  lost(link: Link<Replica>): void {
    this.links.delete(link)
  }

  async hear(value: number): Promise<void> {
    if (value <= this.largest) return
    await this.disk.port.write(value)
    this.run.record(this.self, { value })
  }

  private tell(): void {
    for (const link of this.links) link.tryToCarry(this, (other) => void other.hear(this.largest))
    this.run.time.after(SECOND, () => this.tell())
  }
}

function start(seed: string, conditions: Partial<NetworkConditions> = {}, count = 6) {
  const run = new Run({ seed, start: 0, drain: () => new Promise((resolve) => setImmediate(resolve)) })
  const network = new VirtualNetwork<Replica>(run.time, run.random.fork('network'), {
    ...{ latency: [10, 200], loss: 0.3, degree: 2 },
    ...conditions,
  })
  const replicas = Array.from({ length: count }, (_, i) => new Replica(run, `replica-${i}`))
  for (const replica of replicas) network.join(replica)
  const largest = (): number[] => replicas.map((replica) => replica.largest)
  return { run, network, replicas, largest }
}

test('replicas agree over links that lose a third, and equal seeds replay the run', async () => {
  const prints: string[] = []
  for (const seed of ['a', 'a', 'b']) {
    const { run, replicas, largest } = start(seed)
    run.background(replicas[3].hear(7))
    await run.until(() => largest().every((value) => value === 7), 'all know the largest')
    prints.push(run.fingerprint())
  }
  assert.equal(prints[0], prints[1])
  assert.notEqual(prints[0], prints[2])
})

test('a partition keeps them apart until it heals, and nothing arrives where all is lost', async () => {
  const { run, network, replicas, largest } = start('partition')
  await run.run(SECOND)
  network.partition([['replica-0', 'replica-1']])
  run.background(replicas[0].hear(5))
  await run.run(MINUTE)
  assert.deepEqual(largest(), [5, 5, 0, 0, 0, 0])
  network.heal()
  await run.until(() => largest().every((value) => value === 5), 'the others heard of it')

  const lossy = start('loss', { loss: 1 })
  lossy.run.background(lossy.replicas[0].hear(5))
  await lossy.run.run(MINUTE)
  assert.deepEqual(lossy.largest(), [5, 0, 0, 0, 0, 0])
})

test('what fails unheard ends the run', async () => {
  const { run } = start('failure')
  run.background(Promise.reject(new Error('a bug')))
  await assert.rejects(run.run(SECOND), /a bug/)
  const other = start('nothing')
  await assert.rejects(
    other.run.until(() => false, 'the impossible', MINUTE),
    /1 virtual minutes: the impossible/,
  )
})
