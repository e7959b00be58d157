/** Real blocks, headers and transactions (Bitcoin's own), block filters (BIP158), and BIP54's rules. */
import assert from 'node:assert/strict'
import { BlockFilter } from '../../src/chain/block-filter.ts'
import { checkCoinbaseLock, checkTransaction } from '../../src/consensus/checks.ts'
import { findWitnessCommitment, witnessCommitment, witnessMerkleRoot } from '../../src/consensus/coinbase.ts'
import { type NetworkParams, PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { checkProofOfWork } from '../../src/consensus/pow.ts'
import { sats } from '../../src/primitives/amount.ts'
import {
  Block,
  BlockHeader,
  decodeBlock,
  decodeHeader,
  HEADER_BYTES,
  merkleRoot,
} from '../../src/primitives/block.ts'
import { bytesToHex, concatBytes, equalBytes, hexToBytes, reversed } from '../../src/primitives/bytes.ts'
import { type BlockHash, fromDisplay } from '../../src/primitives/hashes.ts'
import { decodeTransaction, NULL_OUTPOINT, Transaction } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { isOpSuccess, pushNumber, ScriptReader } from '../../src/script/opcodes.ts'
import { SCRIPT_VERIFY } from '../../src/script/script-flags.ts'
import { p2trScript, taprootOutputKey } from '../../src/script/taproot.ts'
import { rehouse, tapBranchHash, tapLeafHash, verdictOf } from '../support/tapscript-spends.ts'
import { isRecord, type VectorFile } from '../support/vector-files.ts'
import { notApplicable, type VectorReport } from '../support/vector-report.ts'
import { value } from '../support/wallets.ts'
import { jsonRule, type VectorRule } from './rule.ts'

/** Bitcoin's limit; its retarget every 2016 blocks is not ours, so that each header is held to its own bits. */
const MAINNET: NetworkParams = { ...PUBLIC, powLimitBits: 0x1d00ffff }

const MAINNET_GENESIS = '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f' as BlockHash

/** The bytes of a file that is binary, or one number in hex. */
function contentOf({ bytes, text }: VectorFile): Uint8Array {
  if (bytes.some((byte) => byte > 0x7f)) return bytes
  const compact = text.replace(/\s/g, '')
  return /^([0-9a-fA-F]{2})+$/.test(compact) ? hexToBytes(compact) : bytes
}

/** Lines of 80 bytes in hex, some of them marked. */
const HEADER_LINE = /^(?:\w+:)?([0-9a-fA-F]{160})$/

function headerLines({ bytes, text }: VectorFile): string[] | undefined {
  if (bytes[0] > 0x7f || bytes.length < 2 * HEADER_BYTES) return undefined
  const lines = text.trim().split(/\s+/)
  return lines.every((line) => HEADER_LINE.test(line)) ? lines : undefined
}

/** By shape or name, never by what our decoders make of it: they are what is tested. */
function kindOf(file: VectorFile): 'headers' | 'block' | 'transaction' | undefined {
  if (headerLines(file)) return 'headers'
  if (file.json !== undefined) return undefined
  if (/(^|[^a-z])(tx|transaction)/i.test(file.name)) return 'transaction'
  return /block|\.(raw|blk|bin|dat|hex)$/i.test(file.name) ? 'block' : undefined
}

const headerRun: VectorRule = {
  folder: 'blocks',
  accepts: (file) => kindOf(file) === 'headers',
  run: (file, report) => {
    const lines = headerLines(file) ?? []
    const headers = lines.map((line) => value(decodeHeader(hexToBytes(HEADER_LINE.exec(line)?.[1] ?? ''))))
    const known = new Set<string>([MAINNET_GENESIS, ...headers.map(({ hash }) => hash)])
    const limits = headersLimit(headers)
    const outside = new Set<string>()
    for (const header of headers)
      report.row(header.hash, () => {
        // One block is not in the file: that behind which the run and its forks begin.
        if (!known.has(header.previous)) outside.add(header.previous)
        assert(outside.size <= 1, 'does not link up')
        assert.deepEqual(BlockHeader.of(header).bytes, header.bytes)
        assert(checkProofOfWork(header, limits), 'no proof of work')
      })
  },
}

/** The networks of Bitcoin have mainnet's limit; others' headers are held to the easiest of theirs. */
function headersLimit(headers: readonly BlockHeader[]): NetworkParams {
  const easiest = headers.reduce((most, { bits }) => Math.max(most, bits), MAINNET.powLimitBits)
  return { ...MAINNET, powLimitBits: easiest }
}

const rawBlock: VectorRule = {
  folder: 'blocks',
  accepts: (file) => kindOf(file) === 'block',
  run: (file, report) => report.row(file.name, () => checkRawBlock(contentOf(file), file.name)),
}

/** Heights of blocks that are called by them. */
const HASH_OF_HEIGHT: Readonly<Record<string, string>> = {
  '413567': '0000000000000000025aff8be8a55df8f89c77296db6198f272d6577325d4069',
}

function checkRawBlock(bytes: Uint8Array, name: string): void {
  const block = value(decodeBlock(bytes))
  const { header, transactions, weight } = block
  const named = /[0-9a-f]{64}/.exec(name)?.[0] ?? HASH_OF_HEIGHT[/\d+/.exec(name)?.[0] ?? '']
  if (named) assert.equal(block.hash, named)
  assert(checkProofOfWork(header, MAINNET))
  const { root, repeated } = merkleRoot(transactions.map((tx) => tx.txidBytes))
  assert.deepEqual(root, header.merkleRoot)
  assert.equal(repeated, false)
  const witnesses = transactions.reduce((sum, tx) => sum + tx.bytes.length - tx.strippedSize, 0)
  assert.equal(weight, (bytes.length - witnesses) * 4 + witnesses)
  assert(transactions[0].isCoinbase && !transactions.slice(1).some((tx) => tx.isCoinbase))
  const commitment = findWitnessCommitment(transactions[0])
  assert.equal(commitment !== undefined || witnesses === 0, true)
  if (commitment) {
    const [reserved] = transactions[0].inputs[0].witness
    assert.deepEqual(commitment, witnessCommitment(witnessMerkleRoot(transactions), reserved))
  }
  const rebuilt = transactions.map((tx) => Transaction.of(tx))
  assert(equalBytes(Block.of(BlockHeader.of(header), rebuilt).bytes, bytes))
  for (const wrong of [bytes.subarray(0, -1), concatBytes(bytes, Uint8Array.of(0))])
    assert.equal(decodeBlock(wrong).ok, false)
}

/** What transactions are that are called by a name. */
const TXID_OF_NAME: Readonly<Record<string, string>> = {
  huge_witness_tx: '73be398c4bdc43709db7398106609eea2a7841aaf3a4fa2000dc18184faa2a7e',
}

const rawTransaction: VectorRule = {
  folder: 'blocks',
  accepts: (file) => kindOf(file) === 'transaction',
  run: (file, report) =>
    report.row(file.name, () => {
      const bytes = contentOf(file)
      const transaction = value(decodeTransaction(bytes))
      const named =
        /[0-9a-f]{64}/.exec(file.name)?.[0] ??
        Object.entries(TXID_OF_NAME).find(([name]) => file.name.startsWith(name))?.[1]
      if (named) assert.equal(transaction.txid, named)
      const witnesses = transaction.inputs.map(({ witness }) => witness)
      assert(equalBytes(rehouse(transaction, { witnesses }).bytes, bytes))
      if (transaction.inputs.length !== 1) return
      const scriptPubKey = openedBySuccess(transaction.inputs[0].witness)
      if (!scriptPubKey) return
      // The coin is not in the file. What OP_SUCCESS opens, it opens whatever the amount.
      const spent = packOutputs([{ value: sats(0), scriptPubKey }])
      assert.equal(verdictOf(transaction, spent, 0), 'ok')
      const discouraged = verdictOf(transaction, spent, 0, SCRIPT_VERIFY.DISCOURAGE_OP_SUCCESS)
      assert.equal(discouraged, 'discourage-op-success')
    }),
}

/** The output that a tapscript with an OP_SUCCESS opens, as its control block tells; undefined for other spends. */
function openedBySuccess(witness: readonly Uint8Array[]): Uint8Array | undefined {
  const [script, controlBlock] = witness.slice(-2)
  if (!controlBlock || controlBlock.length < 33 || controlBlock.length % 32 !== 1) return undefined
  const reader = new ScriptReader(script)
  let success = false
  while (reader.next()) success ||= isOpSuccess(reader.opcode)
  let root = tapLeafHash(script, controlBlock[0] & 0xfe)
  for (let at = 33; at < controlBlock.length; at += 32)
    root = tapBranchHash(root, controlBlock.subarray(at, at + 32))
  const output = taprootOutputKey(controlBlock.subarray(1, 33), root)
  return success && output ? p2trScript(output.outputKey) : undefined
}

interface AlternateMainnet {
  readonly timestamps: readonly number[]
  readonly nonces: readonly number[]
}

/** Where the coinbases of Bitcoin Core's alternate mainnet pay to. */
const ALTERNATE_SCRIPT = hexToBytes('76a914eadbac7f36c37e39361168b7aaee3cb24a25312d88ac')

/** Blocks mined upon mainnet's genesis for Core's mining_mainnet.py, told by their times and nonces alone. */
const alternateMainnet = jsonRule<AlternateMainnet>(
  'blocks',
  ['timestamps', 'nonces'],
  [],
  ({ timestamps, nonces }, report) => {
    let previousHash = fromDisplay(MAINNET_GENESIS)
    timestamps.forEach((time, index) => {
      const height = index + 1
      const push = pushNumber(height)
      const coinbase = Transaction.of({
        version: 2,
        inputs: [
          {
            prevout: NULL_OUTPOINT,
            // A coinbase's scriptSig has two bytes at least.
            scriptSig: push.length === 1 ? concatBytes(push, Uint8Array.of(0)) : push,
            sequence: 0xffffffff,
            witness: [],
          },
        ],
        outputs: [{ value: sats(50e8), scriptPubKey: ALTERNATE_SCRIPT }],
        lockTime: 0,
      })
      const header = BlockHeader.of({
        version: 0x20000000,
        previousHash,
        merkleRoot: coinbase.txidBytes,
        time,
        // Mainnet's retarget falls due at 2016, to four times the difficulty.
        bits: height < 2016 ? 0x1d00ffff : 0x1c3fffc0,
        nonce: nonces[index],
      })
      report.row(`height ${height}`, () => assert(checkProofOfWork(header, MAINNET)))
      previousHash = header.hashBytes
    })
  },
)

/** [height, hash, block, scripts of the outputs spent, header before, filter, header, notes] */
type FilterRow = readonly [number, string, string, readonly string[], string, string, string, string]

const filters: VectorRule = {
  folder: 'bip158',
  accepts: ({ rows }) => rows.some(isFilterRow),
  run: ({ rows }, report) => {
    for (const row of rows) {
      // The first row names the columns.
      if (!isFilterRow(row)) continue
      const [height, hash, hex, spentScripts, previous, bytes, header] = row
      report.row(`height ${height}`, () => {
        const block = value(decodeBlock(hexToBytes(hex)))
        assert.equal(block.hash, hash)
        const spent = spentScripts.map(hexToBytes)
        const filter = BlockFilter.of(block, spent)
        assert.equal(bytesToHex(filter.bytes), bytes)
        const filterHeader = filter.header(reversed(hexToBytes(previous)))
        assert.equal(bytesToHex(reversed(filterHeader)), header)
        const read = value(BlockFilter.decode(block.header.hashBytes, hexToBytes(bytes)))
        for (const script of spent) if (script.length > 0) assert(read.matchesAny([script]))
      })
    }
  },
}

function isFilterRow(row: unknown): row is FilterRow {
  return Array.isArray(row) && typeof row[0] === 'number' && Array.isArray(row[3]) && row.length >= 7
}

interface SizeRow {
  readonly comment: string
  readonly tx: string
  readonly valid: boolean
}

const bip54Sizes: VectorRule = {
  folder: 'bip54',
  accepts: ({ rows }) =>
    rows.length > 0 && rows.every((row) => isRecord(row) && 'tx' in row && !('spent_outputs' in row)),
  run: ({ rows }, report) => {
    for (const { comment, tx, valid } of rows as readonly SizeRow[])
      report.row(comment, () => {
        // Their outputs are of older types: what counts is whether the size is the fault.
        const checked = checkTransaction(value(decodeTransaction(hexToBytes(tx))), REGTEST)
        assert.equal(!checked.ok && checked.code === 'bad-txns-size', !valid)
      })
  },
}

interface CoinbaseRow {
  readonly comment: string
  readonly block_chain: readonly string[]
  readonly valid: boolean
}

const bip54Coinbases: VectorRule = {
  folder: 'bip54',
  accepts: ({ rows }) => rows.length > 0 && rows.every((row) => isRecord(row) && 'block_chain' in row),
  run: ({ rows }, report) => {
    for (const { comment, block_chain, valid } of rows as readonly CoinbaseRow[])
      report.row(comment, () => {
        const results = block_chain.slice(1).map((hex, position) => {
          const { transactions } = value(decodeBlock(hexToBytes(hex)))
          return checkCoinbaseLock(transactions[0], position + 1)
        })
        assert.equal(
          results.every(({ ok }) => ok),
          valid,
        )
      })
  },
}

/** A tree of header chains: each goes on from the chain above it. Leaves say whether BIP54 allows the whole. */
interface TimestampTree {
  readonly block_headers?: readonly string[]
  readonly header_chain?: readonly string[]
  readonly extensions?: readonly TimestampTree[]
  readonly valid?: boolean
  readonly comment?: string
}

const bip54Timestamps: VectorRule = {
  folder: 'bip54',
  accepts: ({ json, rows }) =>
    [json, rows[0]].some((tree) => isRecord(tree) && ('block_headers' in tree || 'header_chain' in tree)),
  run: ({ json, rows }, report) => {
    for (const tree of rows.length > 0 ? rows : [json])
      runTimestamps(tree as TimestampTree, undefined, report)
  },
}

/** Its rules are about mainnet's retarget periods, which we don't have; that the headers link up and have their work is checked. */
function runTimestamps(tree: TimestampTree, parent: BlockHeader | undefined, report: VectorReport): void {
  let tip = parent
  const headers = tree.block_headers ?? tree.header_chain ?? []
  report.row(tree.comment ?? 'headers in common', () => {
    for (const hex of headers) {
      const header = value(decodeHeader(hexToBytes(hex)))
      if (tip) assert.equal(header.previous, tip.hash)
      assert(checkProofOfWork(header, MAINNET))
      tip = header
    }
    if (tree.valid !== undefined)
      notApplicable("times at the ends of mainnet's retarget periods: difficulty is ASERT here")
  })
  for (const extension of tree.extensions ?? []) runTimestamps(extension, tip, report)
}

const bip54Sigops: VectorRule = {
  folder: 'bip54',
  accepts: ({ rows }) => rows.length > 0 && rows.every((row) => isRecord(row) && 'spent_outputs' in row),
  run: ({ rows }, report) =>
    report.skipAll('signature operations of older scripts, which the protocol has no coins for', rows),
}

export const blockRules: readonly VectorRule[] = [
  headerRun,
  rawBlock,
  rawTransaction,
  alternateMainnet,
  filters,
  bip54Sizes,
  bip54Coinbases,
  bip54Timestamps,
  bip54Sigops,
]
