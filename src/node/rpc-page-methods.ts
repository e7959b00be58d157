/**
 * RPC methods that carry a passphrase or seed words, as they are declared: the page answers them with the signer (`web/tab/wallet-methods.ts`), so
 * that the brain never sees either; of `createwallet` it answers what needs neither. Here for `help`, and for the types of callers.
 */
import { RPC_INVALID_PARAMETER, RPC_WALLET_ERROR, RpcError } from './rpc-error.ts'
import {
  declaration,
  flag,
  integer,
  optional,
  type Parameter,
  type Parsed,
  parameter,
  text,
} from './rpc-method.ts'
import { number, object, only } from './rpc-parameters.ts'
import { PSBT } from './rpc-payment-parameters.ts'
import { MAX_FEE_PERCENT, OPEN_AMOUNT } from './rpc-signing-methods.ts'

const AVOID_REUSE = only('avoid_reuse', false, 'a wallet here spends from every address')
const DESCRIPTORS = only('descriptors', true, 'a wallet here is one of descriptors')
const EXTERNAL_SIGNER = only('external_signer', false, 'keys elsewhere sign PSBTs that are carried to them')
const WATCH_ONLY = optional(
  flag('disable_private_keys', 'true: its keys are elsewhere; importdescriptors tells what it watches'),
  undefined,
)
const BLANK = optional(
  flag('blank', 'true changes nothing with disable_private_keys, and is refused without'),
  undefined,
)
export const LOAD_ON_STARTUP = optional(
  flag(
    'load_on_startup',
    'whether it is loaded when the profile is opened; as before when left out, true if new',
  ),
  undefined,
)

const WORD_COUNT = optional(
  integer('wordcount', 'how many new seed words, 12 (default) or 24', 12, 24),
  undefined,
)

const CHOICES = object('options', 'an object', {
  passphrase: optional(text('passphrase', 'encrypts the keys in this browser; needed'), undefined),
  words: optional(text('words', 'seed words of a wallet to restore'), undefined),
  mnemonicpassphrase: optional(
    text(
      'mnemonicpassphrase',
      'the passphrase of BIP39 that goes with the words, which names another wallet; empty for none',
    ),
    '',
  ),
  wordcount: WORD_COUNT,
  disable_private_keys: WATCH_ONLY,
  blank: BLANK,
  avoid_reuse: AVOID_REUSE,
  descriptors: DESCRIPTORS,
  load_on_startup: LOAD_ON_STARTUP,
  external_signer: EXTERNAL_SIGNER,
})

type Choices = ReturnType<typeof CHOICES.parse>
type GivenChoices = typeof CHOICES extends Parameter<unknown, infer Given> ? Given : never

/** An object; or as in Bitcoin Core, which has `disable_private_keys` in this place. */
const OPTIONS = {
  ...parameter<Choices, 'options', GivenChoices | boolean>(
    'options',
    'or, as in Bitcoin Core, disable_private_keys',
    (value) => CHOICES.parse(typeof value === 'boolean' ? { disable_private_keys: value } : value),
    'an object, or true or false',
  ),
  fields: CHOICES.fields!,
}

export const createWallet = declaration(
  'createwallet',
  'Makes a wallet: with new keys, of which it answers the seed words; with those of given words; or without keys, to watch one that has them elsewhere.',
  [
    optional(text('wallet_name', 'its name; "" for the default wallet'), ''),
    optional(OPTIONS, CHOICES.parse({})),
    BLANK,
    optional(text('passphrase', 'in place of the one in options'), undefined),
    AVOID_REUSE,
    DESCRIPTORS,
    LOAD_ON_STARTUP,
    EXTERNAL_SIGNER,
  ],
)

/** What `createwallet` is asked for. */
export interface WantedWallet {
  readonly name: string
  /** Its keys are elsewhere. */
  readonly watchOnly: boolean
  readonly loadOnStartup: boolean
  /** Encrypts keys that are made here. */
  readonly passphrase: string | undefined
}

