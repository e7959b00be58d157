/**
 * `channels.cpu-*`: what a payment costs in CPU time, all of both sides together: nodes with the program's own signers, onions and state machines in one thread of
 * Node, stores in memory without latency, messages by the simulator's network. Unlike the rates it hardly depends on what else the machine does.
 */
import { callRpc } from '../src/node/rpc.ts'
import { installCurve, NOBLE_CURVE } from '../src/script/curve.ts'
import { openCurveKernel } from '../src/workers/curve-kernel.ts'
import { kernelBytes } from '../test/support/kernels.ts'
import { NodeRig, type RigNode } from '../test/support/node-rig.ts'
import { type BenchResult, compared } from './result.ts'

const CHANNEL = 16_000_000
const AMOUNT = 1_000_000
const WARM_UP = 50

/** `curveWork`: milliseconds of the reference. */
export async function benchInOneThread(reference: string, curveWork: number): Promise<BenchResult[]> {
  installCurve(await openCurveKernel(await kernelBytes('secp256k1')))
  try {
    const [a, b] = await pair()
    await pay(a, b, WARM_UP, false)
    const single = await pay(a, b, 100, false)
    const many = await pay(a, b, 1_000, true)
    return [
      compared('channels.cpu-single', single, 'ms', reference, curveWork),
      compared('channels.cpu-many', many, 'ms', reference, curveWork),
    ]
  } finally {
    installCurve(NOBLE_CURVE)
  }
}

async function pair(): Promise<[RigNode, RigNode]> {
  const rig = new NodeRig({ seed: 'bench' })
  const a = await rig.add('a', { channels: true })
  const b = await rig.add('b', { channels: true })
  await a.fund()
  await rig.until(
    () => b.tip === a.tip && a.channels.links.nodes.length > 0 && b.channels.links.nodes.length > 0,
  )
  await a.rpc('fundchannel', b.channels.self, CHANNEL)
  await rig.until(() => a.core.mempool.size > 0)
  await a.generate(1)
  await rig.until(() => [a, b].every(({ channels }) => channels.all()[0]?.state.status === 'open'))
  return [a, b]
}

/** Milliseconds of CPU time for each of so many payments, until nothing of them is left in the channel. */
async function pay(from: RigNode, to: RigNode, count: number, atOnce: boolean): Promise<number> {
  const { rig } = from
  const asked: string[] = []
  for (let number = 0; number < count; number++)
    asked.push((await to.rpc('invoice', AMOUNT, `${rig.time.now()} ${number}`, 'bench')).bolt11)
  const start = process.cpuUsage()
  let paid = 0
  const payOne = async (bolt11: string): Promise<void> => {
    const answer = await callRpc(from.core, 'pay', [bolt11])
    if ('error' in answer) throw new Error(answer.error.message)
    paid++
  }
  const paying: Promise<void>[] = []
  for (const bolt11 of asked) {
    paying.push(payOne(bolt11))
    if (!atOnce) await rig.until(() => paid === paying.length)
  }
  await rig.until(() => paid === count && from.channels.all()[0].state.htlcs.length === 0)
  await Promise.all(paying)
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000 / count
}
