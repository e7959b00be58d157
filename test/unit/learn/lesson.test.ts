/**
 * Promises: each prepared way through a lesson ends with the money where it says, to the satoshi but for fees that are known; a thief loses all, unless
 * the victim sleeps and has no tower; what can't be done is refused in a sentence and changes nothing; the same moves lead to the same lesson.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LessonStep } from '../../../src/learn/lesson.ts'
import { GREATEST_CHANNEL, LEAST_CHANNEL, Lesson, type Move, type Name } from '../../../src/learn/lesson.ts'
import { STORIES } from '../../../src/learn/stories.ts'

/** What everybody begins with, and what a funding costs its payer. */
const START = 2_300_000
const FUNDING_FEE = 500
/** What claims on the chain cost at most, all of a story together. */
const CLAIMS = 6_000

async function told(id: string): Promise<{ readonly lesson: Lesson; readonly last: LessonStep }> {
  const story = STORIES.find((each) => each.id === id)!
  const lesson = await Lesson.replay(
    story.cast,
    story.chapters.map(({ move }) => move),
  )
  return { lesson, last: lesson.steps.at(-1)! }
}

function coins({ view }: LessonStep): Readonly<Record<Name, number>> {
  return Object.fromEntries(view.people.map(({ name, coins }) => [name, coins])) as Record<Name, number>
}

/** `amount`, less no more than the fees of claims. */
function assertNearly(amount: number, expected: number): void {
  assert(amount <= expected && amount > expected - CLAIMS, `${amount} is not ${expected} less fees`)
}

/** Heights of the blocks that hold what a title begins with, oldest first. */
function heightsOf({ view }: LessonStep, title: RegExp): number[] {
  return view.blocks
    .filter(({ transactions }) => transactions.some((each) => title.test(each.title)))
    .map(({ height }) => height)
    .reverse()
}

test('a channel that is closed in agreement pays what the last state says', async () => {
  const { last } = await told('pay')
  const { Alice, Bob } = coins(last)
  assertNearly(Bob, START + 250_000)
  assertNearly(Alice, START - FUNDING_FEE - 250_000)
  assert.deepEqual(
    last.view.blocks.map(({ transactions }) => transactions.length),
    [1, 1],
  )
})

test('who is left alone gets the newest state from the chain, and the other finds its share', async () => {
  const { last } = await told('alone')
  const { Alice, Bob } = coins(last)
  assertNearly(Alice, START - FUNDING_FEE - 400_000)
  assertNearly(Bob, START + 400_000)
})

test('a thief loses the whole channel', async () => {
  const { last } = await told('punished')
  const { Alice, Bob } = coins(last)
  assert.equal(Alice, START - FUNDING_FEE - 1_000_000)
  assertNearly(Bob, START + 1_000_000)
})

test('a sleeper without a tower is robbed', async () => {
  const { last } = await told('asleep')
  const { Alice, Bob } = coins(last)
  assert.equal(Bob, START)
  assertNearly(Alice, START - FUNDING_FEE)
})

test('a tower takes the whole channel for the sleeper', async () => {
  const { last, lesson } = await told('tower')
  const { Alice, Bob } = coins(last)
  assert.equal(Alice, START - FUNDING_FEE - 1_000_000)
  assertNearly(Bob, START + 1_000_000)
  assert(
    lesson.steps.flatMap(({ lines }) => lines).some(({ text }) => text.includes('tower’s penalty')),
    'it was the tower',
  )
})

test('a payment over two channels: the payee has it, the middle its fee', async () => {
  const { last } = await told('hops')
  const [first, second] = last.view.channels
  assert.deepEqual(first.shares, [699_996, 300_004])
  assert.deepEqual(second.shares, [700_000, 300_000])
  assert.equal(last.view.height, 1)
})

test('a payment that times out ends downstream before upstream, and nobody pays more than fees', async () => {
  const { last, lesson } = await told('timeout')
  const { Alice, Bob, Carol } = coins(last)
  assert.equal(Alice, START - FUNDING_FEE - 1_000_000)
  assert.deepEqual(last.view.channels[0].shares, [1_000_000, 0])
  assertNearly(Bob, START - FUNDING_FEE)
  assert.equal(Carol, START)
  const [back] = heightsOf(last, /^Bob takes a payment back/)
  const upstream = lesson.steps.find(({ lines }) =>
    lines.some(({ text }) => text.startsWith('update_fail_htlc: Bob')),
  )!
  assert(back <= upstream.view.height - 5, 'Alice is told once it is deep downstream')
  assert.equal(heightsOf(last, /^Alice’s commitment/).length, 0)
})

test('a middle that was away finds the secret on the chain, and loses nothing', async () => {
  const { last, lesson } = await told('vanish')
  assert.deepEqual(last.view.channels[0].shares, [699_996, 300_004])
  const [claimed] = heightsOf(last, /^Carol takes a payment with its secret/)
  const learnt = lesson.steps.find(({ lines }) =>
    lines.some(({ text }) => text.startsWith('Bob reads the secret')),
  )!
  assert(claimed <= learnt.view.height)
  // Before the offer downstream ended, and upstream's lasts longer still.
  const [offer] = lesson.steps.flatMap(
    ({ view }) => view.channels[1]?.commitments[0].outputs.filter(({ kind }) => kind === 'htlc') ?? [],
  )
  const end = Number(/\d+/.exec(offer.ways[1].when)![0])
  assert(claimed < end)
})

