/**
 * The search for a nonce (`program.ts`) in the languages of the kernels: AssemblyScript on one nonce or on four at a time, and WGSL. Each kernel
 * looks at the last word of the hash alone: a nonce that it finds is a candidate, which the plain kernel decides.
 */
import { lastHashWord, type Word } from './program.ts'

/** How a language writes words. */
interface Dialect {
  /** Declares a word that is never changed. */
  readonly declare: string
  literal(value: number): string
  /** A word that was computed once for the job, by its number. */
  job(index: number): string
  add(a: string, b: string): string
  xor(a: string, b: string): string
  rotr(a: string, count: number): string
  shr(a: string, count: number): string
  ch(e: string, f: string, g: string): string
  maj(a: string, b: string, c: string): string
}

const SCALAR: Dialect = {
  declare: 'const',
  literal: (value) => `<i32>${value | 0}`,
  job: (index) => `load<i32>(WORDS, ${index * 4})`,
  add: (a, b) => `${a} + ${b}`,
  xor: (a, b) => `${a} ^ ${b}`,
  rotr: (a, count) => `rotr<i32>(${a}, ${count})`,
  shr: (a, count) => `${a} >>> ${count}`,
  ch: (e, f, g) => `${g} ^ (${e} & (${f} ^ ${g}))`,
  maj: (a, b, c) => `(${a} & ${b}) | (${c} & (${a} | ${b}))`,
}

const SIMD: Dialect = {
  declare: 'const',
  // Engines make up a constant vector in several steps each time; a load is faster.
  literal: (value) => `v128.load(LITERALS, ${LITERALS.indexOf(value) * 16})`,
  job: (index) => `v128.load(SPLATS, ${index * 16})`,
  add: (a, b) => `i32x4.add(${a}, ${b})`,
  xor: (a, b) => `v128.xor(${a}, ${b})`,
  rotr: (a, count) => `v128.or(i32x4.shr_u(${a}, ${count}), i32x4.shl(${a}, ${32 - count}))`,
  shr: (a, count) => `i32x4.shr_u(${a}, ${count})`,
  ch: (e, f, g) => `v128.bitselect(${f}, ${g}, ${e})`,
  // Where a and b differ, c decides.
  maj: (a, b, c) => `v128.bitselect(${c}, ${a}, v128.xor(${a}, ${b}))`,
}

const WGSL: Dialect = {
  declare: 'let',
  literal: (value) => `${value}u`,
  job: (index) => `job.words[${index}]`,
  add: (a, b) => `${a} + ${b}`,
  xor: (a, b) => `${a} ^ ${b}`,
  rotr: (a, count) => `(${a} >> ${count}u) | (${a} << ${32 - count}u)`,
  shr: (a, count) => `${a} >> ${count}u`,
  ch: (e, f, g) => `${g} ^ (${e} & (${f} ^ ${g}))`,
  maj: (a, b, c) => `(${a} & ${b}) | (${c} & (${a} | ${b}))`,
}

const RESULT = lastHashWord()
/** What the search takes from the job, each by its number. */
const JOB_WORDS = inputWords(RESULT, 'job')
/** The literals of the search. */
const LITERALS = inputWords(RESULT, 'always').map(({ value }) => value)

/** Invocations of a workgroup, and of a row of workgroups: WebGPU allows 65,535 workgroups a row and as many rows. */
const WORKGROUP = 64
const ROW = 1_024 * WORKGROUP

/**
 * A module in AssemblyScript: `header` is where the 80 bytes go, `prepare` does what is done once for them, `words` is where its results lie
 * (`wordCount` of 32 bits each) for the graphics card. `search` gives the first nonce of `count` from `start` on whose hash has a most
 * significant word of at most `highest`, −1 for none.
 */
export function assemblyScript(simd: boolean): string {
  const prepare = write(JOB_WORDS, SCALAR, ({ op, index }) =>
    op === 'header' ? `bswap<i32>(load<i32>(HEADER, ${index * 4}))` : undefined,
  )
  const stores = prepare.names.map((name, i) => [
    `store<i32>(WORDS, ${name}, ${i * 4})`,
    ...(simd ? [`v128.store(SPLATS, i32x4.splat(${name}), ${i * 16})`] : []),
  ])
  return `
const HEADER: usize = memory.data(80, 16)
const WORDS: usize = memory.data(${JOB_WORDS.length * 4}, 16)
${simd ? simdData() : ''}

export function header(): usize { return HEADER }
export function words(): usize { return WORDS }
export function wordCount(): i32 { return ${JOB_WORDS.length} }

export function prepare(): void {
${[...prepare.lines, ...stores.flat()].join('\n')}
}

export function search(start: u32, count: f64, highest: u32): f64 {
  const end = min<u64>(<u64>start + <u64>count, 0x1_0000_0000)
${simd ? simdLoop() : scalarLoop()}
  return -1
}
`
}

