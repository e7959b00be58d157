/**
 * Port: the only way to a signature. The brain knows the account's public descriptor and hands over whole PSBTs;
 * keys, passphrases and seed words stay behind this port (`signer/local-signer.ts` in the signer worker, a hardware or
 * cold wallet tomorrow).
 */
import { invalid, notNow, type Rejection, type Result } from './result.ts'

/** The public half of an account: what the brain needs to follow it and to prepare its payments. */
export interface Account {
  /**
   * Descriptor of both its branches with key origin and checksum: `tr([fingerprint/86h/…]xpub/<0;1>/*)#…` (BIP386,
   * BIP389).
   */
  readonly descriptor: string
  /**
   * Seconds since 1970 before which the account can't have had any coin; 0 when unknown, as after restoring from
   * words: then the whole chain is searched.
   */
  readonly birthday: number
}

export type SignerStatus =
  /** Its keys are not here: the wallet only watches. `fault`: why they can't be used where they are stored here all the same; a sentence for people. */
  | { readonly state: 'none'; readonly fault?: string }
  /** Keys are there, encrypted: a passphrase is needed to sign. */
  | { readonly state: 'locked'; readonly account: Account }
  | {
      readonly state: 'unlocked'
      readonly account: Account
      /** Milliseconds since 1970 at which it locks by itself; undefined when it stays unlocked. */
      readonly until: number | undefined
    }

export interface Signer {
  /** What was last known: answers at once, also when the signer runs in another thread. */
  status(): SignerStatus
  /**
   * Signs every input of the PSBT (BIP174, version 0) that spends from the account and returns it with those
   * signatures. The signer looks at the whole, and signs what was agreed to with itself alone, not with us: rejects with
   * `payment-not-approved`, `max-fee-exceeded`, `wallet-locked`, `keys-missing`, `psbt-invalid`, `psbt-not-ours` (no input is ours),
   * `psbt-sighash` (a hash type other than `hashType`), `psbt-mismatch` (a key, script or amount that is not what it claims) or
   * `signer-failed`. `replaced`: the signed transaction that it takes the place of, which proves what was agreed to before.
   * `hashType`: of the signatures, SIGHASH_DEFAULT where absent.
   */
  signPsbt(psbt: Uint8Array, replaced?: Uint8Array, hashType?: number): Promise<Result<Uint8Array>>
  /** Locks the keys: the wallet is not used for now. */
  lock(): void
  /** Returns the function that unsubscribes. */
  onChange(listener: (status: SignerStatus) => void): () => void
}

/** Port: the signers of a profile's wallets, by the wallets' names. */
export interface Signers {
  /** Names of the wallets whose keys are here. */
  names(): readonly string[]
  /** The signer of one wallet. Without keys of this name it signs nothing, until there are some. */
  signer(wallet: string): Signer
  /** Calls `listener` with the name of a wallet when the status of its signer changed. Returns the function that unsubscribes. */
  onChange(listener: (wallet: string) => void): () => void
}

/** Why the keys of a wallet can't be used; undefined where nothing is wrong with them. */
export function keysFault(status: SignerStatus): string | undefined {
  return status?.state === 'none' ? status.fault : undefined
}

/** Refuses what needs keys, with `keys-missing`. */
export function keysMissing(status?: SignerStatus): Rejection {
  return notNow(
    'keys-missing',
    (status && keysFault(status)) ??
      'This wallet only watches: its keys are elsewhere. What needs them is done by the wallet that has them; payments go there as PSBTs.',
  )
}

/** Of what would be a signature under a text that nobody in the page has read: it looks like a payment of nothing to nobody. */
export function disguisedMessage(): Rejection {
  return invalid(
    'psbt-message',
    'This signs a message (BIP322), which could say anything, and no payment. It was not signed. Sign the text itself with signmessage.',
  )
}

/** The signer of a watch-only wallet. */
export const NO_SIGNER: Signer = {
  status: () => ({ state: 'none' }),
  signPsbt: async () => keysMissing(),
  lock: () => {},
  onChange: () => () => {},
}

/** The signers of a profile whose wallets have these names. */
export function signersOf(signers: Readonly<Record<string, Signer>>): Signers {
  const all = Object.entries(signers)
  return {
    names: () => all.flatMap(([name, signer]) => (signer.status().state === 'none' ? [] : [name])),
    signer: (wallet) => signers[wallet] ?? NO_SIGNER,
    onChange(listener) {
      const ends = all.map(([name, signer]) => signer.onChange(() => listener(name)))
      return () => {
        for (const end of ends) end()
      }
    },
  }
}
