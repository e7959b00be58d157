/**
 * Signers of simulated nodes: real keys, seeds and signatures, made and unlocked once for each name and kept for later runs, since to stretch
 * seed words takes longer than a run. Nothing in them depends on a run or on what was signed before.
 */
import { networkId } from '../consensus/genesis.ts'
import type { NetworkParams } from '../consensus/params.ts'
import { fromDisplay } from '../primitives/hashes.ts'
import { LocalSigner } from '../signer/local-signer.ts'
import { unattended } from '../signer/unattended.ts'
import { SeededRandom } from '../simulator/seeded-random.ts'
import { MemoryChannelRecordStore } from '../storage/memory-channel-record-store.ts'
import { MemoryKeyStore } from '../storage/memory-key-store.ts'
import { coinType } from '../wallet/coin-type.ts'
import type { Signer } from '../wallet/signer.ts'

const PASSPHRASE = 'simulated'

/** By network and name. */
const signers = new Map<string, Promise<Signer>>()

/** The unlocked signer of the wallet called `name`, the same in every run. */
export function simulatedSigner(name: string, params: NetworkParams): Promise<Signer> {
  const key = `${networkId(params)}/${name}`
  const signer = signers.get(key) ?? openSigner(name, params)
  signers.set(key, signer)
  return signer
}

async function openSigner(name: string, params: NetworkParams): Promise<Signer> {
  const id = networkId(params)
  const signer = await LocalSigner.open({
    network: { id, name: params.name },
    coinType: coinType(params, fromDisplay(id)),
    addressPrefix: params.addressPrefix,
    store: new MemoryKeyStore(),
    channelRecords: new MemoryChannelRecordStore(),
    clock: { now: () => params.genesisTime * 1000, after: () => () => {} },
    // Begins anew at every call: a signature is then the same whatever was signed before it.
    random: { bytes: (length) => new SeededRandom(name).bytes(length) },
    logN: 1,
  })
  for (const step of [() => signer.create(PASSPHRASE), () => signer.unlock(PASSPHRASE)]) {
    const done = await step()
    if (!done.ok) throw new Error(done.detail)
  }
  return unattended(signer)
}
