/**
 * The layers of the sources, lowest first, and what each may import. A layer is added by a line here. `check.ts` holds the sources,
 * the compiler's projects, the linter's and docs/architecture.md to it.
 */

/** One folder of sources. */
export interface Layer {
  /** The folder, from the project's root. */
  readonly folder: string
  readonly knows: string
  /** Ports that it declares. */
  readonly ports?: readonly string[]
  /** Folders that it may import, and so what those may import; or single files of a folder. Each stands above this line. */
  readonly imports: readonly string[]
  /** Packages that it may import, or scopes of packages; `node` are Node's own modules. */
  readonly packages?: readonly string[]
  /**
   * Whose globals it may use. Without, it is deterministic: it compiles with those of the language alone, and the linter refuses clocks
   * and randomness.
   */
  readonly globals?: 'worker' | 'window' | 'node'
}

export const LAYERS: readonly Layer[] = [
  {
    folder: 'src/primitives',
    knows: 'bytes, encodings, hashes, transactions, blocks, results',
    ports: ['Clock', 'Random', 'Faults'],
    imports: [],
    packages: ['@noble/hashes'],
  },
  {
    folder: 'src/script',
    knows: 'tapscript interpreter, taproot, signature hashes, addresses, input verification',
    ports: ['CheckPool'],
    imports: ['src/primitives'],
    packages: ['@noble/curves', '@noble/hashes', '@scure/base'],
  },
  {
    folder: 'src/consensus',
    knows: 'the rules: params, work, checks, coins, connecting blocks; pure and synchronous',
    imports: ['src/script'],
  },
  {
    folder: 'src/policy',
    knows: 'what a node relays and a wallet builds beyond the rules: fees, dust, sizes; pure',
    imports: ['src/consensus'],
  },
  {
    folder: 'src/chain',
    knows:
      'headers, bodies, chainstate, most-work choice, reorganisations, filters, snapshots; who follows them',
    ports: ['ChainStore'],
    imports: ['src/consensus'],
  },
  {
    folder: 'src/mempool',
    knows: 'transactions that wait: graph, acceptance, replacement, selection',
    imports: ['src/chain', 'src/policy'],
  },
  {
    folder: 'src/mining',
    knows: 'templates, kernels, the miner',
    ports: ['MinerPool'],
    imports: ['src/mempool'],
  },
  {
    folder: 'src/wallet',
    knows: 'descriptors, ledger, coin selection, PSBTs; no key: the signer is a port',
    ports: ['WalletDirectory', 'WalletStore', 'Signers', 'Signer'],
    imports: ['src/chain', 'src/policy'],
    packages: ['@scure/bip32', '@scure/btc-signer'],
  },
  {
    folder: 'src/channels',
    knows:
      'payment channels: scripts, transactions, state machine, onions, invoices, graph, routes; sans I/O, no key: the signer is a port',
    ports: ['ChannelStore', 'ChannelSigner', 'FeeSource', 'TowerStore'],
    imports: ['src/policy', 'src/chain/follower.ts'],
    packages: ['@noble/ciphers', '@noble/curves', '@noble/hashes', '@scure/base'],
  },
  {
    folder: 'src/signer',
    knows:
      'keys and their backups; reads what it signs, signs what the page agreed to; nothing but threads and stores may import it',
    ports: ['KeyStores', 'KeyStore', 'ChannelRecordStore'],
    imports: [
      'src/script',
      'src/channels/amount.ts',
      'src/channels/commitment-transaction.ts',
      'src/channels/funding-spend.ts',
      'src/channels/gossip.ts',
      'src/channels/htlc-transactions.ts',
      'src/channels/invoice.ts',
      'src/channels/keys.ts',
      'src/channels/ports.ts',
      'src/channels/scripts.ts',
      'src/channels/secrets.ts',
      'src/channels/wire.ts',
      'src/policy/fees.ts',
      'src/wallet/descriptor.ts',
      'src/wallet/psbt.ts',
      'src/wallet/result.ts',
      'src/wallet/signer.ts',
    ],
    packages: [
      '@noble/ciphers',
      '@noble/curves',
      '@noble/hashes',
      '@scure/base',
      '@scure/bip32',
      '@scure/bip39',
    ],
  },
  {
    folder: 'src/network',
    knows: 'what a transport is, frames and their bounds, rates',
    ports: ['Transport'],
    imports: ['src/primitives'],
  },
  {
    folder: 'src/protocol',
    knows: 'what tabs say to each other, as parts that declare their messages; sans I/O',
    ports: ['PeerStore'],
    imports: ['src/mempool', 'src/network'],
  },
  {
    folder: 'src/node',
    knows: '`NodeCore`: composes the above; RPC methods',
    imports: ['src/mining', 'src/protocol', 'src/wallet', 'src/channels'],
    packages: ['@scure/base', '@scure/btc-signer'],
  },
  {
    folder: 'src/storage',
    knows: 'IndexedDB and memory stores, profile lock',
    imports: ['src/protocol', 'src/wallet', 'src/signer', 'src/channels'],
    packages: ['idb'],
    globals: 'worker',
  },
  {
    folder: 'src/transport',
    knows: 'libp2p in the Window; its only importer in a tab',
    imports: ['src/network'],
    packages: [
      'libp2p',
      '@libp2p',
      '@multiformats',
      'it-length-prefixed',
      'it-pipe',
      'uint8arraylist',
      '@noble/curves',
    ],
    globals: 'window',
  },
  {
    folder: 'src/simulator',
    knows: 'a kernel for runs of any kind of node: virtual time, seed, links, faults, delayed ports',
    imports: ['src/primitives'],
  },
  {
    folder: 'src/simulation',
    knows: 'the node’s world on that kernel: tabs, hostile peers, invariants',
    imports: ['src/node', 'src/storage', 'src/simulator'],
    packages: ['@noble/curves'],
  },
  {
    folder: 'src/learn',
    knows: 'lessons on channels: people with the channels of a tab each, on a small chain in memory',
    imports: ['src/storage', 'src/simulator'],
    packages: ['@noble/curves', '@scure/bip32'],
  },
  {
    folder: 'src/workers',
    knows: 'thread roots and the typed messages between them',
    imports: ['src/node', 'src/storage'],
    globals: 'worker',
  },
  {
    folder: 'web',
    knows: 'the page: `web/tab/` starts the threads and answers `window.opentab`',
    imports: ['src/transport', 'src/workers', 'src/learn'],
    packages: ['lit', 'uqr', '@zxcvbn-ts'],
    globals: 'window',
  },
  {
    folder: 'relay',
    knows: 'the relay and the page’s server, a program of Node',
    imports: ['src/transport'],
    packages: [
      'node',
      'libp2p',
      '@libp2p',
      '@multiformats',
      '@peculiar/x509',
      'it-length-prefixed',
      'it-pipe',
      'reflect-metadata',
      'uint8arraylist',
      'uqr',
      'vite',
      'ws',
    ],
    globals: 'node',
  },
]
