/** The names that nodes of channels give themselves: strangers' words, which nobody vouches for. Thread: Window. */
import { withoutTurns } from '../src/wallet/strangers-words.ts'
import { shortened } from './format.ts'
import type { LiveNode } from './live-node.ts'

/** By node id; those without a name are absent. */
export type NodeNames = ReadonlyMap<string, string>

export async function nodeNames(node: LiveNode): Promise<NodeNames> {
  const { nodes } = await node.rpc('listnodes')
  return new Map(
    nodes.flatMap(({ nodeid, alias }) => {
      const name = withoutTurns(alias ?? '').trim()
      return name === '' ? [] : [[nodeid, name]]
    }),
  )
}

/** `“Ada”, 0321ab…77c784`, or the id alone. */
export function nodeText(id: string, names: NodeNames | undefined): string {
  const name = names?.get(id)
  return name === undefined ? shortened(id) : `“${name}”, ${shortened(id)}`
}
