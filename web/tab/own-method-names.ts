/** Methods that go past the brain, or to the signer first; their code (`own-methods.ts`) is fetched with the first call of one. Thread: Window. */

/** They carry a passphrase or seed words, or ask the signer what a PSBT does: the page and the signer answer them without the brain. */
export const OWN_METHODS: ReadonlySet<string> = new Set(
  'createwallet walletpassphrase walletlock walletpassphrasechange revealmnemonic readmnemonic exportbackup importbackup reviewpsbt'.split(
    ' ',
  ),
)

/** The page tells the signer what these ask for. */
export const SIGNING_METHODS: ReadonlySet<string> = new Set(
  'sendtoaddress bumpfee walletprocesspsbt sendpsbt'.split(' '),
)
