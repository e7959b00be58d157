/** A transport that reaches nobody, for tests of what stands on one side of the port: they replace what they look at. */
import type { PeerId, Transport } from '../../src/network/transport.ts'

export function silentTransport(parts: Partial<Transport> = {}): Transport {
  return {
    self: 'self' as PeerId,
    start: async () => {},
    stop: async () => {},
    send: () => {},
    publish: () => {},
    disconnect: () => {},
    allow: () => {},
    valued: () => {},
    ...parts,
  }
}
