/**
 * Ten tabs under all attacks at once, for OPENTAB_SOAK_MINUTES (20 by default): payments go on, newcomers join, memory stays, and at the
 * end there is one tip. Prints what was measured; ends with 1 where a promise was broken.
 */

import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { CHROMIUM_PERMISSIONS } from '../support/chromium.ts'
import { Arena, orNever, pause } from './arena.ts'
import { Findings, seconds } from './attack.ts'
import { again } from './attacks/common.ts'
import { AGREEMENT, JOIN, MEMORY, NEVER, PAYMENT, SERVER_STOP } from './bounds.ts'
import { ATTACKS } from './catalogue.ts'
import { signalFamily } from './processes.ts'

const MINUTE = 60_000
const LASTS = Number(process.env.OPENTAB_SOAK_MINUTES ?? 20) * MINUTE

/** Milliseconds between two payments, two blocks and two newcomers, and between two changes of the relay. */
const PAYING = 6000
const MINING = 8000
const JOINING = Math.min(60_000, LASTS / 4)
const RELAY = LASTS / 3
/** How long the sleeper sleeps, and is awake. */
const ASLEEP = 30_000
const AWAKE = 40_000
/** What a payment pays, coins. */
const AMOUNT = 0.001

interface Tally {
  readonly payments: string[]
  readonly refused: string[]
  readonly joined: (number | undefined)[]
}

async function main(): Promise<number> {
  const findings = new Findings()
  const arena = await Arena.open({ tabs: 10 })
  try {
    await fight(arena, findings)
  } catch (error) {
    findings.holds('the soak went through', false, (error as Error).message.split('\n')[0])
  } finally {
    await arena.close().catch(() => undefined)
  }
  for (const { asked, measured, held } of findings.list)
    process.stdout.write(`${held ? 'held  ' : 'BROKEN'}  ${asked}: ${measured}\n`)
  for (const note of findings.notes) process.stdout.write(`        ${note}\n`)
  const broken = findings.list.filter(({ held }) => !held).length
  process.stdout.write(`\n${findings.list.length} promises, ${broken} broken\n`)
  return findings.held ? 0 : 1
}

async function fight(arena: Arena, findings: Findings): Promise<void> {
  const tally: Tally = { payments: [], refused: [], joined: [] }
  const over = AbortSignal.timeout(Math.ceil(LASTS))
  setMaxListeners(0, over)
  const watch = await arena.watchMemory()
  const began = performance.now()
  const strikes = ATTACKS.flatMap(({ name, strike }) => (strike ? [{ name, strike }] : []))
  process.stdout.write(`Ten tabs, ${LASTS / MINUTE} minutes, ${strikes.map(({ name }) => name).join(', ')}\n`)
  const tell = async (): Promise<void> => {
    const [height, { size }] = await Promise.all([
      arena.payer.rpc('getblockcount'),
      arena.miner.rpc('getmempoolinfo'),
    ])
    const newcomers = tally.joined.map((time) => seconds(time ?? Infinity)).join(', ')
    process.stdout.write(
      `${seconds(performance.now() - began)}: block ${height}, ${tally.payments.length} payments, ${size} waiting, newcomers ${newcomers}\n`,
    )
  }
  const going = [
    ...strikes.map(({ name, strike }) => [name, strike(arena, over)] as const),
    ['paying', again(over, PAYING, () => pay(arena, tally))] as const,
    ['mining', again(over, MINING, () => arena.mine())] as const,
    ['joining', again(over, JOINING, () => welcome(arena, tally))] as const,
    ['the relay’s changes', changeRelay(arena, over, findings)] as const,
    ['the sleeper', sleeper(arena, over)] as const,
    ['telling', again(over, MINUTE, tell)] as const,
  ].map(([name, work]) =>
    work.catch((error: Error) => findings.note(`${name} ended early: ${error.message.split('\n')[0]}`)),
  )
  await Promise.race([Promise.all(going), new Promise((end) => over.addEventListener('abort', end))])
  const { growth, bytes } = await watch.end()
  // What was under way when the time was over comes to its end.
  await orNever(Promise.all(going), NEVER)
  findings.within('payment', await arena.payment(), PAYMENT)
  findings.within('one tip', await arena.agreement(), AGREEMENT)
  const confirmed = await Promise.all(
    tally.payments.map((txid) => orNever(arena.payer.rpc('gettransaction', txid), NEVER)),
  )
  const mined = confirmed.filter((payment) => (payment?.confirmations ?? 0) > 0).length
  findings.atLeast('payments', tally.payments.length, 1)
  findings.holds('all are mined', mined === tally.payments.length, `${mined} of ${tally.payments.length}`)
  findings.holds('no payment was refused', tally.refused.length === 0, tally.refused.join('; ') || 'none')
  const slowest = tally.joined.includes(undefined) ? undefined : Math.max(...tally.joined.map(Number))
  findings.within(`slowest of ${tally.joined.length} newcomers`, slowest, JOIN)
  findings.atMost('memory', growth, MEMORY, '×')
  findings.holds('no error in a page', arena.pageErrors.length === 0, arena.pageErrors.join('; ') || 'none')
  findings.note(`most memory of a tab ${Math.round(bytes / 1e6)} MB`)
  findings.note(`newcomers: ${tally.joined.map((time) => seconds(time ?? Infinity)).join(', ')}`)
  findings.note(`connections opened by the tabs: ${(await arena.connectionsOpened()).join(', ')}`)
  for (const complaint of arena.complaints) findings.note(complaint)
}

async function pay(arena: Arena, { payments, refused }: Tally): Promise<void> {
  try {
    const address = await arena.payee.rpc('getnewaddress')
    payments.push(await arena.payer.pay(address, AMOUNT))
  } catch (error) {
    refused.push((error as Error).message)
  }
}

async function welcome(arena: Arena, { joined }: Tally): Promise<void> {
  joined.push(await arena.newcomer())
}

/** The relay goes and comes back, first as itself, then under another key. */
async function changeRelay(arena: Arena, over: AbortSignal, findings: Findings): Promise<void> {
  await pause(RELAY)
  if (over.aborted) return
  await arena.server.stopRelay()
  await pause(5000)
  await arena.server.startRelay()
  await pause(RELAY)
  if (over.aborted) return
  const { port } = arena.server
  const began = performance.now()
  await orNever(arena.server.stop(), NEVER)
  findings.within('the server stops', performance.now() - began, SERVER_STOP)
  arena.server = await arena.world.serve({ port, keySeed: randomBytes(32), page: () => arena.page })
}

/** One more tab, on a laptop whose lid is opened and closed. */
async function sleeper(arena: Arena, over: AbortSignal): Promise<void> {
  const { browser, pid } = await arena.anotherBrowser()
  const context = await browser.newContext({ permissions: [...CHROMIUM_PERMISSIONS] })
  await arena.load('sleeper', { context })
  await again(over, AWAKE, async () => {
    await signalFamily(pid, 'SIGSTOP')
    await pause(ASLEEP)
    await signalFamily(pid, 'SIGCONT')
  })
  await signalFamily(pid, 'SIGCONT')
}

process.exitCode = await main()
// Enemies leave things behind that would keep the program waiting.
process.exit()
