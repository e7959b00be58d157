/** Promise: a sleep of the computer, a stopped process and a clock set forward are noticed; a busy or hidden tab is not taken for them. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { TimeJump } from '../../../src/transport/waking.ts'

/** Two clocks that the test moves. */
class Hands {
  now = 1_800_000_000_000
  uptime = 5000
  readonly wall = (): number => this.now
  readonly steady = (): number => this.uptime

  /** Lets this many milliseconds pass; the steady clock may stand still, or the wall clock be set. */
  pass(wall: number, steady = wall): void {
    this.now += wall
    this.uptime += steady
  }
}

test('a tab that runs, is a little late, or throttled while hidden is not away', () => {
  const hands = new Hands()
  const jump = new TimeJump(hands)
  for (const late of [0, 3, 400, 2000, 7900, 0]) {
    hands.pass(1000 + late)
    assert.equal(jump.look(1000), 0, `${late} ms late`)
  }
})

test('a stopped process is noticed: both clocks have gone on', () => {
  const hands = new Hands()
  const jump = new TimeJump(hands)
  hands.pass(1000)
  assert.equal(jump.look(1000), 0)
  hands.pass(21_000)
  assert.equal(jump.look(1000), 20_000)
  hands.pass(1000)
  assert.equal(jump.look(1000), 0, 'once')
})

test('a computer that slept is noticed where the steady clock stood still', () => {
  const hands = new Hands()
  const jump = new TimeJump(hands)
  hands.pass(240_000, 1000)
  assert.equal(jump.look(1000), 239_000)
})

test('a clock that is set back hides neither sleep nor stop, and is none', () => {
  const hands = new Hands()
  const jump = new TimeJump(hands)
  hands.pass(-3_600_000, 1000)
  assert.equal(jump.look(1000), 0)
  hands.pass(-3_600_000, 60_000)
  assert.equal(jump.look(1000), 59_000)
})

test('many short delays do not add up to a sleep', () => {
  const hands = new Hands()
  const jump = new TimeJump(hands)
  for (let second = 0; second < 100; second++) {
    hands.pass(3000)
    assert.equal(jump.look(1000), 0)
  }
})
