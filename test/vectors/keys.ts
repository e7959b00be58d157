/** Seeds and keys: BIP39, BIP32, BIP86. */
import assert from 'node:assert/strict'
import { HDKey } from '@scure/bip32'
import { mnemonicToSeedSync } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { deriveAccount, entropyToWords, masterKey, wordsToEntropy } from '../../src/signer/keys.ts'
import { accountDescriptor, parseDescriptor } from '../../src/wallet/descriptor.ts'
import { isRecord } from '../support/vector-files.ts'
import { value } from '../support/wallets.ts'
import { jsonRule, type VectorRule } from './rule.ts'

/** Entropy, words, seed, master key. */
type Bip39Row = readonly [string, string, string, string]

function isBip39Row(row: unknown): row is Bip39Row {
  return Array.isArray(row) && row.length === 4 && row.every((cell) => typeof cell === 'string')
}

const bip39: VectorRule = {
  folder: 'bip39',
  accepts: ({ rows }) => rows.length > 0 && rows.every(isBip39Row),
  run: ({ rows }, report) => {
    for (const [entropy, words, seed, xprv] of rows as readonly Bip39Row[]) {
      // Words without accents are no sign of a language.
      if (!words.split(' ').every((word) => wordlist.includes(word))) {
        report.skip('another language than English')
        continue
      }
      report.row(words, () => {
        assert.equal(entropyToWords(hexToBytes(entropy)), words)
        assert.equal(bytesToHex(value(wordsToEntropy(words))), entropy)
        assert.equal(bytesToHex(mnemonicToSeedSync(words, 'TREZOR')), seed)
        assert.equal(masterKey(hexToBytes(entropy), 'TREZOR').privateExtendedKey, xprv)
      })
    }
  },
}

interface Bip32Vectors {
  readonly valid: readonly {
    readonly seed: string
    readonly chains: readonly { readonly path: string; readonly xpub: string; readonly xprv: string }[]
  }[]
  readonly invalid_extended_keys: readonly { readonly key: string; readonly reason: string }[]
}

const bip32 = jsonRule<Bip32Vectors>(
  'bip32',
  ['valid', 'invalid_extended_keys'],
  [],
  ({ valid, invalid_extended_keys }, report) => {
    for (const { seed, chains } of valid) {
      const master = HDKey.fromMasterSeed(hexToBytes(seed))
      for (const { path, xpub, xprv } of chains)
        report.row(`${seed} ${path}`, () => {
          const key = master.derive(path.replaceAll('H', "'"))
          assert.deepEqual([key.publicExtendedKey, key.privateExtendedKey], [xpub, xprv])
          checkDescriptorStep(path, xpub, chains)
        })
    }
    const origin = { fingerprint: 0, path: [] }
    for (const { key, reason } of invalid_extended_keys)
      report.row(reason, () => assert.throws(() => accountDescriptor(key, origin)))
  },
)

/** An extended key of bitcoinjs's list. */
interface BitcoinjsKey {
  readonly path?: string
  readonly base58: string
  readonly base58Priv: string
}

interface BitcoinjsBip32 {
  readonly valid: readonly {
    readonly network: string
    readonly master: BitcoinjsKey & { readonly seed?: string }
    readonly children: readonly BitcoinjsKey[]
  }[]
  readonly invalid: {
    readonly fromBase58: readonly { readonly exception: string; readonly string: string }[]
    readonly fromSeed: readonly unknown[]
    readonly [method: string]: readonly unknown[]
  }
}

const bitcoinjsBip32: VectorRule = {
  folder: 'bip32',
  accepts: ({ json }) => isRecord(json) && Array.isArray(json.valid) && isRecord(json.invalid),
  run: ({ json }, report) => {
    const { valid, invalid } = json as BitcoinjsBip32
    const { fromBase58, fromSeed, ...others } = invalid
    for (const { network, master, children } of valid) {
      if (network !== 'bitcoin' || master.seed === undefined) {
        report.skipAll('version bytes of another network, or no seed', [master, ...children])
        continue
      }
      const root = HDKey.fromMasterSeed(hexToBytes(master.seed))
      for (const { path = 'm', base58, base58Priv } of [master, ...children])
        report.row(`${master.seed} ${path}`, () => {
          const key = root.derive(path)
          assert.deepEqual([key.publicExtendedKey, key.privateExtendedKey], [base58, base58Priv])
        })
    }
    const origin = { fingerprint: 0, path: [] }
    for (const { exception, string } of fromBase58)
      report.row(`${exception} ${string}`, () => assert.throws(() => accountDescriptor(string, origin)))
    report.skipAll('seeds of lengths that no words give', fromSeed)
    for (const [name, list] of Object.entries(others)) report.skipAll(`bitcoinjs's own method ${name}`, list)
  },
}

/** A step that needs no secret is also taken by a descriptor: from the parent's extended key, where that is in the list. */
function checkDescriptorStep(
  path: string,
  xpub: string,
  chains: readonly { readonly path: string; readonly xpub: string }[],
): void {
  const at = path.lastIndexOf('/')
  const [parentPath, step] = [path.slice(0, at), path.slice(at + 1)]
  const parent = chains.find((chain) => chain.path === parentPath)
  if (!parent || !/^\d+$/.test(step)) return
  const key = value(parseDescriptor(`tr(${parent.xpub}/${step})`)).derive(0, 0)
  assert.deepEqual(key.internalKey, HDKey.fromExtendedKey(xpub).publicKey?.slice(1))
}

interface Bip86Vectors {
  readonly mnemonic: string
  readonly rootpriv: string
  readonly keys: readonly {
    readonly path: string
    readonly xprv: string
    readonly xpub: string
    readonly internal_key?: string
    readonly output_key?: string
    readonly scriptPubKey?: string
    readonly address?: string
  }[]
}

const bip86 = jsonRule<Bip86Vectors>(
  'bip86',
  ['mnemonic', 'rootpriv', 'keys'],
  [],
  ({ mnemonic, rootpriv, keys }, report) => {
    const entropy = value(wordsToEntropy(mnemonic))
    report.row('root', () => assert.equal(masterKey(entropy).privateExtendedKey, rootpriv))
    const { descriptor, key } = deriveAccount(entropy, 0)
    for (const { path, xpub, xprv, internal_key, output_key, scriptPubKey, address } of keys)
      report.row(path, () => {
        const [branch, index] = path.split('/').slice(4).map(Number)
        const extended = branch === undefined ? key : key.deriveChild(branch).deriveChild(index)
        assert.deepEqual([extended.publicExtendedKey, extended.privateExtendedKey], [xpub, xprv])
        if (branch === undefined) return
        const { internalKey, outputKey } = descriptor.derive(branch, index)
        assert.deepEqual([bytesToHex(internalKey), bytesToHex(outputKey)], [internal_key, output_key])
        assert.equal(bytesToHex(p2trScript(outputKey)), scriptPubKey)
        assert.equal(encodeAddress(outputKey, 'bc'), address)
      })
  },
)

export const keyRules: readonly VectorRule[] = [bip39, bip32, bitcoinjsBip32, bip86]
