/** Prepared ways through a lesson: each a list of moves with a sentence that says what to look at. Whoever learns may leave them at any point. Pure. */
import type { Cast, Move } from './lesson.ts'

export interface Story {
  readonly id: string
  readonly cast: Cast
  readonly title: string
  /** What is learnt by it. */
  readonly about: string
  readonly chapters: readonly Chapter[]
}

export interface Chapter {
  readonly move: Move
  /** What comes, and why. */
  readonly text: string
}

/** What comes next in a story after these moves; undefined at its end, and where they have left it. */
export function chapterAfter({ chapters }: Story, moves: readonly Move[]): Chapter | undefined {
  return isOnStory(chapters, moves) ? chapters[moves.length] : undefined
}

/** What a story says of the last of these moves; undefined where they have left it. */
export function chapterOf({ chapters }: Story, moves: readonly Move[]): Chapter | undefined {
  return isOnStory(chapters, moves) ? chapters[moves.length - 1] : undefined
}

function isOnStory(chapters: readonly Chapter[], moves: readonly Move[]): boolean {
  return moves.every((move, at) => JSON.stringify(move) === JSON.stringify(chapters[at]?.move))
}

const OPEN: Chapter = {
  move: { kind: 'open', amount: 1_000_000 },
  text: 'Alice puts money into an output that only both together can spend. Before she pays, Bob signs a first commitment that would bring all of it back to her: nobody has to be trusted.',
}
const CONFIRM: Chapter = {
  move: { kind: 'mine', blocks: 1 },
  text: 'A block holds the funding. From here on the chain is no longer needed.',
}
const PAY_BOB: Chapter = {
  move: { kind: 'pay', from: 'Alice', to: 'Bob', amount: 400_000 },
  text: 'Alice pays Bob: both sign new commitments, and tell the secrets of the old ones. With such a secret the other side can take everything, should the old state ever be published.',
}
const CHEAT: Chapter = {
  move: { kind: 'cheat', who: 'Alice', number: 0 },
  text: 'Alice cheats: she restores an old copy of her tab, from before the payment, in which all of the money was hers, and publishes that state.',
}
const MINED: Chapter = {
  move: { kind: 'wait' },
  text: 'A block holds the old state. Alice’s share in it is locked for 12 blocks.',
}

const OPEN_BOTH: Chapter = {
  move: { kind: 'open', amount: 1_000_000 },
  text: 'Alice opens a channel with Bob, and Bob one with Carol. Alice and Carol have none with each other.',
}
const PAY_CAROL: Chapter = {
  move: { kind: 'pay', from: 'Alice', to: 'Carol', amount: 300_000 },
  text: 'Carol draws a secret and tells Alice its hash alone. Alice will offer money for the secret; whoever passes it on gets the same offer, a little smaller and with less time.',
}
const OFFER: Chapter = {
  move: { kind: 'deliver' },
  text: 'Alice offers Bob the amount and his fee, for the secret. It is an output of both their commitments now: Bob’s with the secret, Alice’s again from a certain block on.',
}
const PASS_ON: Chapter = {
  move: { kind: 'deliver' },
  text: 'Bob offers Carol the same, less his fee, and up to a block 12 earlier: should Carol come at the last moment, he still has time to take his money from Alice.',
}

