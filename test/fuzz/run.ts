/**
 * `tsx test/fuzz/run.ts [--inputs 10000000] [--target NAME]... [--seed N] [--save]`: fuzzes all targets, or some, in two processes, with so
 * many inputs in all. Prints for each how many inputs, how fast, what part was accepted, edges covered, and the greatest work of an
 * input; failures with their input in hex. `--save` keeps the inputs that take all edges as seeds. Ends with 1 after a failure.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Report } from './campaign.ts'
import type { Target } from './fuzzer.ts'
import { writeSeeds } from './seeds.ts'
import type { Job } from './worker.ts'
import { buildTargets, loadTargets, removeTargets } from './woven-targets.ts'

const PROCESSES = 2
/** Inputs of the longest job: a target with more is shared out, so that both processes end together. */
const JOB_INPUTS = 500_000

const { values: options } = parseArgs({
  options: {
    inputs: { type: 'string', default: '10000000' },
    target: { type: 'string', multiple: true },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    save: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  const folder = await buildTargets()
  try {
    const { targets } = await loadTargets(folder)
    const chosen = targets.filter(({ name }) => options.target?.includes(name) ?? true)
    print(`Seed ${options.seed}`)
    const start = performance.now()
    const reports = await runJobs(folder, jobsOf(chosen))
    for (const { name } of chosen) tell(reports.filter(({ target }) => target === name))
    const inputs = reports.reduce((sum, report) => sum + report.inputs, 0)
    const failures = reports.reduce((sum, report) => sum + report.failures.length, 0)
    print(`${inputs} inputs in ${((performance.now() - start) / 1000).toFixed(0)} s, ${failures} failures`)
    return failures === 0 && inputs > 0 ? 0 : 1
  } finally {
    await removeTargets(folder)
  }
}

function jobsOf(targets: readonly Target[]): Job[] {
  const shares = targets.reduce((sum, { share }) => sum + share, 0)
  return targets.flatMap(({ name, share }) => {
    const total = Math.ceil((Number(options.inputs) * share) / shares)
    const parts = options.save ? 1 : Math.ceil(total / JOB_INPUTS)
    return Array.from({ length: parts }, (_, part) => ({
      target: name,
      inputs: Math.ceil(total / parts),
      seed: `${options.seed}/${part}`,
      withSeeds: options.save,
    }))
  })
}

/** Hands the jobs to processes of their own, one after another. */
async function runJobs(folder: string, jobs: readonly Job[]): Promise<Report[]> {
  const pending = jobs.slice().reverse()
  const reports: Report[] = []
  const work = async (): Promise<void> => {
    const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), [folder], {
      serialization: 'advanced',
    })
    try {
      for (let job = pending.pop(); job; job = pending.pop()) reports.push(await answerTo(child, job))
    } finally {
      child.kill()
    }
  }
  await Promise.all(Array.from({ length: PROCESSES }, work))
  return reports
}

function answerTo(child: ReturnType<typeof fork>, job: Job): Promise<Report> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error(`The process that fuzzed ${job.target} ended`))
    child.once('exit', ended)
    child.once('message', (report: Report) => {
      child.off('exit', ended)
      resolve(report)
    })
    child.send(job)
  })
}

/** Prints what the jobs of a target came to. */
function tell(reports: readonly Report[]): void {
  const sum = (of: (report: Report) => number): number => reports.reduce((total, each) => total + of(each), 0)
  const most = (of: (report: Report) => number): number => Math.max(...reports.map(of))
  const inputs = sum((report) => report.inputs)
  print(
    [
      reports[0].target.padEnd(14),
      `${inputs} inputs`.padStart(16),
      `${Math.round(inputs / sum((report) => report.seconds))}/s`.padStart(9),
      `${((100 * sum((report) => report.accepted)) / inputs).toFixed(1)} % accepted`.padStart(16),
      `${most((report) => report.edges)} edges`.padStart(10),
      `work up to ${most((report) => report.greatestWork)}`.padStart(18),
      `${(100 * most((report) => report.greatestLoad)).toFixed(0)} % of its bound`.padStart(19),
    ].join('  '),
  )
  for (const { input, reason } of reports.flatMap(({ failures }) => failures))
    print(`  failed: ${input}\n    ${reason.replaceAll('\n', '\n    ')}`)
  if (options.save) writeSeeds(reports[0].target, reports[0].seeds)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

process.exitCode = await main()
