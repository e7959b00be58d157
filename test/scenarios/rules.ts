/**
 * Every consensus rule, in one place: the code that a node refuses with, the rule in a sentence, and where it is written. The
 * tests of this folder prove each by blocks; `reject-codes.ts` finds the codes in the sources, so that none is left out.
 */
import type { RejectionKind } from '../../src/primitives/result.ts'

/**
 * What a rule looks at: the bytes of a block, its header and its place, what is known of it already, its body, the coins it spends,
 * or the witness of an input.
 */
export type Stage = 'bytes' | 'header' | 'known' | 'body' | 'coins' | 'script'

interface Rule {
  readonly kind: RejectionKind
  readonly stage: Stage
  readonly rule: string
  /** A section of docs/protocol.md, or of a BIP. */
  readonly source: string
}

const bytes = (rule: string, source: string): Rule => ({ kind: 'mutated', stage: 'bytes', rule, source })
const header = (rule: string, source = '§5'): Rule => ({ kind: 'invalid', stage: 'header', rule, source })
const wait = (rule: string): Rule => ({ kind: 'retry', stage: 'header', rule, source: '§5' })
const mutated = (rule: string, source: string): Rule => ({ kind: 'mutated', stage: 'body', rule, source })
const body = (rule: string, source: string): Rule => ({ kind: 'invalid', stage: 'body', rule, source })
const coins = (rule: string, source = '§3'): Rule => ({ kind: 'invalid', stage: 'coins', rule, source })
const script = (rule: string, source: string): Rule => ({ kind: 'invalid', stage: 'script', rule, source })

