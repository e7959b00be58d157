/**
 * Lets tests in a browser start and stop relays, which need Node: a plugin of the test runner. Thread: Node's main.
 */

import type { TestRunnerPlugin } from '@web/test-runner'
import { type Server, startServer } from '../../relay/server.ts'

/** What `start-relay` is told. */
export interface StartRelay {
  /** Fills the relay's 32-byte key seed: the same number is the same peer id. */
  readonly seed: number
  /** Port on 127.0.0.1; 0 picks a free one. */
  readonly port: number
}

/** The commands `start-relay` (answers the relay's multiaddr) and `stop-relay` (told that multiaddr). */
export function relayCommands(): TestRunnerPlugin {
  const relays = new Map<string, Server>()
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
    async executeCommand({ command, payload }) {
      if (command === 'start-relay') {
        const { seed, port } = payload as StartRelay
        const relay = await startServer({
          host: '127.0.0.1',
          port,
          keySeed: new Uint8Array(32).fill(seed),
        })
        const address = `/ip4/127.0.0.1/tcp/${relay.port}/ws/p2p/${relay.relayPeerId}`
        relays.set(address, relay)
        return address
      }
      if (command === 'stop-relay') {
        await stop(payload as string)
        return true
      }
      return undefined
    },
  }
}
