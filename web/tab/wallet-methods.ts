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
              ? (second as Record<string, unknown>)
              : { disable_private_keys: second, blank: third, passphrase: fourth }
          if (options.disable_private_keys || options.blank)
            throw new RpcError(
              RPC_INVALID_PARAMETER,
              'The wallet has its own keys: disable_private_keys and blank must be false.',
            )
          const passphrase = passphraseOf(options.passphrase)
          const { words, wordcount = 12 } = options
          if (words !== undefined) {
            await make({ type: 'restoreWords', words: textOf('words', words), passphrase })
            return { name: '', ...(await adopted()) }
          }
          if (wordcount !== 12 && wordcount !== 24)
            throw new RpcError(RPC_INVALID_PARAMETER, 'wordcount must be 12 or 24.')
          const mnemonic = await make({ type: 'create', passphrase, words: wordcount })
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
        run: ([passphrase]) => run({ type: 'revealWords', passphrase: textOf('passphrase', passphrase) }),
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
          if (warnings) throw new RpcError(RPC_WALLET_ERROR, warnings.join(' '))
          await brain.rpc('importlabels', [metadata])
          return { name: '' }
        },
      },
    ],
  ])
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
