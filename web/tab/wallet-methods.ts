/**
 * RPC methods that carry a passphrase or seed words: answered here, between page and signer, so that the brain never sees them. Names and
 * codes are Bitcoin Core's where it has the method. They are declared in `src/node/rpc-page-methods.ts`.
 */
import {
  RPC_INVALID_PARAMETER,
  RPC_WALLET_ALREADY_EXISTS,
  RPC_WALLET_ERROR,
  RPC_WALLET_PASSPHRASE_INCORRECT,
  RPC_WALLET_WRONG_ENC_STATE,
  RpcError,
} from '../../src/node/rpc-error.ts'
import { type Declaration, handler, type Parameters, type Run } from '../../src/node/rpc-method.ts'
import { byPosition } from '../../src/node/rpc-names.ts'
import {
  createWallet,
  exportBackup,
  importBackup,
  readMnemonic,
  restoreWallet,
  revealMnemonic,
  walletLock,
  walletPassphrase,
  walletPassphraseChange,
  wantedWallet,
} from '../../src/node/rpc-page-methods.ts'
import { chooseWallet, walletCalled } from '../../src/node/wallet-choice.ts'
import type { SignerCommand } from '../../src/workers/signer-link.ts'
import type { BrainClient } from './brain-client.ts'
import type { SignerClient } from './signer-client.ts'

/** Takes arguments as a caller gives them. */
export type WalletMethod = (args: readonly unknown[]) => Promise<unknown>

const ERROR_CODES: Readonly<Record<string, number>> = {
  'keys-missing': RPC_WALLET_WRONG_ENC_STATE,
  'wallet-passphrase-incorrect': RPC_WALLET_PASSPHRASE_INCORRECT,
}

interface Warned {
  readonly warnings?: readonly string[]
}

/** The last making of a wallet. */
let making: Promise<unknown> = Promise.resolve()

/** Runs once the wallet before it is made, or isn't: no two take one name. */
function inTurn<T>(make: () => Promise<T>): Promise<T> {
  const made = making.then(make)
  making = made.catch(() => undefined)
  return made
}

