/**
 * RPC: the wallet's state, addresses and coins. Calls that carry a passphrase or seed words are absent: the page takes them straight to
 * the signer.
 */
import { MAX_MONEY } from '../consensus/params.ts'
import { type Sats, sats } from '../primitives/amount.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { decodeAddress } from '../script/address.ts'
import { CHANGE, GAP_LIMIT, type OwnKey } from '../wallet/address-book.ts'
import { descriptorChecksum, HARDENED } from '../wallet/descriptor.ts'
import { keysFault } from '../wallet/signer.ts'
import type { Wallet, WalletCoin } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import { flag, integer, method, optional, type RpcMethod, text } from './rpc-method.ts'
import { amount, amountOrZero, list, only, options, unused } from './rpc-parameters.ts'
import { MANY } from './rpc-payment-parameters.ts'
import { descriptorOf } from './rpc-transaction-json.ts'
import { requireWallet, unwrap } from './rpc-wallet-error.ts'

/** `unlocked_until` of a wallet that stays unlocked: the end of 32-bit time, since 0 says locked. */
const UNLOCKED_FOR_GOOD = 0xffffffff

/** Core's `unlocked_until`, seconds since 1970; absent without keys. */
function unlockedUntil({ signer }: Wallet): { readonly unlocked_until?: number } {
  const status = signer.status()
  if (status.state === 'none') return {}
  if (status.state === 'locked') return { unlocked_until: 0 }
  return {
    unlocked_until: status.until === undefined ? UNLOCKED_FOR_GOOD : Math.floor(status.until / 1000),
  }
}

/** Whether a script is of the wallet that the call names, or else of one that is loaded. */
async function isOwn(node: NodeCore, scriptPubKey: Uint8Array): Promise<boolean> {
  if (!node.hasWallets) return false
  const wallets = await node.openWallets()
  return wallets.all.some(
    (wallet) => (node.namedWallet ?? wallet.name) === wallet.name && wallet.isMine(scriptPubKey),
  )
}

/** The addresses of a filter, in the form that coins name them. */
function addressFilter(node: NodeCore, addresses: readonly string[]): ReadonlySet<string> {
  for (const address of addresses) unwrap(decodeAddress(address, node.params.addressPrefix))
  const distinct = new Set(addresses.map((address) => address.toLowerCase()))
  if (distinct.size < addresses.length)
    throw new RpcError(RPC_INVALID_PARAMETER, 'addresses names one address twice.')
  return distinct
}

/** Tells that addresses were given out which words alone would not bring back; `subject`: such as `This address was`. */
function beyondGapText(subject: string): string {
  return `${subject} given out after ${GAP_LIMIT} unused ones in a row: seed words alone would not find coins there, a backup file that is saved from now on would. Save one, or use earlier addresses first.`
}

function warningsOf({ countBeyondGap: count, signer }: Wallet): string[] {
  const fault = keysFault(signer.status())
  const warnings = fault === undefined ? [] : [fault]
  if (count === 0) return warnings
  return [
    ...warnings,
    beyondGapText(count === 1 ? 'The latest address was' : `The latest ${count} addresses were`),
  ]
}

/** The part of `getaddressinfo` that is about an own key, as Bitcoin Core has it. */
function ownKeyJson({ branch, internalKey, origin }: OwnKey) {
  const fingerprint = origin.fingerprint.toString(16).padStart(8, '0')
  const path = origin.path.map((step) => (step < HARDENED ? `/${step}` : `/${step - HARDENED}h`)).join('')
  const descriptor = `tr([${fingerprint}${path}]${bytesToHex(internalKey)})`
  return {
    desc: `${descriptor}#${descriptorChecksum(descriptor)}`,
    ischange: branch === CHANGE,
    hdkeypath: `m${path}`,
    hdmasterfingerprint: fingerprint,
  }
}

/** The descriptor of an own key, with its checksum. */
function descOf(wallet: Wallet, scriptPubKey: Uint8Array): string {
  const { key } = wallet.addressInfo(scriptPubKey)
  return key ? ownKeyJson(key).desc : descriptorOf(scriptPubKey)
}

/** What a lock keeps of a coin that could be spent, satoshis. */
function lockedOf({ locked, spendable, value }: WalletCoin): number {
  return locked && spendable ? value : 0
}

