/**
 * Lets tests in a browser start and stop relays, which need Node: a plugin of the test runner. A test asks by `fetch`, which waits as long
 * as it takes; the runner's own commands have 20 seconds. Thread: Node's main.
 */

import type { TestRunnerPlugin } from '@web/test-runner'
import { type Server, startServer } from '../../relay/server.ts'

/**
 * `/start-relay?seed=7&port=0` starts a relay, and answers its multiaddr as JSON. The seed fills its 32-byte key: the same number is the
 * same peer id. The port is one of 127.0.0.1; 0 picks a free one. `/stop-relay?address=…` stops the one of this multiaddr.
 */
export function relayCommands(): TestRunnerPlugin {
  const relays = new Map<string, Server>()
  const start = async (seed: number, port: number): Promise<string> => {
    const keySeed = new Uint8Array(32).fill(seed)
    const relay = await startServer({ host: '127.0.0.1', port, keySeed })
    const address = `/ip4/127.0.0.1/tcp/${relay.port}/ws/p2p/${relay.relayPeerId}`
    relays.set(address, relay)
    return address
  }
  const stop = async (address: string): Promise<void> => {
    const relay = relays.get(address)
    relays.delete(address)
    await relay?.stop()
  }
  return {
    name: 'relay-commands',
    async serverStop() {
      await Promise.all([...relays.keys()].map(stop))
    },
    async serve({ path, query }) {
      const asked = query as Record<string, string>
      if (path === '/start-relay')
        return { body: JSON.stringify(await start(Number(asked.seed), Number(asked.port))), type: 'json' }
      if (path !== '/stop-relay') return undefined
      await stop(asked.address!)
      return { body: 'null', type: 'json' }
    },
  }
}
