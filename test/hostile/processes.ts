/** The processes of a browser, as Linux tells of them: their memory, and stopping them as closing a laptop's lid does. */

import { readdir, readFile } from 'node:fs/promises'
import { setPriority } from 'node:os'

interface Process {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

async function processes(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid): Promise<Process | undefined> => {
      try {
        const [stat, command] = await Promise.all([
          readFile(`/proc/${pid}/stat`, 'utf8'),
          readFile(`/proc/${pid}/cmdline`, 'utf8'),
        ])
        // The name, in brackets, may hold blanks.
        const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return { pid: Number(pid), parent: Number(parent), command: command.replaceAll('\0', ' ') }
      } catch {
        // It has ended meanwhile.
        return undefined
      }
    }),
  )
  return found.filter((process) => process !== undefined)
}

/** The browsers that this program has started and that still run: the ids of their first processes. */
export async function browsers(): Promise<Set<number>> {
  const all = await processes()
  return new Set(
    all
      .filter(({ parent, command }) => parent === process.pid && command.includes('--remote-debugging-'))
      .map(({ pid }) => pid),
  )
}

/** A process and all that descend from it. */
export async function family(pid: number): Promise<number[]> {
  const all = await processes()
  const members = [pid]
  // An array is walked together with what is added to it.
  for (const member of members)
    members.push(...all.filter(({ parent }) => parent === member).map((child) => child.pid))
  return members
}

/**
 * Resident memory of a browser's tabs, bytes by process id. A process that runs a node is told from the browser's spare ones by its
 * workers.
 */
export async function tabMemory(browser: number): Promise<Map<number, number>> {
  const members = new Set(await family(browser))
  const renderers = (await processes()).filter(
    ({ pid, command }) => members.has(pid) && command.includes('--type=renderer'),
  )
  const memory = new Map<number, number>()
  for (const { pid } of renderers) {
    try {
      if (!(await hasWorkers(pid))) continue
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      memory.set(pid, Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024)
    } catch {
      // It has ended meanwhile.
    }
  }
  return memory
}

async function hasWorkers(pid: number): Promise<boolean> {
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const name = await readFile(`/proc/${pid}/task/${thread}/comm`, 'utf8').catch(() => '')
    if (name.startsWith('DedicatedWorker')) return true
  }
  return false
}

/** Stops a process and its descendants, or lets them go on. */
export async function signalFamily(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  for (const member of await family(pid)) {
    try {
      process.kill(member, signal)
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Gives every thread of a process and its descendants this priority, -20 to 19: Linux knows none of whole processes. */
export async function prioritize(pid: number, priority: number): Promise<void> {
  for (const member of await family(pid)) {
    for (const thread of await readdir(`/proc/${member}/task`).catch(() => [])) {
      try {
        setPriority(Number(thread), priority)
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}