export const STORIES: readonly Story[] = [
  {
    id: 'pay',
    cast: 'two',
    title: 'Pay, and close',
    about: 'What both sides hold, how a payment replaces a state, and how the channel ends in peace.',
    chapters: [
      OPEN,
      CONFIRM,
      PAY_BOB,
      {
        move: { kind: 'pay', from: 'Bob', to: 'Alice', amount: 150_000 },
        text: 'Bob pays some of it back. Nothing of this is seen on the chain.',
      },
      {
        move: { kind: 'close', who: 'Alice', with: 'Bob', alone: false },
        text: 'Both sign a closing transaction, which pays each at once: nothing in it is locked.',
      },
      {
        move: { kind: 'wait' },
        text: 'A block holds it. Two transactions in all, for as many payments as you like.',
      },
    ],
  },
  {
    id: 'alone',
    cast: 'two',
    title: 'The other side is gone',
    about: 'Nobody can be held: the newest commitment brings the money back, after a delay.',
    chapters: [
      OPEN,
      CONFIRM,
      PAY_BOB,
      { move: { kind: 'sleep', who: 'Bob' }, text: 'Bob closes his tab and does not come back.' },
      {
        move: { kind: 'close', who: 'Alice', with: 'Bob', alone: true },
        text: 'Alice publishes her newest commitment. She needs Bob for nothing: he signed it with the payment.',
      },
      {
        move: { kind: 'wait' },
        text: 'A block holds it. Alice waits 12 blocks for her share, in which Bob could show that the state is an old one.',
      },
      { move: { kind: 'wait' }, text: 'It is not: the delay passes.' },
      { move: { kind: 'wait' }, text: 'Alice has her share.' },
      {
        move: { kind: 'wake', who: 'Bob' },
        text: 'Bob comes back after all, and finds his: it waited for him.',
      },
      { move: { kind: 'wait' }, text: 'Both have what the last state gave them, less the fees.' },
    ],
  },
  {
    id: 'punished',
    cast: 'two',
    title: 'A thief is punished',
    about: 'Alice publishes a state that she gave up, and loses everything.',
    chapters: [
      OPEN,
      CONFIRM,
      PAY_BOB,
      CHEAT,
      {
        ...MINED,
        text: `${MINED.text} Bob sees it, and has the secret of that state: his penalty needs no delay.`,
      },
      {
        move: { kind: 'wait' },
        text: 'The penalty is in a block. Bob has all of the channel, Alice nothing.',
      },
    ],
  },
  {
    id: 'asleep',
    cast: 'two',
    title: 'The victim sleeps',
    about: 'Whoever sleeps longer than the delay, with no tower, can be robbed.',
    chapters: [
      OPEN,
      CONFIRM,
      PAY_BOB,
      { move: { kind: 'sleep', who: 'Bob' }, text: 'Bob closes his tab. Nobody looks at the chain for him.' },
      CHEAT,
      MINED,
      { move: { kind: 'wait' }, text: 'The delay passes, and Bob still sleeps: Alice takes the money.' },
      { move: { kind: 'wait' }, text: 'It is in a block.' },
      {
        move: { kind: 'wake', who: 'Bob' },
        text: 'Bob comes back too late. His secret is worth nothing now: the output is spent.',
      },
    ],
  },
  {
    id: 'tower',
    cast: 'two',
    title: 'A tower watches',
    about: 'The same theft, and somebody else who answers for the sleeper.',
    chapters: [
      OPEN,
      CONFIRM,
      {
        move: { kind: 'tower', who: 'Bob' },
        text: 'Bob asks a watchtower. It gets a penalty for each state that is given up, encrypted by the id of the transaction that it answers: it learns nothing until that one is published.',
      },
      PAY_BOB,
      { move: { kind: 'sleep', who: 'Bob' }, text: 'Bob closes his tab.' },
      CHEAT,
      {
        ...MINED,
        text: `${MINED.text} The tower finds the transaction’s id among what it keeps, opens the penalty with it, and sends it.`,
      },
      { move: { kind: 'wait' }, text: 'The penalty is in a block. It pays Bob, and could pay nobody else.' },
      { move: { kind: 'wake', who: 'Bob' }, text: 'Bob comes back, and finds everything in order.' },
    ],
  },
  {
    id: 'hops',
    cast: 'three',
    title: 'Through a third',
    about: 'A payment over two channels: nobody in between can keep it.',
    chapters: [
      OPEN_BOTH,
      CONFIRM,
      PAY_CAROL,
      OFFER,
      PASS_ON,
      {
        move: { kind: 'deliver' },
        text: 'Carol shows Bob the secret, and has her money. Now Bob has what Alice pays for.',
      },
      {
        move: { kind: 'deliver' },
        text: 'Bob shows it to Alice, and has his. The secret is Alice’s receipt.',
      },
    ],
  },
  {
    id: 'timeout',
    cast: 'three',
    title: 'It times out',
    about: 'Carol vanishes with the secret: who takes what at which block, and why in this order.',
    chapters: [
      OPEN_BOTH,
      CONFIRM,
      PAY_CAROL,
      OFFER,
      PASS_ON,
      {
        move: { kind: 'sleep', who: 'Carol' },
        text: 'Carol closes her tab before she tells the secret. Bob can neither take the money from Alice nor give it back yet: Carol may still come.',
      },
      {
        move: { kind: 'wait' },
        text: 'Carol’s time is over, and Bob goes to the chain: he publishes his commitment with her.',
      },
      {
        move: { kind: 'wait' },
        text: 'A block holds it. Bob sends the transaction that takes the payment back, which Carol signed when it was offered.',
      },
      { move: { kind: 'wait' }, text: 'It is in a block: downstream the payment has ended.' },
      {
        move: { kind: 'wait' },
        text: 'After 6 blocks no reorganisation undoes it. Only now Bob gives the payment back to Alice, for whom there was time left.',
      },
      { move: { kind: 'deliver' }, text: 'Alice has her money again, and needed no chain for it.' },
      { move: { kind: 'wait' }, text: 'Bob’s own share in his commitment is free after 12 blocks.' },
      { move: { kind: 'wait' }, text: 'So is, a block later, the payment that came back.' },
      { move: { kind: 'wait' }, text: 'Bob has all of it again. Nobody lost more than fees.' },
    ],
  },
  {
    id: 'vanish',
    cast: 'three',
    title: 'The middle vanishes',
    about: 'Bob is gone while a payment hangs: Carol takes it from the chain, and shows the secret by that.',
    chapters: [
      OPEN_BOTH,
      CONFIRM,
      PAY_CAROL,
      OFFER,
      PASS_ON,
      {
        move: { kind: 'sleep', who: 'Bob' },
        text: 'Carol knows the secret, but Bob has closed his tab before he heard it.',
      },
      {
        move: { kind: 'wait' },
        text: 'A few blocks before the offer ends Carol goes to the chain, so that nobody can take the money back from her.',
      },
      {
        move: { kind: 'wait' },
        text: 'Her commitment is in a block. She claims the payment with the secret.',
      },
      { move: { kind: 'wait' }, text: 'The claim is in a block, and the secret with it, for all to read.' },
      {
        move: { kind: 'wake', who: 'Bob' },
        text: 'Bob comes back, reads the secret off the chain, and has what Alice pays for.',
      },
      {
        move: { kind: 'deliver' },
        text: 'Alice pays him for it. He lost nothing, since Alice’s offer lasts 12 blocks longer than his own.',
      },
      {
        move: { kind: 'mine', blocks: 14 },
        text: 'Carol waits 12 blocks for what she claimed: the commitment was hers, and could have been an old one.',
      },
    ],
  },
]
