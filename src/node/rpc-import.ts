/** RPC: what `importdescriptors` reads and does. A wallet follows one account: a receiving branch, and one for change. */
import { MAX_ISSUED } from '../wallet/address-book.ts'
import { branchesOf, type Descriptor, joinBranches, parseDescriptor } from '../wallet/descriptor.ts'
import { birthBlock } from '../wallet/ledger-follower.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RPC_WALLET_ERROR, RpcError } from './rpc-error.ts'
import { flag, integer, optional, type Parameter, parameter, text, wrongType } from './rpc-method.ts'
import { list, object, unused } from './rpc-parameters.ts'
import { unwrap } from './rpc-wallet-error.ts'
import { walletCalled } from './wallet-choice.ts'

const INDEX = integer('index', '', 0, MAX_ISSUED)

const TIMESTAMP: Parameter<number | 'now', number | 'now', 'timestamp'> = parameter(
  'timestamp',
  'seconds since 1970 before which it received nothing, 0 where that is not known; or "now"',
  (value) => (value === 'now' ? value : integer('timestamp', '', 0, Number.MAX_SAFE_INTEGER).parse(value)),
  'a whole number or "now"',
)

const RANGE: Parameter<readonly [number, number], number | readonly number[], 'range'> = parameter(
  'range',
  'index of the last key, or of first and last; the wallet looks 20 keys beyond the last used one by itself',
  (value) => {
    if (!Array.isArray(value)) return [0, INDEX.parse(value)]
    if (value.length !== 2) throw wrongType('range', 'a number or two', value)
    const [first, last] = [INDEX.parse(value[0]), INDEX.parse(value[1])]
    if (first <= last) return [first, last]
    throw new RpcError(RPC_INVALID_PARAMETER, 'range must be [first, last], the smaller one first.')
  },
  'a whole number or a pair of them',
)

const REQUEST = object('request', '{"desc", "timestamp", …}', {
  desc: text('desc', 'a descriptor with its checksum'),
  timestamp: TIMESTAMP,
  active: optional(
    flag('active', 'changes nothing: a wallet gives out addresses of what it follows'),
    undefined,
  ),
  range: optional(RANGE, undefined),
  // What listdescriptors answers is taken as it is.
  next: unused('next'),
  next_index: optional(integer('next_index', 'index of the next address to give out', 0, MAX_ISSUED), 0),
  internal: optional(flag('internal', 'whether it is the branch for change'), false),
  label: optional(text('label', 'not of a descriptor that ends in /*'), undefined),
})

type Request = ReturnType<typeof REQUEST.parse>

export const REQUESTS = list('requests', 'what to watch', REQUEST)

/** A request that was understood. */
interface Wanted extends Request {
  readonly descriptor: Descriptor
}

interface Outcome {
  readonly success: boolean
  readonly warnings?: readonly string[]
  readonly error?: { readonly code: number; readonly message: string }
}

/** Carries out what can be, one outcome a request. Resolves when the chain is searched. */
export async function importDescriptors(
  node: NodeCore,
  wallet: Wallet,
  requests: readonly Request[],
): Promise<readonly Outcome[]> {
  if (wallet.signer.status().state !== 'none')
    throw new RpcError(
      RPC_WALLET_ERROR,
      'This wallet has its keys here, and follows what they give. Make one with disable_private_keys to watch another account.',
    )
  const read = requests.map((request) => outcomeOf(() => readRequest(request)))
  const wanted = read.flatMap((one) => ('wanted' in one ? [one.wanted] : []))
  const { account } = wallet
  const followed = account ? unwrap(parseDescriptor(account.descriptor)) : accountOf(wanted)
  const taken = followed ? wanted.filter((one) => belongs(one, followed)) : []
  if (followed && taken.length > 0) await follow(node, wallet, followed, taken)
  return read.map((one) => {
    if (!('wanted' in one)) return one
    if (!followed || !taken.includes(one.wanted))
      return { success: false, error: errorJson(notFollowed(followed)) }
    const warnings = warningsOf(node, wallet, one.wanted)
    return { success: true, ...(warnings.length > 0 && { warnings }) }
  })
}

