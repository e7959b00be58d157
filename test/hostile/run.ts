/**
 * Attacks real tabs, one attack after the other, each in an arena of its own, and prints what came of it. Ends with 1 where a promise was
 * broken. Arguments name the attacks to run, by words of their names; without any, all are run.
 */

import { Arena, orNever } from './arena.ts'
import { type Attack, Findings, seconds } from './attack.ts'
import { ATTACKS } from './catalogue.ts'

/** How long one attack may take in all, milliseconds. */
const LIMIT = 10 * 60_000

interface Row {
  readonly attack: Attack
  readonly findings: Findings
}

async function main(asked: readonly string[]): Promise<number> {
  const chosen = ATTACKS.filter(
    ({ name }) => asked.length === 0 || asked.some((word) => name.toLowerCase().includes(word.toLowerCase())),
  )
  if (chosen.length === 0) {
    process.stderr.write(
      `There is no such attack. There are: ${ATTACKS.map(({ name }) => name).join(', ')}.\n`,
    )
    return 2
  }
  const rows: Row[] = []
  for (const attack of chosen) {
    const began = performance.now()
    process.stdout.write(`\n--- ${attack.name}: ${attack.deed}\n`)
    const findings = await fight(attack)
    for (const { asked: bound, measured, held } of findings.list)
      process.stdout.write(`${held ? 'held  ' : 'BROKEN'}  ${bound}: ${measured}\n`)
    for (const note of findings.notes) process.stdout.write(`        ${note}\n`)
    process.stdout.write(`        took ${seconds(performance.now() - began)}\n`)
    rows.push({ attack, findings })
  }
  process.stdout.write(`\n${table(rows)}\n`)
  const broken = rows.filter(({ findings }) => !findings.held).length
  process.stdout.write(`\n${rows.length} attacks, ${broken} broke a promise\n`)
  return broken > 0 ? 1 : 0
}

async function fight(attack: Attack): Promise<Findings> {
  const findings = new Findings()
  let arena: Arena | undefined
  try {
    arena = await Arena.open(attack.setting)
    const done = attack.run(arena, findings).then(() => true)
    if (!(await orNever(done, LIMIT))) {
      // What failed is told by its own promise, below.
      await Promise.race([done, Promise.reject(new Error('It took too long'))])
    }
    findings.holds('no error in a page', arena.pageErrors.length === 0, arena.pageErrors.join('; ') || 'none')
  } catch (error) {
    findings.holds('the attack could be judged', false, (error as Error).message.split('\n')[0])
  } finally {
    for (const complaint of arena?.complaints ?? []) findings.note(complaint)
    await arena?.close().catch(() => undefined)
  }
  return findings
}

/** As Markdown, so that it can be kept. */
function table(rows: readonly Row[]): string {
  const lines = rows.map(({ attack, findings }) => {
    const bounds = findings.list.map(({ asked }) => asked).join('; ')
    const measured = findings.list
      .map(({ what, measured: value, held }) => `${what} ${value}${held ? '' : ' (!)'}`)
      .join('; ')
    const verdict = findings.held ? 'held' : 'BROKEN'
    return `| ${[attack.name, attack.deed, bounds, [measured, ...findings.notes].join('; '), verdict].join(' | ')} |`
  })
  return ['| attack | what was done | asked | measured | verdict |', '|---|---|---|---|---|', ...lines].join(
    '\n',
  )
}

process.exitCode = await main(process.argv.slice(2))
// Enemies leave things behind that would keep the program waiting.
process.exit()
