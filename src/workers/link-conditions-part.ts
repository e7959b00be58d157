/**
 * Conditions on the links of a real tab: fetched on networks with test controls alone, before the tab joins, since topics are fixed from the start on. Thread: the
 * brain.
 */
import { genesisOf } from '../consensus/genesis.ts'
import type { NetworkParams } from '../consensus/params.ts'
import { LinkAgreement } from '../network/link-agreement.ts'
import { ConditionedTransport } from '../network/link-conditions.ts'
import type { Transport } from '../network/transport.ts'
import { loadIdentity } from '../storage/idb-peer-store.ts'
import type { ProfileDatabase } from '../storage/profile-database.ts'
import { systemClock, systemRandom } from './system-ports.ts'
import { tabIdentity } from './tab-identity.ts'

/** Key of the record, beside the tab's seed, that its person takes no part; there is none where they do. */
const REFUSES = 'refuses-conditions'

/** Puts conditions upon a transport. `log` is told sentences for people, `failed` what could not be stored. */
export async function conditionLinks(
  inner: Transport,
  params: NetworkParams,
  database: ProfileDatabase,
  log: (line: string) => void,
  failed: (error: unknown) => void,
): Promise<{ readonly transport: Transport; readonly links: LinkAgreement }> {
  const seed = await loadIdentity(database, systemRandom)
  const refuses = await database.transact(['identity'], 'readonly', 'relaxed', (transaction) =>
    transaction.objectStore('identity').get(REFUSES),
  )
  const transport = new ConditionedTransport(inner, systemClock, systemRandom)
  const links = new LinkAgreement({
    transport,
    clock: systemClock,
    identity: tabIdentity(inner.self, seed),
    networkId: genesisOf(params).header.hashBytes,
    takesPart: refuses === undefined,
    keep: (takesPart) => keep(database, takesPart).catch(failed),
    log,
  })
  return { transport, links }
}

async function keep(database: ProfileDatabase, takesPart: boolean): Promise<void> {
  await database.transact(['identity'], 'readwrite', 'strict', async (transaction) => {
    const store = transaction.objectStore('identity')
    if (takesPart) await store.delete(REFUSES)
    else await store.put(Uint8Array.of(1), REFUSES)
  })
}
