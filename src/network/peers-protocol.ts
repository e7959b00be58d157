/** The name by which tabs ask relays and each other who else is there: said once for both sides. */

/** The libp2p name of the protocol; its wire format is told in `src/transport/discovery.ts` and `relay/discovery.ts`. */
export const PEERS_PROTOCOL = '/opentab/peers/1.0.0'
