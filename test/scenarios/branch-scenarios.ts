/** Branches: which one is active, what a change of branch does to coins, and what an invalid block does to its branch. */
import { QUICK } from '../support/chain-nodes.ts'
import type { Scenario } from './scenario.ts'

const BRANCH = 'bad-txns-inputs-missingorspent: branch'

export const branchScenarios: readonly Scenario[] = [
  {
    name: 'on equal work the branch seen first stays',
    write: (s) => {
      s.grow(2)
      const fork = s.tip
      s.grow(2)
      const a = s.side(s.mine([], {}, fork))
      const b = s.side(s.mine([], {}, a))
      const other = s.side(s.mine([], {}, a))
      // One more block decides, on the one side and then on the other.
      s.accept(s.mine([], {}, b))
      const c = s.side(s.mine([], {}, other))
      s.accept(s.mine([], {}, c))
    },
  },
  {
    name: 'a coin is spent on both branches, in its own way on each',
    write: (s) => {
      s.fund(4)
      const fork = s.tip
      const coin = s.coin()
      const left = s.spend({ coin, outputs: [s.own(coin.value - 7)] })
      const right = s.spend({ coin, outputs: [s.own(5), s.own(coin.value - 5)] })
      const onLeft = s.accept(s.mine([left]), BRANCH)
      // What the left made does not exist on the right, and the other way round.
      const [madeLeft] = s.net.miner.coinsOf(left)
      const [madeRight] = s.net.miner.coinsOf(right)
      const onRight = s.side(s.mine([right], {}, fork), BRANCH)
      s.reject(s.mine([s.spend({ coin: madeLeft })], {}, onRight), BRANCH)
      s.reject(s.mine([s.spend({ coin: madeRight })], {}, onLeft), BRANCH)
      s.reject(s.mine([right], {}, onLeft), 'bad-txns-inputs-missingorspent: spent')
      const rightTip = s.accept(s.mine([s.spend({ coin: madeRight })], {}, onRight), BRANCH)
      // And back: what the right spent is there again, what it made is gone.
      const back = s.side(s.mine([s.spend({ coin: madeLeft })], {}, onLeft))
      s.accept(s.mine([], {}, back), BRANCH)
      // The same transactions on both sides.
      const again = s.side(s.mine([], {}, rightTip))
      s.accept(s.mine([s.spend({ coin: s.net.miner.coinsOf(right)[1] })], {}, again), BRANCH)
    },
  },
  {
    name: 'a coin that a block made and spent, taken back and spent again',
    write: (s) => {
      s.fund(4)
      const fork = s.tip
      const parent = s.spend()
      const child = s.spend({ coin: s.net.miner.coinsOf(parent)[0] })
      s.accept(s.mine([parent, child]))
      const other = s.side(s.mine([], {}, fork))
      s.accept(s.mine([], {}, other))
      // As in the block that was left.
      s.accept(s.mine([parent]))
      s.accept(s.mine([child]), 'bad-txns-inputs-missingorspent: order')
    },
  },
  {
    name: "a coinbase of a branch that was left can't be spent",
    write: (s) => {
      const fork = s.grow(3)
      const left = s.grow(3)
      const coin = s.net.miner.coinbaseOf(s.net.ancestor(left, 4))
      let right = fork
      for (let i = 0; i < 3; i++) right = s.side(s.mine([], {}, right))
      s.accept(s.mine([], {}, right))
      s.reject(s.mine([s.spend({ coin })]), BRANCH)
      const longer = s.side(s.mine([s.spend({ coin })], {}, left))
      s.accept(s.mine([], {}, longer), BRANCH)
    },
  },
  {
    name: 'a longer branch with an invalid block in it',
    write: (s) => {
      s.fund(8)
      const fork = s.tip
      s.grow(2)
      // Two good blocks, one that claims too much, two on top: the bodies of the first wait till the last.
      const good = s.mine([s.spend()], {}, fork)
      const better = s.mine([], {}, good)
      const bad = s.mine([], { claim: QUICK.initialSubsidy + 1 }, better)
      const above = s.mine([], {}, bad)
      const top = s.mine([], {}, above)
      s.headers([good, better, bad, above, top])
      for (const block of [top, above, bad, better]) s.side(block)
      s.complete(good, bad, 'bad-cb-amount')
      s.reject(s.mine([], {}, top), 'bad-prevblk')
      s.reject(top, 'duplicate-invalid')
      // What came before it is as good as the tip's, and wins with a good block.
      s.accept(s.mine([s.spend()], {}, better), 'bad-prevblk')
    },
  },
  {
    name: 'an invalid block on a branch that is not active shows when its turn comes',
    write: (s) => {
      s.fund(4)
      const fork = s.tip
      s.grow(2)
      const bad = s.side(s.mine([], { claim: QUICK.initialSubsidy + 1 }, fork))
      const second = s.side(s.mine([], {}, bad))
      const third = s.mine([], {}, second)
      s.complete(third, bad, 'bad-cb-amount')
      s.reject(third, 'duplicate-invalid')
      s.reject(second, 'duplicate-invalid')
      s.accept(s.mine([s.spend()]), 'duplicate-invalid')
    },
  },
  {
    name: 'a header is refused for its body, whatever comes under it then',
    write: (s) => {
      s.fund(4)
      const payment = s.spend()
      const bad = s.reject(s.mine([payment], { claim: QUICK.initialSubsidy * 2 }), 'bad-cb-amount')
      s.reject(s.net.withBody(bad, bad.block.transactions.slice(0, 1)), 'duplicate-invalid')
      // A body that is not its own says nothing about a header, not even a body that breaks other rules too.
      const good = s.mine([payment])
      const thief = s.mine([], { claim: QUICK.initialSubsidy * 3 })
      s.mutate(good, thief.block.transactions, 'bad-txnmrklroot')
    },
  },
  {
    name: 'reorganisations forth and back, deeper each time',
    write: (s) => {
      s.fund(30)
      const fork = s.tip
      let [active, other] = [fork, fork]
      for (let round = 1; round <= 5; round++) {
        // A coin of its own for each block, so that it is unspent on this branch.
        while (other.height < active.height) other = s.side(s.mine([s.spend()], {}, other))
        other = s.accept(s.mine([], {}, other))
        ;[active, other] = [other, active]
        active = s.accept(s.mine([], {}, active))
      }
    },
  },
]