/** The rules by code, and by an aspect after a colon where a code stands for several. In the order in which a node applies them. */
export const RULES = {
  'block-decode-failed: length': bytes('a block ends where its last transaction does', 'BIP144'),
  'block-decode-failed: CompactSize': bytes('a CompactSize has its shortest form', 'BIP144'),
  'block-decode-failed: count': bytes('there are as many items as announced', 'BIP144'),
  'block-decode-failed: flag': bytes('the flag after the marker is 1', 'BIP144'),
  'block-decode-failed: witness': bytes('a witness that is announced is not empty', 'BIP144'),

  'duplicate-invalid': {
    kind: 'invalid',
    stage: 'known',
    rule: 'a block known to be invalid stays so',
    source: '§7',
  },
  'high-hash: work': header('the hash of the header is at most its target'),
  'high-hash: limit': header("the target is at most the network's limit"),
  'high-hash: compact form': header('the bits name a target: not zero, negative, or over 256 bits'),
  'prev-blk-not-found': wait('the parent is known'),
  'bad-prevblk': header('the parent is not invalid'),
  'bad-diffbits': header('the target is the one computed from the headers before'),
  'time-too-old': header(
    'the time is above the parent’s, or where difficulty stands still above the median of the last 11',
    '§5, BIP113',
  ),
  'time-too-new': wait('the time is at most 120 s ahead of local time'),
  'time-too-new: on demand': wait('where blocks are made on demand, at most 7,200 s'),
  duplicate: { kind: 'not-now', stage: 'known', rule: 'a body is stored once', source: '§7' },

  'bad-txnmrklroot': mutated("the merkle root over the txids is the header's", '§6'),
  'bad-txns-duplicate': mutated('the list of transactions does not repeat itself', '§6, CVE-2012-2459'),
  'bad-blk-length': body('a block has a transaction', '§6'),
  'bad-cb-missing': body('the first transaction is a coinbase', '§6'),
  'bad-cb-missing: in doubt': mutated(
    '… and where 64 bytes may stand for a node of the tree, the header is not held to it',
    '§6, BIP54',
  ),
  'bad-witness-commitment': body('the coinbase has a witness commitment', '§6, BIP141'),
  'bad-witness-nonce-size': mutated("the coinbase's witness is one item of 32 bytes", '§6, BIP141'),
  'bad-witness-merkle-match': mutated('the last commitment fits the witnesses', '§6, BIP141'),
  'bad-blk-weight': body('the weight is within the limit', '§6, BIP141'),
  'bad-blk-signatures': body('the signatures are one for 96 units of the weight limit, at most', '§6'),
  'bad-cb-multiple': body('there is one coinbase', '§6'),
  'bad-txns-vin-empty': body('a transaction has an input', '§3'),
  'bad-txns-vout-empty': body('a transaction has an output', '§3'),
  'bad-txns-size': body('the stripped size is not 64 bytes', '§3, BIP54'),
  'bad-txns-vout-negative': body('an amount is not negative', '§3'),
  'bad-txns-vout-toolarge': body('an amount is at most 21,000,000 coins', '§3'),
  'bad-txns-txouttotal-toolarge': body('the amounts add up to at most 21,000,000 coins', '§3'),
  'bad-txns-output-type: script': body('an output is P2TR or OP_RETURN', '§3'),
  'bad-txns-output-type: size': body('an OP_RETURN script has at most 83 bytes', '§3'),
  'bad-txns-output-type: amount': body('an OP_RETURN output has the amount 0', '§3'),
  'bad-txns-inputs-duplicate': body('a transaction spends no outpoint twice', '§3'),
  'bad-cb-length': body("a coinbase's scriptSig has 2 to 100 bytes", '§3'),
  'bad-txns-prevout-null': body('an input names a coin', '§3'),
  'bad-txns-scriptsig-not-empty': body('an input has an empty scriptSig', '§3, BIP141'),
  'bad-txns-nonfinal: height': body('nLockTime below 500,000,000 is a height below that of the block', '§6'),
  'bad-txns-nonfinal: time': body('… else a time below the median time past', '§6, BIP113'),
  'bad-cb-height': body('the coinbase begins with the height, in its shortest push', '§6, BIP34'),
  'bad-cb-network': body('then comes a push of 8 bytes of the genesis hash', '§6'),
  'bad-cb-locktime': body("the coinbase's nLockTime is the height less one", '§6, BIP54'),
  'bad-cb-sequence': body("the coinbase's nSequence is not 0xffffffff", '§6, BIP54'),

  'bad-snapshot-commitment': coins(
    'the coinbase commits to the coins that its height asks for, in its last such output',
    '§6',
  ),
  'bad-txns-inputs-missingorspent: unknown': coins('a coin that is spent exists'),
  'bad-txns-inputs-missingorspent: spent': coins(
    '… and was not spent before, in this block or an earlier one',
  ),
  'bad-txns-inputs-missingorspent: order': coins('… and was made before, in this block or an earlier one'),
  'bad-txns-inputs-missingorspent: branch': coins('… on this branch'),
  'bad-txns-premature-spend-of-coinbase': coins("a coinbase's coin is mature"),
  'bad-txns-inputvalues-outofrange': coins('the amounts spent add up to at most 21,000,000 coins'),
  'bad-txns-in-belowout': coins('a transaction pays no more than it spends'),
  'bad-txns-nonfinal: BIP68 blocks': coins(
    'a coin has the age in blocks that its input asks for',
    '§3, BIP68',
  ),
  'bad-txns-nonfinal: BIP68 time': coins('… or in units of 512 s of median time past', '§3, BIP68'),
  'bad-txns-accumulated-fee-outofrange': coins(
    'the fees of a block add up to at most 21,000,000 coins',
    '§6',
  ),
  'bad-cb-amount': coins('the coinbase claims at most subsidy and fees', '§6'),
  'bad-cb-amount: halving': coins('the subsidy halves, rounding down', '§6'),

  'witness-program-witness-empty': script('an input has a witness', 'BIP141'),
  'taproot-wrong-control-size': script(
    'a control block has 33 bytes and 32 for each of 0 to 128 hashes',
    'BIP341',
  ),
  'witness-program-mismatch': script(
    'the output commits to script, leaf version, internal key, path and parity',
    'BIP341',
  ),
  'stack-size': script('stack and altstack have at most 1,000 elements together', 'BIP342'),
  'push-size': script('an element has at most 520 bytes', 'BIP342'),
  'tapscript-validation-weight': script(
    'each signature takes 50 units of the weight of the witness and 50',
    'BIP342',
  ),
  'bad-opcode': script(
    'an opcode that is executed is defined, unless the script holds an OP_SUCCESS',
    'BIP342',
  ),
  'invalid-stack-operation': script('an opcode finds the elements it takes', 'BIP342'),
  'invalid-altstack-operation': script('OP_FROMALTSTACK finds an element', 'BIP342'),
  'unbalanced-conditional': script('OP_IF, OP_ELSE and OP_ENDIF match', 'BIP342'),
  'tapscript-minimalif': script('OP_IF takes nothing but 01 and the empty element', 'BIP342'),
  'tapscript-checkmultisig': script('OP_CHECKMULTISIG is not executed', 'BIP342'),
  'tapscript-empty-pubkey': script('a public key is not empty', 'BIP342'),
  scriptnum: script('a number has at most 4 bytes, a lock time 5', 'BIP65, BIP342'),
  verify: script('OP_VERIFY finds true', 'BIP342'),
  equalverify: script('OP_EQUALVERIFY finds equal elements', 'BIP342'),
  numequalverify: script('OP_NUMEQUALVERIFY finds equal numbers', 'BIP342'),
  checksigverify: script('OP_CHECKSIGVERIFY finds a signature', 'BIP342'),
  'op-return': script('OP_RETURN is not executed', 'BIP342'),
  'negative-locktime': script('a lock time is not negative', 'BIP65, BIP112'),
  'unsatisfied-locktime': script('the transaction is locked as the script asks', 'BIP65, BIP112'),
  cleanstack: script('a script leaves one element', 'BIP342'),
  'eval-false': script('… which is true', 'BIP342'),
  'schnorr-sig-size': script('a signature has 64 or 65 bytes', 'BIP341, BIP342'),
  'schnorr-sig-hashtype': script(
    'a hash type is one of the seven, a default is left out, and SINGLE has its output',
    'BIP341',
  ),
  'schnorr-sig': script('a signature is valid', 'BIP340, BIP341, BIP342'),
} as const satisfies Readonly<Record<string, Rule>>

