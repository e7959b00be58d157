/** Tabs with channels, for journeys: how they meet, open and wait. */
import { REGTEST } from '../../src/consensus/params.ts'
import { taggedHash } from '../../src/primitives/hashes.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { PASSPHRASE, type Tab } from './tabs.ts'

/** Of nobody here: who mines for it has no more coins by each block. */
export const STRANGER = encodeAddress(taggedHash('test/stranger'), REGTEST.addressPrefix)

/** Wallets unlocked, and their nodes known to each other; answers the node ids. */
export async function meet(tabs: readonly Tab[]): Promise<string[]> {
  const peerIds = await Promise.all(
    tabs.map(async (tab) => {
      await tab.rpc('walletpassphrase', PASSPHRASE, 10_000)
      return (await tab.identity()).peerId
    }),
  )
  const known = await Promise.all(
    tabs.map((tab) =>
      tab.until(
        'the other nodes are known',
        'listpeers',
        [],
        // A tab that was killed may still count as connected.
        ({ peers }) =>
          peerIds.filter((peerId) => peers.some(({ netaddr }) => netaddr[0] === peerId)).length ===
          tabs.length - 1,
      ),
    ),
  )
  return peerIds.map(
    (peerId) => known.flatMap(({ peers }) => peers).find(({ netaddr }) => netaddr[0] === peerId)!.id,
  )
}

/** A coin for the first tab, without more by each block that it mines. */
export async function fund(tab: Tab): Promise<void> {
  await tab.generate(1)
  await tab.generate(REGTEST.coinbaseMaturity, STRANGER)
}

export async function untilUsable(tab: Tab, count: number): Promise<void> {
  await tab.until(
    `${count} channels can be used`,
    'listpeerchannels',
    [],
    ({ channels }) =>
      channels.filter(
        ({ state, peer_connected, short_channel_id }) =>
          state === 'CHANNELD_NORMAL' && peer_connected && short_channel_id,
      ).length === count,
  )
}

/** Waits until no payment is under way; answers the shares of the channels, in their order. `node`: of those with it alone. */
export async function sharesOf(tab: Tab, node?: string): Promise<number[]> {
  const { channels } = await tab.until(
    'no payment is under way',
    'listpeerchannels',
    [node],
    ({ channels }) => channels.every(({ htlcs }) => htlcs.length === 0),
  )
  return channels.map(({ to_us_msat }) => to_us_msat)
}

/** Coins of a wallet that can be spent. */
export async function trusted(tab: Tab): Promise<number> {
  return (await tab.rpc('getbalances')).mine.trusted
}

/** Has blocks mined until the wallet of `tab` holds so many coins; what it does at a block may come a few later. */
export async function mineUntilTrusted(miner: Tab, tab: Tab, least: number): Promise<number> {
  for (let block = 0; block < MOST_BLOCKS; block++) {
    const has = await trusted(tab)
    if (has >= least) return has
    const [tip] = await miner.generate(1, STRANGER)
    await tab.untilTip(tip!)
  }
  throw new Error(`${tab.name} has ${await trusted(tab)} of ${least} coins after ${MOST_BLOCKS} blocks`)
}

const MOST_BLOCKS = 80