/** Reads the arguments of `createwallet` together. Throws an `RpcError` where they contradict each other. */
export function wantedWallet(
  ...[name, options, blank, passphrase, , , loadOnStartup]: Parsed<(typeof createWallet)['parameters']>
): WantedWallet {
  const watchOnly = options.disable_private_keys ?? false
  const chosen = options.passphrase ?? passphrase
  if ((options.blank ?? blank) && !watchOnly)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'blank can only be true with disable_private_keys: a wallet with keys has them from the start.',
    )
  // Bitcoin Core takes an empty passphrase for none.
  if (watchOnly && chosen)
    throw new RpcError(
      RPC_WALLET_ERROR,
      'A passphrase was given, but the wallet is to have no keys that it could encrypt: leave one of the two out.',
    )
  if (watchOnly && (options.words ?? options.wordcount) !== undefined)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'words and wordcount are for keys: leave them out, or disable_private_keys.',
    )
  return {
    name,
    watchOnly,
    loadOnStartup: options.load_on_startup ?? loadOnStartup ?? true,
    passphrase: chosen,
  }
}

export const walletPassphrase = declaration('walletpassphrase', 'Unlocks the wallet.', [
  text('passphrase', 'of the wallet'),
  optional(
    number('timeout', 'seconds until it is locked again; until the page is closed when left out', 0.001, 1e9),
    undefined,
  ),
])

export const walletLock = declaration(
  'walletlock',
  'Locks the wallet: payments need the passphrase again.',
  [],
)

export const walletPassphraseChange = declaration(
  'walletpassphrasechange',
  'Encrypts the keys under another passphrase.',
  [text('oldpassphrase', 'as it is'), text('newpassphrase', 'as it shall be')],
)

export const revealMnemonic = declaration(
  'revealmnemonic',
  'The wallet’s seed words: whoever reads them has its coins.',
  [text('passphrase', 'of the wallet')],
)

export const readMnemonic = declaration(
  'readmnemonic',
  'Seed words as people write them, numbered, abbreviated or grouped, in full. Refused where they are none.',
  [text('words', 'to look at')],
)

export const exportBackup = declaration(
  'exportbackup',
  'Keys, labels and the count of addresses given out, as a file that the passphrase encrypts.',
  [text('passphrase', 'of the wallet')],
)

export const importBackup = declaration('importbackup', 'Restores the wallet of a file of exportbackup.', [
  text('file', 'what exportbackup answered'),
  text('passphrase', 'that the file was made with'),
  optional(
    text('wallet_name', 'of the wallet, "" by default; one that has other keys is refused'),
    undefined,
  ),
])

export const restoreWallet = declaration(
  'restorewallet',
  'Restores the wallet of a file of exportbackup under a name that no wallet has.',
  [
    text('wallet_name', 'its name from now on'),
    text('backup_file', 'what exportbackup answered'),
    LOAD_ON_STARTUP,
    optional(text('passphrase', 'that the file was made with; needed'), undefined),
  ],
)

export const reviewPsbt = declaration(
  'reviewpsbt',
  'What the keeper of keys reads in a PSBT: who is paid, what comes back, the fee. Nothing is signed.',
  [PSBT],
)

export const reviewInvoice = declaration(
  'reviewinvoice',
  'What the keeper of keys reads in an invoice: who is paid, how much, and what it may cost. Nothing is paid.',
  [text('bolt11', 'the invoice'), OPEN_AMOUNT, MAX_FEE_PERCENT],
)

export const payAllowance = declaration(
  'payallowance',
  'What payments over channels may take without being asked for, fees included: from programs that call the node itself, and for HTLCs that the chain gave back. Each takes of it; it is remembered until it is set anew. 0 at first.',
  [
    optional(
      integer(
        'amount_msat',
        'sets it, in millisatoshis; the wallet must be unlocked',
        0,
        Number.MAX_SAFE_INTEGER,
      ),
      undefined,
    ),
  ],
)

export const pageMethods = [
  createWallet,
  walletPassphrase,
  walletLock,
  walletPassphraseChange,
  revealMnemonic,
  readMnemonic,
  exportBackup,
  importBackup,
  restoreWallet,
  reviewPsbt,
  reviewInvoice,
  payAllowance,
] as const
