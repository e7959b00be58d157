/**
 * The search for a nonce as a program of 32-bit words: SHA-256d of a block header, of which only the nonce changes and only the last word
 * of the result is looked at. What is known beforehand is folded away: literals when the program is made, what hangs on the rest of
 * the header once a job. Words that nobody asks for, such as the last three rounds, are never written. `sources.ts` writes the kernels.
 */

/** A word of the program. Equal expressions are one object. */
export interface Word {
  readonly id: number
  /** `header`: the big-endian word of that index. `nonce`: its four bytes in the header, big-endian. */
  readonly op: 'literal' | 'header' | 'nonce' | 'add' | 'xor' | 'rotr' | 'shr' | 'ch' | 'maj'
  /** When its value is known: before the program runs, once for all nonces of a header, or only with the nonce. */
  readonly known: 'always' | 'job' | 'never'
  readonly args: readonly Word[]
  /** Of a literal. */
  readonly value: number
  /** Of a header's word. */
  readonly index: number
  /** Bits of a rotation or shift. */
  readonly count: number
}

/** The last of the eight words of SHA-256d of a header: its bytes are the most significant ones of the hash as a number. */
export function lastHashWord(): Word {
  const b = new Builder()
  const initial = INITIAL.map((value) => b.literal(value))
  const zeros = (count: number): Word[] => Array.from({ length: count }, () => b.literal(0))
  const padding = b.literal(0x80000000)
  const header = Array.from({ length: 19 }, (_, index) => b.leaf('header', index))
  const midstate = compress(b, initial, header.slice(0, 16))
  const tail = [...header.slice(16), b.leaf('nonce'), padding, ...zeros(10), b.literal(80 * 8)]
  const first = compress(b, midstate, tail)
  return compress(b, initial, [...first, padding, ...zeros(6), b.literal(32 * 8)])[7]
}

/** The compression function (FIPS 180-4, section 6.2.2). */
function compress(b: Builder, state: readonly Word[], block: readonly Word[]): Word[] {
  const schedule = [...block]
  for (let t = 16; t < 64; t++) {
    const [w15, w2] = [schedule[t - 15], schedule[t - 2]]
    const s0 = b.xor(b.rotr(w15, 7), b.rotr(w15, 18), b.shr(w15, 3))
    const s1 = b.xor(b.rotr(w2, 17), b.rotr(w2, 19), b.shr(w2, 10))
    schedule.push(b.add(schedule[t - 16], s0, schedule[t - 7], s1))
  }
  let words = state
  schedule.forEach((w, t) => {
    const [x, y, z, u, e, f, g, h] = words
    const s1 = b.xor(b.rotr(e, 6), b.rotr(e, 11), b.rotr(e, 25))
    const s0 = b.xor(b.rotr(x, 2), b.rotr(x, 13), b.rotr(x, 22))
    const t1 = b.add(h, b.literal(K[t]), w, b.ch(e, f, g), s1)
    words = [b.add(t1, b.maj(x, y, z), s0), x, y, z, b.add(u, t1), e, f, g]
  })
  return words.map((word, i) => b.add(word, state[i]))
}

type Operation = 'add' | 'xor' | 'rotr' | 'shr' | 'ch' | 'maj'

class Builder {
  private readonly words = new Map<string, Word>()

  literal(value: number): Word {
    return this.unique({ op: 'literal', known: 'always', value: value >>> 0 })
  }

  leaf(op: 'header' | 'nonce', index = 0): Word {
    return this.unique({ op, known: op === 'header' ? 'job' : 'never', index })
  }

  /** Sum modulo 2^32. Literals become one, and it is added to what a job knows before the nonce comes in. */
  add(...terms: readonly Word[]): Word {
    const value = terms.reduce((sum, term) => sum + term.value, 0) >>> 0
    const job = terms.filter(({ known }) => known === 'job')
    const rest = terms.filter(({ known }) => known === 'never')
    if (value !== 0 || job.length + rest.length === 0) job.push(this.literal(value))
    const known = job.length === 0 ? [] : [this.fold('add', job)]
    return this.fold('add', [...rest, ...known])
  }

  xor(...terms: readonly Word[]): Word {
    if (terms.every(({ known }) => known === 'always'))
      return this.literal(terms.reduce((sum, { value }) => sum ^ value, 0))
    return this.fold('xor', terms)
  }

  rotr(word: Word, count: number): Word {
    const { known, value } = word
    if (known === 'always') return this.literal((value >>> count) | (value << (32 - count)))
    return this.operation('rotr', [word], count)
  }

  shr(word: Word, count: number): Word {
    return word.known === 'always' ? this.literal(word.value >>> count) : this.operation('shr', [word], count)
  }

  /** Bits of `f` where those of `e` are set, of `g` elsewhere. */
  ch(e: Word, f: Word, g: Word): Word {
    return this.ternary('ch', [e, f, g], (e.value & f.value) | (~e.value & g.value))
  }

  /** Bits that two of the three have at least. */
  maj(x: Word, y: Word, z: Word): Word {
    return this.ternary('maj', [x, y, z], (x.value & y.value) | (z.value & (x.value | y.value)))
  }

  private ternary(op: 'ch' | 'maj', args: readonly Word[], value: number): Word {
    return args.every(({ known }) => known === 'always') ? this.literal(value) : this.operation(op, args)
  }

  /** Two at a time, from left to right. */
  private fold(op: 'add' | 'xor', terms: readonly Word[]): Word {
    return terms.reduce((sum, term) => this.operation(op, [sum, term]))
  }

  private operation(op: Operation, args: readonly Word[], count = 0): Word {
    return this.unique({
      op,
      known: args.some(({ known }) => known === 'never') ? 'never' : 'job',
      args,
      count,
    })
  }

  private unique(fields: Pick<Word, 'op' | 'known'> & Partial<Word>): Word {
    const word = { id: this.words.size, args: [], value: 0, index: 0, count: 0, ...fields }
    const key = [word.op, word.value, word.index, word.count, ...word.args.map(({ id }) => id)].join(' ')
    const found = this.words.get(key)
    if (!found) this.words.set(key, word)
    return found ?? word
  }
}

const PRIMES: number[] = []
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every((prime) => n % prime !== 0)) PRIMES.push(n)

/** Round constants (FIPS 180-4, section 4.2.2) and initial hash value (5.3.3): fractions of the roots of the first primes. */
const K = PRIMES.map((prime) => rootFraction(prime, 3n))
const INITIAL = PRIMES.slice(0, 8).map((prime) => rootFraction(prime, 2n))

/** The first 32 bits of the fraction of a square or cube root. */
function rootFraction(value: number, degree: 2n | 3n): number {
  const power = BigInt(value) << (32n * degree)
  let low = 0n
  let high = 1n << 40n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** degree <= power) low = middle
    else high = middle
  }
  return Number(BigInt.asUintN(32, low))
}
