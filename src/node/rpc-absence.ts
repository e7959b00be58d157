/** Methods of Bitcoin Core that a tab doesn't have because they would mean nothing, and what there is in their place. */

const NO_DIALLING =
  'A tab has no address that others could dial: relays and other tabs introduce it, and it chooses among those whom it meets. getpeerinfo tells whom it is connected to, getnodeaddresses whom it remembers. '
const NO_FILES = 'A page has no files of its own. '
const NO_SECRETS = 'Keys never leave their own thread but in a backup. '

const SENTENCES: Readonly<Record<string, string>> = {
  addnode: NO_DIALLING,
  getaddednodeinfo: NO_DIALLING,
  addpeeraddress: NO_DIALLING,
  backupwallet: `${NO_FILES}exportbackup answers an encrypted one, importbackup takes it. `,
  dumptxoutset: NO_FILES,
  loadtxoutset: NO_FILES,
  savemempool: NO_FILES,
  importmempool: NO_FILES,
  dumpprivkey: `${NO_SECRETS}exportbackup makes one, revealmnemonic tells the seed words. `,
  importprivkey: NO_SECRETS,
  signrawtransactionwithkey: `${NO_SECRETS}signrawtransactionwithwallet signs with those of the wallet. `,
  signmessagewithprivkey: `${NO_SECRETS}signmessage signs with those of the wallet. `,
  encryptwallet: 'The keys of every wallet are encrypted: createwallet takes the passphrase. ',
  pruneblockchain: 'All blocks are kept. ',
}

/** The sentence for a method that there is not; undefined where Bitcoin Core hasn't got it either, or nothing is to be said. */
export function absence(name: string): string | undefined {
  return Object.hasOwn(SENTENCES, name) ? SENTENCES[name] : undefined
}
