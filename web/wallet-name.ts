/** What a wallet is called on the page, and by its address. Thread: Window. */
import type { LiveNode } from './live-node.ts'

/** The name of a wallet, for people: the first one of a profile mostly has none. */
export function walletTitle(name: string): string {
  return name === '' ? 'Default wallet' : name
}

/** Whether it has to be said which wallet is meant: there are several, or this one has a name. */
export function isNamed({ wallet, wallets }: Pick<LiveNode, 'wallet' | 'wallets'>): boolean {
  return wallets.length > 1 || (wallet !== undefined && wallet !== '')
}

/** Names of all wallets of the profile, loaded or not. */
export async function walletNames(node: LiveNode): Promise<readonly string[]> {
  return (await node.rpc('listwalletdir')).wallets.map(({ name }) => name)
}

/** A name that none of these has, whatever their case: such as `Wallet 2`. */
export function freeName(taken: readonly string[]): string {
  const lower = new Set(taken.map((name) => name.toLowerCase()))
  for (let number = taken.length + 1; ; number++)
    if (!lower.has(`wallet ${number}`)) return `Wallet ${number}`
}

/** A path with the page's query, in which a wallet is named; undefined for none. */
export function walletPath(path: string, wallet: string | undefined): string {
  const query = new URLSearchParams(location.search)
  if (wallet === undefined) query.delete('wallet')
  else query.set('wallet', wallet)
  return `${path}?${query}`
}