export const walletMethods = [
  method('getwalletinfo', 'State of the wallet.', [], async (node) => {
    const wallet = await requireWallet(node)
    const balances = wallet.balances()
    return {
      walletname: wallet.name,
      format: 'descriptor',
      descriptors: true,
      descriptor: wallet.account?.descriptor,
      birthtime: wallet.account?.birthday,
      txcount: wallet.history().length,
      keypoolsize: GAP_LIMIT,
      keypoolsize_hd_internal: GAP_LIMIT,
      avoid_reuse: false,
      scanning: wallet.tip?.hash !== node.chain.headers.hash(node.chain.tip),
      blank: wallet.account === undefined,
      external_signer: false,
      flags: [
        'descriptor_wallet',
        ...(wallet.signer.status().state === 'none' ? ['disable_private_keys'] : []),
      ],
      private_keys_enabled: wallet.signer.status().state !== 'none',
      ...unlockedUntil(wallet),
      lastprocessedblock: wallet.tip,
      balance: coins(balances.trusted),
      unconfirmed_balance: coins(balances.untrustedPending),
      immature_balance: coins(balances.immature),
      warnings: warningsOf(wallet),
    }
  }),
  method(
    'getnewaddress',
    'A fresh address to receive at.',
    [
      optional(text('label', 'what it is for'), ''),
      only('address_type', 'bech32m', 'this network has no other type'),
    ],
    async (node, label) => {
      const wallet = await requireWallet(node)
      node.requireStorage()
      return unwrap(await wallet.newAddress(label === '' ? undefined : label)).address
    },
  ),
  method(
    'setlabel',
    'Names an address, an own one or another’s; an empty label takes the name away.',
    [text('address', 'an address of this network'), text('label', 'whose it is, or what it is for')],
    async (node, address, label) => {
      const wallet = await requireWallet(node)
      unwrap(await wallet.setLabel(address, label))
      return null
    },
  ),
  method(
    'getbalance',
    'What the wallet can spend.',
    [
      only('dummy', '*', 'it changes nothing'),
      optional(
        integer('minconf', 'confirmations at least, 0 (default) with own change that waits', 0, MANY),
        0,
      ),
      unused('include_watchonly'),
      unused('avoid_reuse'),
    ],
    async (node, _dummy, least) => {
      const wallet = await requireWallet(node)
      const { coinbaseMaturity } = node.params
      const trusted = wallet
        .coins()
        .filter((coin) => coin.trusted && coin.confirmations >= least)
        .filter((coin) => !coin.coinbase || coin.confirmations >= coinbaseMaturity)
      return coins(trusted.reduce((sum, { value }) => sum + value, 0))
    },
  ),
  method('getbalances', 'What the wallet holds.', [], async (node) => {
    const wallet = await requireWallet(node)
    const { trusted, untrustedPending, immature } = wallet.balances()
    const locked = wallet.coins().reduce((sum, coin) => sum + lockedOf(coin), 0)
    return {
      mine: {
        trusted: coins(trusted),
        untrusted_pending: coins(untrustedPending),
        immature: coins(immature),
        ...(locked > 0 && { locked: coins(locked) }),
      },
      lastprocessedblock: wallet.tip,
    }
  }),
  method(
    'listunspent',
    'The wallet’s coins without those that are locked; mined ones that have yet to mature only where query_options asks for them.',
    [
      optional(integer('minconf', 'confirmations at least, 1 by default', 0, MANY), 1),
      optional(integer('maxconf', 'confirmations at most', 0, MANY), MANY),
      optional(list('addresses', 'these addresses only', text('address', 'an address')), []),
      optional(flag('include_unsafe', 'also what others have yet to confirm (default)'), true),
      options({
        include_immature_coinbase: optional(
          flag('include_immature_coinbase', 'also mined coins that have yet to mature'),
          false,
        ),
        minimumAmount: optional(amountOrZero('minimumAmount', 'least value of each, in coins'), sats(0)),
        maximumAmount: optional(amount('maximumAmount', 'greatest value of each, in coins'), MAX_MONEY),
        maximumCount: optional(integer('maximumCount', 'at most so many', 1, MANY), MANY),
        minimumSumAmount: optional(
          amount('minimumSumAmount', 'no more than it takes to have this together, in coins'),
          MAX_MONEY,
        ),
      }),
    ],
    async (node, least, most, addresses, includeUnsafe, choice) => {
      const { include_immature_coinbase: includeImmature } = choice
      const wallet = await requireWallet(node)
      const wanted = addressFilter(node, addresses)
      const { coinbaseMaturity } = node.params
      let sum = 0
      const isWanted = ({ value }: { readonly value: Sats }): boolean => {
        if (value < choice.minimumAmount || value > choice.maximumAmount) return false
        const lacked = sum < choice.minimumSumAmount
        sum += value
        return lacked
      }
      return wallet
        .coins()
        .filter((coin) => !coin.locked && coin.confirmations >= least && coin.confirmations <= most)
        .filter((coin) => wanted.size === 0 || wanted.has(coin.address))
        .filter((coin) => includeUnsafe || coin.trusted)
        .filter((coin) => includeImmature || !coin.coinbase || coin.confirmations >= coinbaseMaturity)
        .filter(isWanted)
        .slice(0, choice.maximumCount)
        .map((coin) => ({
          txid: toDisplay<Txid>(coin.outpoint.txid),
          vout: coin.outpoint.index,
          address: coin.address,
          label: coin.label ?? '',
          scriptPubKey: bytesToHex(coin.scriptPubKey),
          amount: coins(coin.value),
          confirmations: coin.confirmations,
          spendable: coin.spendable,
          solvable: true,
          desc: descOf(wallet, coin.scriptPubKey),
          parent_descs: [wallet.account?.descriptor ?? ''],
          safe: coin.trusted,
        }))
    },
  ),
  method(
    'exportlabels',
    'Labels, and with them the count of addresses given out: a text for a backup file. Holds no key.',
    [
      optional(
        text('format', '"bip329" for lines of JSON that other wallets read; labels alone then'),
        'backup',
      ),
    ],
    async (node, format) => {
      const wallet = await requireWallet(node)
      if (format === 'backup') return wallet.exportMetadata()
      if (format === 'bip329') return wallet.exportLabels()
      throw new RpcError(RPC_INVALID_PARAMETER, 'format must be "backup" or "bip329".')
    },
  ),
  method(
    'importlabels',
    'Takes in what exportlabels gave, in either format, or another wallet’s labels (BIP329), and searches the chain for addresses that were not known. Tells what was left out.',
    [text('labels', 'the text of exportlabels')],
    async (node, labels) => {
      const wallet = await requireWallet(node)
      const { labels: taken, warnings } = unwrap(await wallet.importMetadata(labels))
      return { labels: taken, ...(warnings.length > 0 && { warnings }) }
    },
  ),
  method(
    'rescanblockchain',
    'Searches the chain again for the wallet’s transactions, by the filters of its blocks.',
    [
      optional(integer('start_height', 'the first block to search, 0 by default', 0, 0xffffffff), 0),
      optional(
        integer(
          'stop_height',
          'the last block that has to be searched, the tip by default; those after it are searched too',
          0,
          0xffffffff,
        ),
        undefined,
      ),
    ],
    async (node, start, stop) => {
      const wallet = await requireWallet(node)
      node.requireStorage()
      const { chain } = node
      const height = chain.headers.height(chain.tip)
      const last = stop ?? height
      if (start > height)
        throw new RpcError(RPC_INVALID_PARAMETER, `Invalid start_height: the tip is block ${height}.`)
      if (last > height)
        throw new RpcError(RPC_INVALID_PARAMETER, `Invalid stop_height: the tip is block ${height}.`)
      if (last < start)
        throw new RpcError(RPC_INVALID_PARAMETER, 'stop_height must not be below start_height.')
      unwrap(await wallet.rescan(start))
      if ((wallet.height ?? 0) < last)
        throw new RpcError(
          RPC_MISC_ERROR,
          `The search stopped at block ${wallet.height}: the body of the next one is not here. It goes on when that arrives.`,
        )
      return { start_height: start, stop_height: last }
    },
  ),
  method(
    'getaddressinfo',
    'What the wallet knows of an address, an own one or another’s.',
    [text('address', 'an address of this network')],
    async (node, address) => {
      const wallet = await requireWallet(node)
      const scriptPubKey = unwrap(decodeAddress(address, node.params.addressPrefix))
      const { key, label, beyondGap } = wallet.addressInfo(scriptPubKey)
      return {
        address: address.toLowerCase(),
        scriptPubKey: bytesToHex(scriptPubKey),
        ismine: key !== undefined,
        iswatchonly: false,
        solvable: key !== undefined,
        ...(key && ownKeyJson(key)),
        isscript: true,
        iswitness: true,
        witness_version: 1,
        witness_program: bytesToHex(scriptPubKey.subarray(2)),
        labels: label === undefined ? [] : [label],
        ...(beyondGap && { warnings: [beyondGapText('This address was')] }),
      }
    },
  ),
  method(
    'validateaddress',
    'Whether a text is an address of this network, and if not, why.',
    [text('address', 'to look at')],
    async (node, address) => {
      const decoded = decodeAddress(address, node.params.addressPrefix)
      if (!decoded.ok)
        return {
          isvalid: false,
          error: decoded.detail,
          error_locations: decoded.errorLocations ?? [],
          ...(decoded.suggestion === undefined ? {} : { suggestion: decoded.suggestion }),
        }
      return {
        isvalid: true,
        address: address.toLowerCase(),
        scriptPubKey: bytesToHex(decoded.value),
        isscript: true,
        iswitness: true,
        witness_version: 1,
        witness_program: bytesToHex(decoded.value.subarray(2)),
        ismine: await isOwn(node, decoded.value),
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