function scalarLoop(): string {
  const { lines, names } = search(SCALAR)
  return `
  for (let at: u64 = start; at < end; at++) {
    const nonce = bswap<i32>(<i32>at)
${lines.join('\n')}
    if (bswap<u32>(<u32>${names[0]}) <= highest) return <f64>at
  }`
}

/** The bytes of each of the four words reversed. */
const SWAPPED = (word: string): string =>
  `i8x16.swizzle(${word}, i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))`

/** Four times each: what hangs on the job, and the literals. */
function simdData(): string {
  const literals = LITERALS.flatMap((value) => Array(4).fill(value | 0))
  return `
const SPLATS: usize = memory.data(${JOB_WORDS.length * 16}, 16)
const LITERALS: usize = memory.data<i32>([${literals.join(', ')}], 16)`
}

/** Four nonces at a time; those beyond the end are looked at and forgotten. */
function simdLoop(): string {
  const { lines, names } = search(SIMD)
  return `
  const limit = i32x4.splat(highest)
  let nonces = i32x4.add(i32x4.splat(start), i32x4(0, 1, 2, 3))
  for (let at: u64 = start; at < end; at += 4) {
    const nonce = ${SWAPPED('nonces')}
${lines.join('\n')}
    const hits = i32x4.bitmask(i32x4.le_u(${SWAPPED(names[0])}, limit))
    if (hits != 0) {
      const hit = at + ctz(hits)
      return hit < end ? <f64>hit : -1
    }
    nonces = i32x4.add(nonces, i32x4.splat(4))
  }`
}

/**
 * A shader: one invocation a nonce, numbered over rows of `ROW` invocations. `first` takes the least offset from `start` of a candidate.
 */
export function wgsl(): string {
  const { lines, names } = search(WGSL)
  return `struct Job {
  start: u32,
  count: u32,
  highest: u32,
  words: array<u32, ${JOB_WORDS.length}>,
}

@group(0) @binding(0) var<storage, read> job: Job;
@group(0) @binding(1) var<storage, read_write> first: atomic<u32>;

fn swapped(word: u32) -> u32 {
  return (word << 24u) | ((word & 0xff00u) << 8u) | ((word >> 8u) & 0xff00u) | (word >> 24u);
}

@compute @workgroup_size(${WORKGROUP})
fn search(@builtin(global_invocation_id) id: vec3<u32>) {
  let offset = id.x + id.y * ${ROW}u;
  if (offset >= job.count) { return; }
  let nonce = swapped(job.start + offset);
${lines.map((line) => `${line};`).join('\n')}
  if (swapped(${names[0]}) <= job.highest) { atomicMin(&first, offset); }
}
`
}

/** The words of the program that are known then and go into one that hangs on the nonce. */
function inputWords(result: Word, known: 'always' | 'job'): Word[] {
  const found = new Set<Word>()
  const seen = new Set<Word>()
  const visit = (word: Word): void => {
    if (seen.has(word)) return
    seen.add(word)
    for (const arg of word.args) {
      if (word.known === 'never' && arg.known === known) found.add(arg)
      else visit(arg)
    }
  }
  visit(result)
  return [...found]
}

function search(dialect: Dialect) {
  return write([RESULT], dialect, (word) => {
    if (word.op === 'nonce') return 'nonce'
    const job = JOB_WORDS.indexOf(word)
    return job < 0 ? undefined : dialect.job(job)
  })
}

/** One line a word, behind those that it is made of, and the names of `results`. `given` is what needs no line. */
function write(
  results: readonly Word[],
  dialect: Dialect,
  given: (word: Word) => string | undefined,
): { lines: string[]; names: string[] } {
  const lines: string[] = []
  const written = new Map<Word, string>()
  const nameOf = (word: Word): string => {
    const known = written.get(word) ?? given(word)
    if (known !== undefined) return known
    if (word.op === 'literal') return dialect.literal(word.value)
    const name = `x${word.id}`
    lines.push(`${dialect.declare} ${name} = ${expression(word, word.args.map(nameOf), dialect)}`)
    written.set(word, name)
    return name
  }
  const names = results.map(nameOf)
  return { lines, names }
}

function expression({ op, count }: Word, [x, y, z]: readonly string[], dialect: Dialect): string {
  switch (op) {
    case 'add':
    case 'xor':
      return dialect[op](x, y)
    case 'rotr':
    case 'shr':
      return dialect[op](x, count)
    case 'ch':
    case 'maj':
      return dialect[op](x, y, z)
    default:
      throw new Error(`A kernel has no ${op}`)
  }
}
