/**
 * Mutants that no test can kill, since they mean the same, and why. They are found by the text of their line, so that moving code
 * keeps them; one that a test kills after all is reported.
 */
export interface Equivalent {
  /** Relative to the project. */
  readonly file: string
  /** The line as it stands, trimmed. */
  readonly code: string
  /** As `Mutant.change`. */
  readonly changes: readonly string[]
  readonly why: string
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: 'src/consensus/pow.ts',
    code: 'for (let offset = 24; offset >= 0; offset -= 8) value = (value << 64n) | view.getBigUint64(offset, true)',
    changes: ['0 -> -1'],
    why: 'Offsets are multiples of 8.',
  },
  {
    file: 'src/consensus/pow.ts',
    code: 'if (shifts >= 256n) return limit',
    changes: ['shifts >= 256n -> shifts > 256n', '256n -> 257n'],
    why: 'What 256 shifts give is over any limit, and is cut to it below.',
  },
  {
    file: 'src/consensus/pow.ts',
    code: '((195_766_423_245_049n * fraction +',
    changes: ['195_766_423_245_049n -> 195766423245050n', '195_766_423_245_049n -> 195766423245048n'],
    why: 'For none of the 65,536 fractions does the rounded sum change (tried).',
  },
  {
    file: 'src/consensus/pow.ts',
    code: '971_821_376n * fraction * fraction +',
    changes: ['971_821_376n -> 971821377n'],
    why: 'For none of the 65,536 fractions does the rounded sum change (tried).',
  },
  {
    file: 'src/consensus/pow.ts',
    code: 'if (target > limit) return limit',
    changes: ['target > limit -> target >= limit'],
    why: 'Where both are equal, either is returned.',
  },
  {
    file: 'src/consensus/locks.ts',
    code: 'return context.medianTimePast >= context.medianTimePastAt(Math.max(height - 1, 0)) + units * 512',
    changes: ['0 -> -1'],
    why: 'The genesis block, at height 0, makes no coins.',
  },
  {
    file: 'src/consensus/params.ts',
    code: 'export const MAX_PARAMS_BYTES = 128',
    changes: ['128 -> 127', '128 -> 129'],
    why: 'A round number above what the longest names and numbers take.',
  },
  {
    file: 'src/script/address.ts',
    code: 'for (let at = prefix.length; at < lower.length; at++) {',
    changes: ['at < lower.length -> at <= lower.length'],
    why: 'Tries one character more, of which no address of this length comes.',
  },
  {
    file: 'src/script/address.ts',
    code: 'if (at + 1 < lower.length) yield `${before}${lower[at + 1]}${lower[at]}${lower.slice(at + 2)}`',
    changes: [
      'at + 1 < lower.length -> (at + 1) <= lower.length',
      'at + 1 < lower.length -> true',
      'at + 1 -> at - 1',
      '1 -> 0',
    ],
    why: 'Tries the last character swapped with nothing, of which no address comes.',
  },
  {
    file: 'src/script/taproot.ts',
    code: 'if (tweak >= Fn.ORDER) return undefined',
    changes: [
      'return undefined -> (nothing)',
      'tweak >= Fn.ORDER -> tweak > Fn.ORDER',
      'tweak >= Fn.ORDER -> false',
    ],
    why: 'BIP341 asks for it, but no input is known: one hash in 2^128 is that great.',
  },
  {
    file: 'src/script/taproot.ts',
    code: 'if (output.is0()) return undefined',
    changes: ['output.is0() -> false', 'return undefined -> (nothing)'],
    why: 'No input is known: the tweak, a hash of the key, would have to be its negated logarithm.',
  },
  {
    file: 'src/script/taproot.ts',
    code: "if (tweak >= Fn.ORDER || Fn.is0(tweaked)) throw new Error('This key has no taproot tweak')",
    changes: [
      'tweak >= Fn.ORDER || Fn.is0(tweaked) -> (tweak >= Fn.ORDER) && Fn.is0(tweaked)',
      'tweak >= Fn.ORDER || Fn.is0(tweaked) -> false',
      'tweak >= Fn.ORDER -> tweak > Fn.ORDER',
      "throw new Error('This key has no taproot tweak') -> (nothing)",
    ],
    why: 'No input is known: one hash in 2^128 is that great, or the negated secret key.',
  },
  {
    file: 'src/script/script-number.ts',
    code: 'if (value < 0) bytes[length - 1] |= 0x80',
    changes: ['value < 0 -> value <= 0', '0 -> 1'],
    why: 'Zero has no byte to set.',
  },
  {
    file: 'src/script/script-number.ts',
    code: 'if (last < 0) return 0',
    changes: ['return 0 -> (nothing)', 'last < 0 -> false', '0 -> -1'],
    why: 'What is read before the first byte counts as 0.',
  },
  {
    file: 'src/script/sighash.ts',
    code: 'return sha256(new Writer(9).compactSize(annex.length).finish(), annex)',
    changes: ['9 -> 10', '9 -> 8'],
    why: 'Only how much is reserved: a writer grows.',
  },
  {
    file: 'src/script/sighash.ts',
    code: "const unpacked = decodeWith(packed, 'outputs-decode-failed', (reader) => {",
    changes: ["'outputs-decode-failed' -> ''"],
    why: 'The code goes no further: what the caller packed itself is malformed, which throws.',
  },
  {
    file: 'src/script/taproot.ts',
    code: "return compareBytes(a, b) < 0 ? taggedHash('TapBranch', a, b) : taggedHash('TapBranch', b, a)",
    changes: ['compareBytes(a, b) < 0 -> compareBytes(a, b) <= 0'],
    why: 'Equal nodes are the same in either order.',
  },
  {
    file: 'src/script/taproot.ts',
    code: 'pathBytes >= 0 &&',
    changes: ['0 -> -1'],
    why: 'A path of -1 bytes is no multiple of 32.',
  },
  {
    file: 'src/script/taproot.ts',
    code: 'const prefix = new Writer(10).u8(leafVersion).compactSize(script.length).finish()',
    changes: ['10 -> 11', '10 -> 9'],
    why: 'Only how much is reserved: a writer grows.',
  },
  {
    file: 'src/script/script-number.ts',
    code: 'for (let i = 0; i < length; i++) {',
    changes: ['i < length -> i <= length'],
    why: 'What is written behind the last byte is dropped.',
  },
  {
    file: 'src/script/script-number.ts',
    code: 'return last > 0 && (bytes[last - 1] & 0x80) !== 0',
    changes: ['last > 0 -> last >= 0', '0 -> -1'],
    why: 'What is read before the first byte counts as 0.',
  },
  {
    file: 'src/script/script-number.ts',
    code: 'return last >= 0 && (element[last] & 0x7f) !== 0',
    changes: ['0 -> -1'],
    why: 'What is read before the first byte counts as 0.',
  },
  {
    file: 'src/script/opcodes.ts',
    code: 'private dataOffset = 0',
    changes: ['0 -> 1', '0 -> -1'],
    why: 'Reading an opcode sets it, and nobody asks for data before.',
  },
  {
    file: 'src/script/opcodes.ts',
    code: 'if (length < OP_PUSHDATA1) return opcode === length',
    changes: ['length < OP_PUSHDATA1 -> length <= OP_PUSHDATA1'],
    why: 'A length of 76 and the opcode for it, OP_PUSHDATA1, are the same number.',
  },
  {
    file: 'src/script/opcode-names.ts',
    code: "if (typeof value === 'number') NAMES.set(value, name)",
    changes: ["typeof value === 'number' -> true"],
    why: 'The other exports are functions, which are no opcode to ask for.',
  },
  {
    file: 'src/script/opcode-names.ts',
    code: 'if (opcode > opcodes.OP_1 && opcode < opcodes.OP_16) return `OP_${opcode - opcodes.OP_1 + 1}`',
    changes: [
      'opcode > opcodes.OP_1 -> opcode >= opcodes.OP_1',
      'opcode < opcodes.OP_16 -> opcode <= opcodes.OP_16',
    ],
    why: 'OP_1 and OP_16 are constants of that name.',
  },
  {
    file: 'src/script/verify-input.ts',
    code: 'const GROUP_SIGNATURES = 512',
    changes: ['512 -> 513', '512 -> 511'],
    why: 'How many signatures share a call changes no verdict: a number about which batches pay off.',
  },
  {
    file: 'src/script/verify-input.ts',
    code: 'if (group.length < GROUP_SIGNATURES) continue',
    changes: ['group.length < GROUP_SIGNATURES -> group.length <= GROUP_SIGNATURES'],
    why: 'How many signatures share a call changes no verdict.',
  },
  {
    file: 'src/consensus/checks.ts',
    code: 'Transaction.identify(transactions)',
    changes: ['Transaction.identify(transactions) -> (nothing)'],
    why: 'Only faster: an identifier is made when it is asked for.',
  },
  {
    file: 'src/consensus/checks.ts',
    code: 'const FEW_INPUTS = 8',
    changes: ['8 -> 9', '8 -> 7'],
    why: 'Only faster: either way finds an outpoint that is spent twice.',
  },
  {
    file: 'src/consensus/checks.ts',
    code: 'if (inputs.length <= FEW_INPUTS) {',
    changes: [
      'inputs.length <= FEW_INPUTS -> inputs.length < FEW_INPUTS',
      'inputs.length <= FEW_INPUTS -> inputs.length > FEW_INPUTS',
      'inputs.length <= FEW_INPUTS -> true',
      'inputs.length <= FEW_INPUTS -> false',
    ],
    why: 'Only faster: either way finds an outpoint that is spent twice. Of several, the sentence may name another.',
  },
  {
    file: 'src/consensus/snapshot.ts',
    code: 'for (let i = 0; i < COIN_RECORD_BYTES; i++) chunk[this.filled + i] = records[offset + i]',
    changes: ['i < COIN_RECORD_BYTES -> i <= COIN_RECORD_BYTES'],
    why: 'The byte behind a record is written by the next one, or not hashed.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'let keyHash = 0',
    changes: ['0 -> 1', '0 -> -1'],
    why: 'No salt stands beside it, so that nobody takes it for a hash.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'let keySalt0 = -1',
    changes: ['-1 -> 1', '1 -> 0', '1 -> 2'],
    why: 'Set when the first key is taken in.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'let keySalt1 = -1',
    changes: ['-1 -> 1', '1 -> 0', '1 -> 2'],
    why: 'The other half says that there is no hash.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'if (prevout === keyOutpoint) return',
    changes: ['prevout === keyOutpoint -> false', 'return -> (nothing)'],
    why: 'Only faster: the same key is taken in again.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'stageBytes(prevout.txid, 0, OUTPOINT_BYTES - 4)',
    changes: ['4 -> 3', 'OUTPOINT_BYTES - 4 -> OUTPOINT_BYTES + 4'],
    why: 'The bytes behind the txid are written again by the index, or dropped.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'keyOutpoint = prevout',
    changes: ['keyOutpoint = prevout -> (nothing)'],
    why: 'Only faster: the same key is taken in again.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'for (let i = 0; i < count; i++) key.bytes[i] = bytes[offset + i]',
    changes: ['i < count -> i <= count'],
    why: 'The byte behind is written again by the index, or dropped.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'keySalt0 = -1',
    changes: ['1 -> 2'],
    why: 'No salt is negative.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'constructor(recordBytes: number, salt: Uint8Array, expected = 0) {',
    changes: ['0 -> 1', '0 -> -1'],
    why: 'There is room for 16 at least.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'for (let i = OUTPOINT_BYTES; i < this.recordBytes; i++) bytes[start + i] = source[offset + i]',
    changes: ['i < this.recordBytes -> i <= this.recordBytes'],
    why: 'A record is appended: the byte behind it belongs to none.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'return this.segments[record >>> SEGMENT_SHIFT]',
    changes: ['record >>> SEGMENT_SHIFT -> record >> SEGMENT_SHIFT'],
    why: 'There are fewer than 2^31 records.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'if (keySalt0 !== this.salt0 || keySalt1 !== this.salt1) {',
    changes: ['keySalt0 !== this.salt0 || keySalt1 !== this.salt1 -> true'],
    why: 'Only faster: the hash comes out the same.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'keySalt0 = this.salt0',
    changes: ['keySalt0 = this.salt0 -> (nothing)'],
    why: 'Only faster: the hash is made again.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'keySalt1 = this.salt1',
    changes: ['keySalt1 = this.salt1 -> (nothing)'],
    why: 'Only faster: the hash is made again.',
  },
  {
    file: 'src/consensus/outpoint-table.ts',
    code: 'for (let i = 0; i < OUTPOINT_WORDS; i++) words[start + i] = key.words[i]',
    changes: ['i < OUTPOINT_WORDS -> i <= OUTPOINT_WORDS'],
    why: 'A record is appended: what follows its key is written after it.',
  },
  {
    file: 'src/consensus/coin-table.ts',
    code: 'view.setUint32(offset, coin.value >>> 0, true)',
    changes: ['coin.value >>> 0 -> coin.value >> 0', 'coin.value >>> 0 -> coin.value << 0'],
    why: 'What is written are the same 32 bits.',
  },
  {
    file: 'src/consensus/coin-table.ts',
    code: 'view.setUint32(offset + 8, ((coin.height << 1) | (coin.coinbase ? 1 : 0)) >>> 0, true)',
    changes: [
      '((coin.height << 1) | (coin.coinbase ? 1 : 0)) >>> 0 -> ((coin.height << 1) | (coin.coinbase ? 1 : 0)) >> 0',
      '((coin.height << 1) | (coin.coinbase ? 1 : 0)) >>> 0 -> ((coin.height << 1) | (coin.coinbase ? 1 : 0)) << 0',
    ],
    why: 'What is written are the same 32 bits.',
  },
  {
    file: 'src/consensus/coin-table.ts',
    code: 'const ADDED = 1',
    changes: ['1 -> 0'],
    why: 'Only that the three differ matters.',
  },
  {
    file: 'src/consensus/coin-table.ts',
    code: 'const REPLACED = 3',
    changes: ['3 -> 4'],
    why: 'Only that the three differ matters.',
  },
  {
    file: 'src/script/interpreter.ts',
    code: 'this.position = -1',
    changes: ['1 -> 2'],
    why: 'Any negative number says that no opcode is being executed.',
  },
  {
    file: 'src/script/interpreter.ts',
    code: 'private firstFalse = -1',
    changes: ['1 -> 2'],
    why: 'Any negative number says that none is false.',
  },
  {
    file: 'src/script/interpreter.ts',
    code: 'if (this.firstFalse === this.size) this.firstFalse = -1',
    changes: ['1 -> 2'],
    why: 'Any negative number says that none is false.',
  },
  {
    file: 'src/script/interpreter.ts',
    code: 'else if (this.firstFalse === last) this.firstFalse = -1',
    changes: ['1 -> 2'],
    why: 'Any negative number says that none is false.',
  },
  {
    file: 'src/script/interpreter.ts',
    code: 'for (let i = at + 1; i < elements.length; i++) elements[i - 1] = elements[i]',
    changes: ['i < elements.length -> i <= elements.length'],
    why: 'The last place, which it would write, is taken off below.',
  },
  {
    file: 'src/script/interpreter.ts',
    code: 'const key = this.codeSeparatorPosition * 0x100 + hashType',
    changes: [
      '0x100 -> 257',
      'this.codeSeparatorPosition * 0x100 + hashType -> (this.codeSeparatorPosition * 0x100) - hashType',
    ],
    why: 'No two pairs have one key: hash types differ by less than 256.',
  },
  {
    file: 'src/script/interpreter.ts',
    code: 'if (message) this.sighashes.set(key, message)',
    changes: ['message -> true'],
    why: 'What is undefined is asked for again.',
  },
  {
    file: 'src/script/sighash.ts',
    code: 'this.singleHashes.set(index, hash)',
    changes: ['this.singleHashes.set(index, hash) -> (nothing)'],
    why: 'Only faster: the hash is made again.',
  },
  {
    file: 'src/script/sighash.ts',
    code: 'if (!hash) {',
    changes: ['!hash -> true'],
    why: 'Only faster: the hash is made again.',
  },
  {
    file: 'src/consensus/coin-table.ts',
    code: 'if (found < 0 && this.base.read(prevout, passing, 0))',
    changes: ['0 -> 1 #2', '0 -> -1 #2'],
    why: 'Only whether there is a coin is asked for.',
  },
  {
    file: 'src/consensus/snapshot.ts',
    code: 'for (let i = 35; i >= 32; i--) {',
    changes: ['32 -> 31'],
    why: 'The byte before the index, of the txid, was compared above and is equal.',
  },
  {
    file: 'src/script/opcodes.ts',
    code: 'if (at >= script.length) return false',
    changes: [
      'at >= script.length -> at > script.length',
      'at >= script.length -> false',
      'return false -> (nothing)',
    ],
    why: 'An opcode behind the end fits no script: the last check says no as well.',
  },
]