export type RuleId = keyof typeof RULES

export const RULE_IDS = Object.keys(RULES) as RuleId[]

export function kindOf(rule: RuleId): RejectionKind {
  return RULES[rule].kind
}

export function stageOf(rule: RuleId): Stage {
  return RULES[rule].stage
}

/** The code in the sources: the rejection's, or the script error. */
export function codeOf(rule: RuleId): string {
  return rule.split(':')[0]
}

/** The code with which a block is refused. */
export function blockCodeOf(rule: RuleId): string {
  return stageOf(rule) === 'script' ? 'block-script-verify-flag-failed' : codeOf(rule)
}

const POLICY = 'only the mempool refuses it; blocks that hold it are among those accepted here'

const MUSIG2 = 'what those who sign together tell each other (BIP327); a block holds the finished signature'

/** Codes in the sources of which no block can be the cause, and why. */
export const NOT_OF_BLOCKS: Readonly<Record<string, string>> = {
  'block-script-verify-flag-failed': 'the code of all that the script errors of this table refuse',
  'header-decode-failed': 'any 80 bytes are a header, and a block that is shorter is refused as a block',
  'tx-decode-failed': 'a transaction by itself; inside a block it is the block that is refused',
  'outputs-decode-failed': 'what a node packed itself; it would be a bug',
  'snapshot-decode-failed': 'what a node stored itself; it would be a bug',
  'mentions-invalid': 'what a node stored itself; it would be a bug',
  'golomb-set-invalid': 'a filter (BIP158); blocks hold none',
  'merkle-proof-invalid': 'a proof that somebody shows (gettxoutproof); blocks hold none',
  'witness-decode-failed':
    'a witness by itself, such as a signed message (BIP322); inside a block it is the block that is refused',
  'musig2-public-key': MUSIG2,
  'musig2-tweak': MUSIG2,
  'musig2-public-nonce': MUSIG2,
  'musig2-aggregate-nonce': MUSIG2,
  'musig2-partial-signature': MUSIG2,
  'storage-busy': "the node's storage failed; the block is not judged",
  'bad-txns-oversize': 'a block with such a transaction is over the weight limit, which is checked before',
  'witness-malleated': 'a scriptSig is refused before any script runs, by bad-txns-scriptsig-not-empty',
  'bad-txns-nonstandard-inputs': 'no coin is made but of P2TR outputs',
  minimaldata: POLICY,
  'discourage-upgradable-nops': POLICY,
  'discourage-op-success': POLICY,
  'discourage-upgradable-taproot-version': POLICY,
  'discourage-upgradable-pubkeytype': POLICY,
}
