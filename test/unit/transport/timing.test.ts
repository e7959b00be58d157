/** Promise: a tab's patience lasts as long as it says, and isn't spent while the tab stands still. */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import { within } from '../../../src/transport/timing.ts'

const never = new AbortController().signal

describe('a patience of 8 seconds', () => {
  let outcome: string
  let answer: (text: string) => void

  /** Lets time pass, and what hangs on it happen. */
  const pass = async (milliseconds: number): Promise<void> => {
    mock.timers.tick(milliseconds)
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
  const ask = (stopped = never): void => {
    outcome = 'waits'
    const asked = within(
      8000,
      stopped,
      (over) =>
        new Promise<string>((resolve, reject) => {
          answer = resolve
          over.addEventListener('abort', () => reject(over.reason))
        }),
    )
    asked.then(
      (text) => (outcome = text),
      (error: Error) => (outcome = error.message),
    )
  }

  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
  afterEach(() => mock.timers.reset())

  test('is over after 8 seconds', async () => {
    ask()
    for (let second = 1; second < 8; second++) await pass(1000)
    assert.equal(outcome, 'waits')
    await pass(1000)
    assert.equal(outcome, 'It took too long')
  })

  test('survives a minute in which nothing ran, after which there is time to read the answer', async () => {
    ask()
    await pass(60_000)
    for (let second = 0; second < 6; second++) await pass(1000)
    assert.equal(outcome, 'waits')
    answer('there')
    await pass(0)
    assert.equal(outcome, 'there')
  })

  test('ends with what is stopped', async () => {
    const stopped = new AbortController()
    ask(stopped.signal)
    stopped.abort(new Error('stopped'))
    await pass(0)
    assert.equal(outcome, 'stopped')
  })
})
