/**
 * RPC methods that carry a passphrase or seed words: answered here, between page and signer, so that the brain never sees them. Names and
 * codes are Bitcoin Core's where it has the method.
 */
import {
  RPC_INVALID_PARAMETER,
  RPC_TYPE_ERROR,
  RPC_WALLET_ERROR,
  RPC_WALLET_NOT_FOUND,
  RPC_WALLET_PASSPHRASE_INCORRECT,
  RpcError,
} from '../../src/node/rpc-error.ts'
import type { SignerCommand } from '../../src/workers/signer-link.ts'
import type { BrainClient } from './brain-client.ts'
import type { SignerClient } from './signer-client.ts'

export interface WalletMethod {
  /** As `help` shows it. */
  readonly usage: string
  run(args: readonly unknown[]): Promise<unknown>
}

const ERROR_CODES: Readonly<Record<string, number>> = {
  'wallet-passphrase-incorrect': RPC_WALLET_PASSPHRASE_INCORRECT,
  'wallet-missing': RPC_WALLET_NOT_FOUND,
}

export function walletMethods(brain: BrainClient, signer: SignerClient): Map<string, WalletMethod> {
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

  return new Map<string, WalletMethod>([
    [
      'createwallet',
      {
        usage:
          'createwallet wallet_name options | createwallet wallet_name disable_private_keys blank passphrase',
        async run([name, second, third, fourth]) {
          if (name !== '' && name !== undefined)
            throw new RpcError(
              RPC_INVALID_PARAMETER,
              'A profile has one wallet, whose name is "". Open the page with ?profile=NAME for another.',
            )
          const options =
            typeof second === 'object' && second !== null
              ? optionsOf(second)
              : { disable_private_keys: second, blank: third, passphrase: fourth }
          if (options.disable_private_keys || options.blank)
            throw new RpcError(
              RPC_INVALID_PARAMETER,
              'The wallet has its own keys: disable_private_keys and blank must be false.',
            )
          const passphrase = passphraseOf(options.passphrase)
          const { words, wordcount } = options
          const mnemonicPassphrase = textOf('mnemonicpassphrase', options.mnemonicpassphrase ?? '')
          if (words !== undefined) {
            if (wordcount !== undefined)
              throw new RpcError(
                RPC_INVALID_PARAMETER,
                'wordcount is for new words: leave it out with words.',
              )
            await make({
              type: 'restoreWords',
              words: textOf('words', words),
              passphrase,
              mnemonicPassphrase,
            })
            return { name: '', ...(await adopted()) }
          }
          if (wordcount !== undefined && wordcount !== 12 && wordcount !== 24)
            throw new RpcError(RPC_INVALID_PARAMETER, 'wordcount must be 12 or 24.')
          const { mediantime } = (await brain.rpc('getblockchaininfo', [])) as { mediantime: number }
          const mnemonic = await make({
            type: 'create',
            passphrase,
            words: wordcount ?? 12,
            mnemonicPassphrase,
            chainTime: mediantime,
          })
          return { name: '', mnemonic, ...(await adopted()) }
        },
      },
    ],
    [
      'walletpassphrase',
      {
        usage: 'walletpassphrase passphrase ( timeout )',
        async run([passphrase, timeout]) {
          if (timeout !== undefined && !(typeof timeout === 'number' && timeout > 0))
            throw new RpcError(RPC_INVALID_PARAMETER, 'timeout must be a number of seconds above 0.')
          await run({ type: 'unlock', passphrase: textOf('passphrase', passphrase), seconds: timeout })
          return null
        },
      },
    ],
    ['walletlock', { usage: 'walletlock', run: async () => (await run({ type: 'lock' })) ?? null }],
    [
      'walletpassphrasechange',
      {
        usage: 'walletpassphrasechange oldpassphrase newpassphrase',
        async run([passphrase, next]) {
          await run({
            type: 'changePassphrase',
            passphrase: textOf('oldpassphrase', passphrase),
            next: passphraseOf(next),
          })
          return null
        },
      },
    ],
    [
      'revealmnemonic',
      {
        usage: 'revealmnemonic passphrase',
        async run([passphrase]) {
          const secret = await run({ type: 'revealWords', passphrase: textOf('passphrase', passphrase) })
          const { words, mnemonicPassphrase } = secret as { words: string; mnemonicPassphrase: string }
          return { mnemonic: words, mnemonicpassphrase: mnemonicPassphrase }
        },
      },
    ],
    [
      'readmnemonic',
      {
        usage: 'readmnemonic words',
        run: async ([words]) => ({
          mnemonic: await run({ type: 'readWords', words: textOf('words', words) }),
        }),
      },
    ],
    [
      'exportbackup',
      {
        usage: 'exportbackup passphrase',
        async run([passphrase]) {
          const metadata = textOf('labels', await brain.rpc('exportlabels', []))
          return run({ type: 'exportBackup', passphrase: textOf('passphrase', passphrase), metadata })
        },
      },
    ],
    [
      'importbackup',
      {
        usage: 'importbackup file passphrase',
        async run([file, passphrase]) {
          const metadata = await make({
            type: 'restoreBackup',
            file: textOf('file', file),
            passphrase: textOf('passphrase', passphrase),
          })
          const { warnings } = await adopted()
          // The keys are stored: what fails from here on is told, and the same call tries it again.
          const missing = warnings ?? (await importLabels(metadata as string))
          return { name: '', ...(missing.length > 0 && { warnings: missing }) }
        },
      },
    ],
  ])
}

/** Options of `createwallet`: Bitcoin Core's and ours. A name that is not among them is refused: a slip in it would make another wallet. */
function optionsOf(given: object): Readonly<Record<string, unknown>> {
  const known = ['passphrase', 'words', 'mnemonicpassphrase', 'wordcount', 'disable_private_keys', 'blank']
  const stranger = Object.keys(given).find((name) => !known.includes(name))
  if (stranger !== undefined)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      `createwallet has no option '${stranger}'; its options are ${known.join(', ')}.`,
    )
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value ?? undefined]))
}

function textOf(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new RpcError(RPC_TYPE_ERROR, `${name} must be text.`)
  return value
}

function passphraseOf(value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'A wallet needs a passphrase: it encrypts the keys in this browser.',
    )
  return value
}