function readRequest(request: Request): Wanted {
  const { desc, label, range, next_index: next, internal } = request
  if (/^tr\(.*[xt]prv/.test(desc))
    throw new RpcError(
      RPC_WALLET_ERROR,
      'It holds a private key (xprv), and this wallet has no keys. Use its public one (xpub): whoever has the private key has the coins.',
    )
  if (!desc.includes('#'))
    throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, 'The checksum lacks: getdescriptorinfo tells it.')
  const parsed = parseDescriptor(desc)
  if (!parsed.ok) throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, parsed.detail)
  const { ranged, branches } = parsed.value
  if (!ranged)
    throw new RpcError(
      RPC_WALLET_ERROR,
      'It describes one address. A wallet here needs a descriptor that ends in /*, with one key an address.',
    )
  if (branches > 2)
    throw new RpcError(
      RPC_WALLET_ERROR,
      'It has more than two branches: a wallet has one to receive, and one for change.',
    )
  if (branches > 1 && internal)
    throw new RpcError(RPC_INVALID_PARAMETER, 'internal is of one branch: this descriptor has both.')
  if (label !== undefined)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      'A descriptor of many addresses has no label: name each with setlabel.',
    )
  if (range && (next < range[0] || next > range[1] + 1))
    throw new RpcError(RPC_INVALID_PARAMETER, 'next_index must lie in the range, or right behind it.')
  return { ...request, descriptor: parsed.value }
}

/** The account that requests describe: the first one of both branches, or two of a branch each; or one branch that serves for both. */
function accountOf(wanted: readonly Wanted[]): Descriptor | undefined {
  const whole = wanted.find(({ descriptor }) => descriptor.branches === 2)
  if (whole) return whole.descriptor
  const receiving = wanted.filter(({ internal }) => !internal)
  for (const { descriptor } of receiving)
    for (const change of wanted.filter(({ internal }) => internal)) {
      const joined = joinBranches(descriptor, change.descriptor)
      if (joined) return joined
    }
  return receiving[0]?.descriptor
}

/** Whether a request names an account, or the branch of it that it says. */
function belongs({ descriptor, internal }: Wanted, account: Descriptor): boolean {
  const texts = account.branches === 2 ? branchesOf(account) : [account.text]
  const own = descriptor.branches === 2 ? account.text : texts[internal ? 1 : 0]
  return own !== undefined && canonical(own) === canonical(descriptor.text)
}

/** Without what may be written in two ways, and without the checksum, which follows it. */
function canonical(text: string): string {
  return text
    .split('#')[0]!
    .replaceAll("'", 'h')
    .replace(/^tr\(\[([0-9a-fA-F]{8})/, (_, fingerprint: string) => `tr([${fingerprint.toLowerCase()}`)
}

/** Follows the account from the earliest time on that the requests name, and hands out what they say was. */
async function follow(
  { chain }: NodeCore,
  wallet: Wallet,
  descriptor: Descriptor,
  taken: readonly Wanted[],
): Promise<void> {
  // A time that the chain has yet to come to says no more than that nothing was received so far.
  const now = chain.headers.medianTimePast(chain.tip)
  const birthday = Math.min(now, ...taken.map(({ timestamp }) => (timestamp === 'now' ? now : timestamp)))
  const next = [false, true].map((change) =>
    Math.max(
      0,
      ...taken
        .filter(({ descriptor: { branches }, internal }) => branches === 2 || internal === change)
        .map(({ next_index }) => next_index),
    ),
  ) as [number, number]
  if (wallet.account === undefined)
    unwrap(await wallet.watch({ descriptor: descriptor.text, birthday }, next))
  else unwrap(await wallet.searchAgain(birthBlock(chain, birthday).height + 1, next))
  await wallet.settled()
}

function notFollowed(followed: Descriptor | undefined): RpcError {
  return new RpcError(
    RPC_WALLET_ERROR,
    followed
      ? 'A wallet follows one account, and this is of another. Make another wallet with disable_private_keys for it.'
      : 'It is a branch for change alone: import it together with the branch that receives.',
  )
}

function warningsOf({ wallets }: NodeCore, wallet: Wallet, { range, next_index: next }: Wanted): string[] {
  const { account } = wallet
  const others = (wallets?.all ?? []).filter(
    (other) => other !== wallet && account && other.account?.descriptor === account.descriptor,
  )
  const branches = wallet.branches()
  const looked = Math.max(next, ...branches.map(({ lookedFor }) => lookedFor))
  return [
    ...others.map(({ name }) => `${walletCalled(name)} follows the same account: every payment is in both.`),
    ...(branches.length === 1
      ? [
          'It is one branch, which serves to receive and for change. Where the wallet that has the keys keeps its change on another, that is not seen here: make another wallet, and import both branches into it at once.',
        ]
      : []),
    ...(range && range[1] >= looked
      ? [
          `Keys up to index ${looked - 1} were looked for. What was received beyond is found once earlier ones are used, or by importing this again with a greater next_index.`,
        ]
      : []),
  ]
}

function outcomeOf(read: () => Wanted): { readonly wanted: Wanted } | Outcome {
  try {
    return { wanted: read() }
  } catch (error) {
    if (error instanceof RpcError) return { success: false, error: errorJson(error) }
    throw error
  }
}

function errorJson({ code, message }: RpcError): { readonly code: number; readonly message: string } {
  return { code, message }
}
