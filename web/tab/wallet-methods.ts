/**
 * RPC methods that carry a passphrase or seed words: answered here, between page and signer, so that the brain never sees them. Names and
 * codes are Bitcoin Core's where it has the method. They are declared in `src/node/rpc-page-methods.ts`.
 */
import {
  RPC_INVALID_PARAMETER,
  RPC_WALLET_ERROR,
  RPC_WALLET_NOT_FOUND,
  RPC_WALLET_PASSPHRASE_INCORRECT,
  RpcError,
} from '../../src/node/rpc-error.ts'
import { type Declaration, handler, type Parameters, type Run } from '../../src/node/rpc-method.ts'
import { byPosition } from '../../src/node/rpc-names.ts'
import {
  createWallet,
  exportBackup,
  importBackup,
  readMnemonic,
  revealMnemonic,
  walletLock,
  walletPassphrase,
  walletPassphraseChange,
} from '../../src/node/rpc-page-methods.ts'
import type { SignerCommand } from '../../src/workers/signer-link.ts'
import type { BrainClient } from './brain-client.ts'
import type { SignerClient } from './signer-client.ts'

/** Takes arguments as a caller gives them. */
export type WalletMethod = (args: readonly unknown[]) => Promise<unknown>

const ERROR_CODES: Readonly<Record<string, number>> = {
  'wallet-passphrase-incorrect': RPC_WALLET_PASSPHRASE_INCORRECT,
  'wallet-missing': RPC_WALLET_NOT_FOUND,
}

/** The methods by their names. */
export function walletMethods(brain: BrainClient, signer: SignerClient): ReadonlyMap<string, WalletMethod> {
  const run = async (command: SignerCommand): Promise<unknown> => {
    const result = await signer.run(command)
    if (result.ok) return result.value
    throw new RpcError(ERROR_CODES[result.code] ?? RPC_WALLET_ERROR, result.detail)
  }

  /**
   * Has keys made or restored. Only once the brain has what it follows a wallet with: without it the keys would be stored, but a backup's
   * labels and count of addresses, which go to the brain, be lost.
   */
  const make = async (command: SignerCommand): Promise<unknown> => {
    await brain.rpc('listwallets', [])
    return run(command)
  }

  /**
   * Resolves when the brain follows the signer's account, or can't: then with a warning rather than an error, since the keys are
   * stored and the caller must get their words.
   */
  const adopted = (): Promise<{ readonly warnings?: readonly string[] }> =>
    new Promise((resolve) => {
      const finish = (answer: { readonly warnings?: readonly string[] }): void => {
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
          .then((wallets) => ((wallets as string[]).length > 0 ? finish({}) : otherwise()), fail)
      }
      const stopWallet = brain.on('wallet', () => look())
      // A fault may be about something else.
      const stopFault = brain.on('fault', (fault) => look(() => fail(fault)))
      look()
    })

  /** Hands a backup's labels and count of addresses to the brain. Returns what could not be taken in. */
  const importLabels = async (metadata: string): Promise<readonly string[]> => {
    try {
      const { warnings = [] } = (await brain.rpc('importlabels', [metadata])) as { warnings?: string[] }
      return warnings
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return [
        `The keys are restored, and the chain is searched for their coins. What the backup has beside them is missing: ${reason} Restore the same file again to try once more.`,
      ]
    }
  }

  const answers = [
    entry(createWallet, async (name, options, _blank, passphrase) => {
      if (name !== '')
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          'A profile has one wallet, whose name is "". Open the page with ?profile=NAME for another.',
        )
      const chosen = passphraseOf(options.passphrase ?? passphrase)
      const { words, wordcount, mnemonicpassphrase: mnemonicPassphrase } = options
      if (words !== undefined) {
        if (wordcount !== undefined)
          throw new RpcError(RPC_INVALID_PARAMETER, 'wordcount is for new words: leave it out with words.')
        await make({ type: 'restoreWords', words, passphrase: chosen, mnemonicPassphrase })
        return { name: '', ...(await adopted()) }
      }
      if (wordcount !== undefined && wordcount !== 12 && wordcount !== 24)
        throw new RpcError(RPC_INVALID_PARAMETER, 'wordcount must be 12 or 24.')
      const { mediantime } = (await brain.rpc('getblockchaininfo', [])) as { mediantime: number }
      const mnemonic = await make({
        type: 'create',
        passphrase: chosen,
        words: wordcount ?? 12,
        mnemonicPassphrase,
        chainTime: mediantime,
      })
      return { name: '', mnemonic: mnemonic as string, ...(await adopted()) }
    }),
    entry(walletPassphrase, async (passphrase, seconds) => {
      await run({ type: 'unlock', passphrase, seconds })
      return null
    }),
    entry(walletLock, async () => {
      await run({ type: 'lock' })
      return null
    }),
    entry(walletPassphraseChange, async (passphrase, next) => {
      await run({ type: 'changePassphrase', passphrase, next: passphraseOf(next) })
      return null
    }),
    entry(revealMnemonic, async (passphrase) => {
      const secret = await run({ type: 'revealWords', passphrase })
      const { words, mnemonicPassphrase } = secret as { words: string; mnemonicPassphrase: string }
      return { mnemonic: words, mnemonicpassphrase: mnemonicPassphrase }
    }),
    entry(readMnemonic, async (words) => ({ mnemonic: (await run({ type: 'readWords', words })) as string })),
    entry(exportBackup, async (passphrase) => {
      const metadata = (await brain.rpc('exportlabels', [])) as string
      const file = (await run({ type: 'exportBackup', passphrase, metadata })) as string
      // The signer has refused what needs no list of words to be called weak, and said so of a wrong passphrase.
      const weak = await tooWeak(passphrase)
      if (weak !== undefined) throw new RpcError(RPC_WALLET_ERROR, weak)
      return file
    }),
    entry(importBackup, async (file, passphrase) => {
      const metadata = await make({ type: 'restoreBackup', file, passphrase })
      const { warnings } = await adopted()
      // The keys are stored: what fails from here on is told, and the same call tries it again.
      const missing = warnings ?? (await importLabels(metadata as string))
      return { name: '', ...(missing.length > 0 && { warnings: missing }) }
    }),
  ]
  return new Map(answers)
}

/** Why a passphrase is too weak for a backup file. Where the lists of words can't be fetched, the signer's own floor has to do. */
async function tooWeak(passphrase: string): Promise<string | undefined> {
  try {
    return (await import('../passphrase.ts')).tooWeakForBackup(passphrase)
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