/** The methods by their names. `named`: the wallet that they mean, see `chooseWallet`. */
export function walletMethods(
  brain: Pick<BrainClient, 'rpc' | 'wallets' | 'on'>,
  signer: Pick<SignerClient, 'run' | 'status'>,
  named?: string,
): ReadonlyMap<string, WalletMethod> {
  const run = async (wallet: string, command: SignerCommand): Promise<unknown> => {
    const result = await signer.run(wallet, command)
    if (result.ok) return result.value
    throw new RpcError(ERROR_CODES[result.code] ?? RPC_WALLET_ERROR, result.detail)
  }

  /** Of the wallet that is meant. */
  const runMeant = async (command: SignerCommand): Promise<unknown> =>
    run(chooseWallet(named, brain.wallets), command)

  /**
   * Has keys made or restored. Only once the brain has what it follows a wallet with, and agrees to the name: without it the keys would be stored,
   * but a backup's labels and count of addresses, which go to the brain, be lost.
   */
  const make = (name: string, loadOnStartup: boolean, command: SignerCommand): Promise<unknown> =>
    inTurn(async () => {
      await brain.rpc('createwallet', [name, { load_on_startup: loadOnStartup }])
      return run(name, command)
    })

  /**
   * Resolves when the brain follows the signer's account, or can't: then with a warning rather than an error, since the keys are
   * stored and the caller must get their words.
   */
  const adopted = (name: string): Promise<Warned> =>
    new Promise((resolve) => {
      const finish = (answer: Warned): void => {
        stopWallet()
        stopFault()
        resolve(answer)
      }
      const fail = ({ message }: { readonly message: string }): void =>
        finish({
          warnings: [
            `The keys are stored, but the node can’t follow the wallet yet: ${message} Reload the page to try again.`,
          ],
        })
      const look = (otherwise = () => {}): void => {
        brain
          .rpc('listwallets', [])
          .then((wallets) => ((wallets as string[]).includes(name) ? finish({}) : otherwise()), fail)
      }
      const stopWallet = brain.on('wallet', () => look())
      // A fault may be about something else.
      const stopFault = brain.on('fault', (fault) => look(() => fail(fault)))
      look()
    })

  /** Hands a backup's labels and count of addresses to the brain. Returns what could not be taken in. */
  const importLabels = async (name: string, metadata: string): Promise<readonly string[]> => {
    try {
      const { warnings = [] } = (await brain.rpc('importlabels', [metadata], name)) as Warned
      return warnings
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return [
        `The keys are restored, and the chain is searched for their coins. What the backup has beside them is missing: ${reason} Restore the same file again to try once more.`,
      ]
    }
  }

  /** The wallet is restored but for what its file has beside the keys: that follows, and what fails of it is told. */
  const restored = async (name: string, metadata: unknown): Promise<{ readonly name: string } & Warned> => {
    const { warnings } = await adopted(name)
    const missing = warnings ?? (await importLabels(name, metadata as string))
    return { name, ...(missing.length > 0 && { warnings: missing }) }
  }

  const exists = async (name: string): Promise<boolean> => {
    const { wallets } = (await brain.rpc('listwalletdir', [])) as { wallets: { name: string }[] }
    return wallets.some((wallet) => wallet.name === name)
  }

  const answers = [
    entry(createWallet, async (...given) => {
      const { name, watchOnly, loadOnStartup, passphrase } = wantedWallet(...given)
      if (watchOnly) {
        const choices = { disable_private_keys: true, load_on_startup: loadOnStartup }
        return inTurn(
          async () => (await brain.rpc('createwallet', [name, choices])) as { readonly name: string },
        )
      }
      const chosen = passphraseOf(passphrase)
      const { words, wordcount, mnemonicpassphrase: mnemonicPassphrase } = given[1]
      if (words !== undefined) {
        if (wordcount !== undefined)
          throw new RpcError(RPC_INVALID_PARAMETER, 'wordcount is for new words: leave it out with words.')
        const command = { type: 'restoreWords', words, passphrase: chosen, mnemonicPassphrase } as const
        await make(name, loadOnStartup, command)
        return { name, ...(await adopted(name)) }
      }
      if (wordcount !== undefined && wordcount !== 12 && wordcount !== 24)
        throw new RpcError(RPC_INVALID_PARAMETER, 'wordcount must be 12 or 24.')
      const { mediantime } = (await brain.rpc('getblockchaininfo', [])) as { mediantime: number }
      const mnemonic = await make(name, loadOnStartup, {
        type: 'create',
        passphrase: chosen,
        words: wordcount ?? 12,
        mnemonicPassphrase,
        chainTime: mediantime,
      })
      const { warnings: unfollowed = [] } = await adopted(name)
      const weak = await rated((strength) => strength.warningOnKeys(chosen))
      const warnings = weak === undefined ? unfollowed : [...unfollowed, weak]
      return { name, mnemonic: mnemonic as string, ...(warnings.length > 0 && { warnings }) }
    }),
    entry(walletPassphrase, async (passphrase, seconds) => {
      const wallet = chooseWallet(named, brain.wallets)
      await run(wallet, { type: 'unlock', passphrase, seconds })
      // One that was unloaded meanwhile was locked too early.
      if (!brain.wallets.includes(wallet)) await run(wallet, { type: 'lock' })
      chooseWallet(wallet, brain.wallets)
      return null
    }),
    entry(walletLock, async () => {
      await runMeant({ type: 'lock' })
      return null
    }),
    entry(walletPassphraseChange, async (passphrase, next) => {
      await runMeant({ type: 'changePassphrase', passphrase, next: passphraseOf(next) })
      return null
    }),
    entry(revealMnemonic, async (passphrase) => {
      const secret = await runMeant({ type: 'revealWords', passphrase })
      const { words, mnemonicPassphrase } = secret as { words: string; mnemonicPassphrase: string }
      return { mnemonic: words, mnemonicpassphrase: mnemonicPassphrase }
    }),
    // Any signer reads words.
    entry(readMnemonic, async (words) => ({
      mnemonic: (await run('', { type: 'readWords', words })) as string,
    })),
    entry(exportBackup, async (passphrase) => {
      const wallet = chooseWallet(named, brain.wallets)
      const metadata = (await brain.rpc('exportlabels', [], wallet)) as string
      const file = (await run(wallet, { type: 'exportBackup', passphrase, metadata })) as string
      // The signer has refused what needs no list of words to be called weak, and said so of a wrong passphrase.
      const weak = await rated((strength) => strength.tooWeakForBackup(passphrase))
      if (weak !== undefined) throw new RpcError(RPC_WALLET_ERROR, weak)
      return file
    }),
    entry(importBackup, async (file, passphrase, walletName) => {
      const name = walletName ?? named ?? ''
      const command = { type: 'restoreBackup', file, passphrase } as const
      const isHere = (await exists(name)) && signer.status(name).state !== 'none'
      if (!isHere) return restored(name, await make(name, true, command))
      // The same keys again: what the file has beside them is taken in once more.
      const metadata = await run(name, command)
      if (!brain.wallets.includes(name)) await brain.rpc('loadwallet', [name])
      return restored(name, metadata)
    }),
    entry(restoreWallet, async (name, file, loadOnStartup, passphrase) => {
      if (await exists(name))
        throw new RpcError(
          RPC_WALLET_ALREADY_EXISTS,
          `${walletCalled(name)} is here already, and is never overwritten. Choose another name.`,
        )
      const command = { type: 'restoreBackup', file, passphrase: passphraseOf(passphrase) } as const
      return restored(name, await make(name, loadOnStartup ?? true, command))
    }),
  ]
  return new Map(answers)
}

/** What is said of a weak passphrase; undefined where it is none, or the lists of words can't be fetched: the signer's own floor has to do then. */
async function rated(
  rate: (strength: typeof import('../passphrase.ts')) => string | undefined,
): Promise<string | undefined> {
  try {
    return rate(await import('../passphrase.ts'))
  } catch {
    return undefined
  }
}

/** A method by its name. */
function entry<Name extends string, P extends Parameters>(
  declared: Declaration<Name, P>,
  run: Run<Name, P>,
): [string, WalletMethod] {
  const answer = handler(declared, run)
  return [declared.name, async (args) => answer(byPosition(declared, args))]
}

function passphraseOf(value: string | undefined): string {
  if (value === undefined || value === '')
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'A wallet needs a passphrase: it encrypts the keys in this browser.',
    )
  return value
}
