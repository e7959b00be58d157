/**
 * RPC methods that carry a passphrase or seed words, as they are declared: the page answers them with the signer (`web/tab/wallet-methods.ts`), so
 * that the brain never sees either. Here for `help`, and for the types of callers.
 */
import { declaration, integer, optional, type Parameter, parameter, text } from './rpc-method.ts'
import { number, object, only } from './rpc-parameters.ts'
import { PSBT } from './rpc-payment-parameters.ts'

const OWN_KEYS = 'a wallet here has its own keys'
const ALWAYS_OPEN = 'a wallet here is open whenever its profile is'
const BLANK = only('blank', false, OWN_KEYS)
const AVOID_REUSE = only('avoid_reuse', false, 'a wallet here spends from every address')
const DESCRIPTORS = only('descriptors', true, 'a wallet here is one of descriptors')
const LOAD_ON_STARTUP = only('load_on_startup', true, ALWAYS_OPEN)
const EXTERNAL_SIGNER = only('external_signer', false, OWN_KEYS)

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
  disable_private_keys: only('disable_private_keys', false, OWN_KEYS),
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
  'Makes a wallet with new keys and answers its seed words, or restores one from its words.',
  [
    optional(text('wallet_name', 'only "": a profile has one wallet'), ''),
    optional(OPTIONS, CHOICES.parse({})),
    BLANK,
    optional(text('passphrase', 'in place of the one in options'), undefined),
    AVOID_REUSE,
    DESCRIPTORS,
    LOAD_ON_STARTUP,
    EXTERNAL_SIGNER,
  ],
)

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
])

export const reviewPsbt = declaration(
  'reviewpsbt',
  'What the keeper of keys reads in a PSBT: who is paid, what comes back, the fee. Nothing is signed.',
  [PSBT],
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
  reviewPsbt,
] as const
