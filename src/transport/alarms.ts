/** Attacks under way, as people are told of them. Thread: Window. */

import type { NetworkAlarm } from '../network/transport.ts'

/** How long an alarm outlives the last sign of its attack, milliseconds. */
const LINGER = 120_000

/** What is told, by code: what happens, what is kept, what to do. */
const SENTENCES = {
  'signalling-flood':
    'Someone asks this tab for connections without end. Those are refused and room is kept for newcomers; your peers and your coins are not touched. There is nothing to do.',
  'connections-scarce':
    'So many strangers ask this tab for connections that it grants only one every ten seconds. Your peers stay, and it goes on dialling others. If it has no peer for minutes, close it and open it anew.',
  'stream-flood':
    'A peer flooded this tab with streams or broken messages. It was disconnected and is kept out; your other peers stay. There is nothing to do.',
} as const

/** Names an attack that is told. */
export type AlarmCode = keyof typeof SENTENCES

/** The alarms of a transport. */
export class Alarms {
  readonly #changed: () => void
  readonly #stopped: AbortSignal
  readonly #current = new Map<AlarmCode, { alarm: NetworkAlarm; timer: ReturnType<typeof setTimeout> }>()

  /** `changed` is called when an alarm begins or ends. */
  constructor(changed: () => void, stopped: AbortSignal) {
    this.#changed = changed
    this.#stopped = stopped
    stopped.addEventListener('abort', () => {
      for (const { timer } of this.#current.values()) clearTimeout(timer)
    })
  }

  /** Those under way, in the order in which they began. */
  get current(): NetworkAlarm[] {
    return [...this.#current.values()].map(({ alarm }) => alarm)
  }

  /** A sign of an attack. */
  raise(code: AlarmCode): void {
    if (this.#stopped.aborted) return
    const before = this.#current.get(code)
    clearTimeout(before?.timer)
    const alarm = before?.alarm ?? { code, sentence: SENTENCES[code], since: Date.now() }
    const timer = setTimeout(() => {
      this.#current.delete(code)
      this.#changed()
    }, LINGER)
    this.#current.set(code, { alarm, timer })
    if (before === undefined) this.#changed()
  }
}