test('whichever old state a thief chooses, and whoever it is, everything is lost', async () => {
  const moves: Move[] = [
    { kind: 'open', amount: 500_000 },
    { kind: 'mine', blocks: 1 },
    { kind: 'pay', from: 'Alice', to: 'Bob', amount: 200_000 },
    { kind: 'pay', from: 'Bob', to: 'Alice', amount: 50_000 },
  ]
  for (const who of ['Alice', 'Bob'] as const)
    for (const number of [0, 1, 3]) {
      const lesson = await Lesson.replay('two', moves)
      const cheated = await lesson.play({ kind: 'cheat', who, number })
      assert(cheated.ok, `${who} publishes state ${number}`)
      const before = coins(lesson.steps[2])
      for (let blocks = 0; blocks < 16; blocks++) await lesson.play({ kind: 'mine', blocks: 1 })
      const after = coins(lesson.steps.at(-1)!)
      const other = who === 'Alice' ? 'Bob' : 'Alice'
      // A thief that pays for a second-level transaction loses that fee, too.
      assert(after[who] <= before[who], `${who} gains by state ${number}`)
      assertNearly(after[other], before[other] + 500_000)
    }
})

test('each state is two commitments that share the channel out, and the secrets of all but the newest are told', async () => {
  const { lesson } = await told('pay')
  for (const { view } of lesson.steps)
    for (const { commitments, capacity, secrets, states, isClosed } of view.channels) {
      for (const { outputs, fee } of commitments)
        assert.equal(
          outputs.reduce((sum, { amount }) => sum + amount, fee),
          capacity,
        )
      if (isClosed) continue
      const given = states.filter((state) => state.given).map(({ owner, number }) => `${owner} ${number}`)
      assert.deepEqual(secrets.map(({ by, number }) => `${by} ${number}`).sort(), given.sort())
      assert.equal(new Set(secrets.map(({ secret }) => secret)).size, secrets.length)
    }
})

test('what can’t be done is refused in a sentence, and changes nothing', async () => {
  const lesson = await Lesson.start('two')
  const refused = async (move: Move, code: string) => {
    const before = lesson.steps.length
    const played = await lesson.play(move)
    assert(!played.ok, `${JSON.stringify(move)} is refused`)
    assert.equal(played.code, code)
    assert.match(played.detail, /^[A-Z].*[.]$/)
    assert.equal(lesson.steps.length, before)
  }
  const play = async (move: Move) => assert((await lesson.play(move)).ok)
  await refused({ kind: 'pay', from: 'Alice', to: 'Bob', amount: 1 }, 'lesson-channel')
  await refused({ kind: 'cheat', who: 'Alice', number: 0 }, 'lesson-channel')
  await refused({ kind: 'open', amount: LEAST_CHANNEL - 1 }, 'lesson-amount')
  await refused({ kind: 'open', amount: GREATEST_CHANNEL + 1 }, 'lesson-amount')
  await refused({ kind: 'open', amount: 100_000.5 }, 'lesson-amount')
  await refused({ kind: 'deliver' }, 'lesson-messages')
  await refused({ kind: 'mine', blocks: 0 }, 'lesson-blocks')
  await refused({ kind: 'wake', who: 'Bob' }, 'lesson-awake')
  await play({ kind: 'open', amount: 500_000 })
  await refused({ kind: 'open', amount: 500_000 }, 'lesson-opened')
  await refused({ kind: 'pay', from: 'Alice', to: 'Bob', amount: 1 }, 'lesson-channel')
  await play({ kind: 'mine', blocks: 1 })
  await refused({ kind: 'pay', from: 'Alice', to: 'Alice', amount: 1 }, 'lesson-self')
  await refused({ kind: 'pay', from: 'Alice', to: 'Bob', amount: 0 }, 'lesson-amount')
  await refused({ kind: 'pay', from: 'Alice', to: 'Bob', amount: 499_000 }, 'lesson-balance')
  await refused({ kind: 'pay', from: 'Bob', to: 'Alice', amount: 1_000 }, 'lesson-balance')
  await refused({ kind: 'cheat', who: 'Alice', number: 0 }, 'lesson-state')
  await play({ kind: 'pay', from: 'Alice', to: 'Bob', amount: 100_000 })
  await play({ kind: 'tower', who: 'Bob' })
  await refused({ kind: 'tower', who: 'Bob' }, 'lesson-tower')
  await play({ kind: 'sleep', who: 'Bob' })
  await refused({ kind: 'sleep', who: 'Bob' }, 'lesson-awake')
  await refused({ kind: 'pay', from: 'Alice', to: 'Bob', amount: 1 }, 'lesson-away')
  await refused({ kind: 'close', who: 'Alice', with: 'Bob', alone: false }, 'lesson-away')
  await play({ kind: 'cheat', who: 'Alice', number: 1 })
  await refused({ kind: 'cheat', who: 'Alice', number: 0 }, 'lesson-cheats')
})

test('the same moves lead to the same lesson', async () => {
  const moves = STORIES.find(({ id }) => id === 'timeout')!.chapters.map(({ move }) => move)
  const [first, second] = [await Lesson.replay('three', moves), await Lesson.replay('three', moves)]
  assert.deepEqual(first.steps, second.steps)
})
