/**
 * What programs of this computer may do with this tab, once its person has agreed: calls come over a line to the page's own server (`npm start --
 * --rpc`), and are decided on here. The line ends with the page, by the person, or with the server; nothing opens it again by itself. Thread: Window.
 */
import { RPC_INTERNAL_ERROR, RPC_WALLET_ERROR, RpcError, type RpcResponse } from '../../src/node/rpc-error.ts'
import { handler } from '../../src/node/rpc-method.ts'
import { byPosition } from '../../src/node/rpc-names.ts'
import { createWallet, wantedWallet } from '../../src/node/rpc-page-methods.ts'
import type { Opentab } from './opentab.ts'

/** What a person may allow. */
export type Allowed = 'read' | 'everything'

/** Bitcoin Core keeps this code, and has no use for it any more. */
export const RPC_FORBIDDEN_BY_SAFE_MODE = -2

/** Where the page's server takes the line. */
const LINE_PATH = '/rpc'

/** Why the server closed the line, by its code (`relay/tab-line.ts`). */
const REASONS: Readonly<Record<number, string>> = {
  4001: 'That is not the code. The server prints it when it is started, and a new one each time.',
  4002: 'Another tab answers programs already: switch that one off first.',
}

const UNREACHABLE =
  'The server of this page takes no programs. Start it by npm start -- --rpc, and open the page on the same computer as http://localhost.'

/** Methods that change nothing: neither chain, mempool and wallets, nor what the node does. What isn't named here takes "everything". */
export const READ_METHODS: ReadonlySet<string> = new Set(
  `analyzepsbt combinepsbt converttopsbt createpsbt createrawtransaction decode decodepsbt decoderawtransaction decodescript deriveaddresses
  estimatesmartfee finalizepsbt getaddressinfo getbalance getbalances getbestblockhash getblock getblockchaininfo getblockcount getblockfilter
  getblockhash getblockheader getblockstats getblocktemplate getchaintips getchaintxstats getconnectioncount getdescriptorinfo getinfo
  getmempoolancestors getmempooldescendants getmempoolentry getmempoolinfo getmininginfo getnettotals getnetworkinfo getnodeaddresses getpeerinfo
  getrawmempool getrawtransaction getroute getrpcinfo gettowerinfo gettransaction gettxout gettxoutproof gettxoutsetinfo gettxspendingprevout
  getwalletinfo help joinpsbts listbanned listchannels listdescriptors listfunds listinvoices listlockunspent listnodes listpays listpeerchannels
  listpeers listsinceblock listtowers listtransactions listunspent listwalletdir listwallets reviewinvoice reviewpsbt scanblocks scantxoutset search
  searchaddress testmempoolaccept uptime utxoupdatepsbt validateaddress verifymessage verifytxoutproof waitforblock waitforblockheight
  waitfornewblock waitinvoice`.split(/\s+/),
)

/** Methods that carry a passphrase or seed words, or answer with them: they are the page's own. */
export const SECRET_METHODS: ReadonlySet<string> = new Set([
  'walletpassphrase',
  'walletpassphrasechange',
  'revealmnemonic',
  'readmnemonic',
  'exportbackup',
  'importbackup',
  'restorewallet',
])

/** Asks the person for the passphrase of a wallet that is to be made; undefined where there is to be none. */
export type AskPassphrase = (wallet: string) => Promise<string | undefined>

/** Which method it is, the caller knows, and the node looks at. */
type AnyCall = (method: string, ...params: readonly unknown[]) => Promise<unknown>

/** Decides on a call, and makes it. Never rejects. */
export async function answerOutside(
  opentab: Opentab,
  allowed: Allowed,
  askPassphrase: AskPassphrase,
  { method, params, wallet }: Asked,
): Promise<RpcResponse> {
  try {
    if (SECRET_METHODS.has(method))
      throw forbidden(
        `${method} is for the page alone: passphrases and seed words pass no program. Do it in the tab.`,
      )
    if (allowed === 'read' && !READ_METHODS.has(method))
      throw forbidden(
        `The tab lets programs read, and ${method} does more. Whoever sits at the tab can allow everything.`,
      )
    if (method === 'createwallet') return { result: await makeWallet(opentab, askPassphrase, params) }
    const { rpc } = wallet === undefined ? opentab : opentab.wallet(wallet)
    return { result: await (rpc as unknown as AnyCall)(method, ...params) }
  } catch (error) {
    const { code, message } = error as Partial<RpcError>
    return {
      error: {
        code: typeof code === 'number' ? code : RPC_INTERNAL_ERROR,
        message: typeof message === 'string' ? message : String(error),
      },
    }
  }
}

/** The person chooses the passphrase in the tab; the seed words stay there. */
function makeWallet(
  opentab: Opentab,
  askPassphrase: AskPassphrase,
  params: readonly unknown[],
): Promise<unknown> {
  const make = handler(createWallet, async (...given) => {
    const { name, watchOnly, loadOnStartup, passphrase } = wantedWallet(...given)
    const { words, wordcount, mnemonicpassphrase } = given[1]
    if (passphrase || words !== undefined || mnemonicpassphrase !== '')
      throw forbidden(
        'Leave passphrase and words away: the tab asks its person for the passphrase of a new wallet.',
      )
    if (watchOnly)
      return opentab.rpc('createwallet', name, { disable_private_keys: true, load_on_startup: loadOnStartup })
    const chosen = await askPassphrase(name)
    if (chosen === undefined)
      throw new RpcError(RPC_WALLET_ERROR, 'The person at the tab made no wallet. Nothing was changed.')
    const options = { passphrase: chosen, load_on_startup: loadOnStartup }
    const { mnemonic: _, ...told } = await opentab.rpc(
      'createwallet',
      name,
      wordcount === undefined ? options : { ...options, wordcount },
    )
    return told
  })
  return make(byPosition(createWallet, params))
}

function forbidden(sentence: string): RpcError {
  return new RpcError(RPC_FORBIDDEN_BY_SAFE_MODE, sentence)
}

/** A call of a program. */
interface Asked {
  readonly method: string
  readonly params: readonly unknown[]
  readonly wallet?: string
}

/** The tab's line to programs, of which a page has one. Tells `change` events. */
export class Outside extends EventTarget {
  /** What is allowed; undefined while the line is closed. */
  allowed: Allowed | undefined
  /** Calls that were made, since the line was opened. */
  calls = 0
  #line: WebSocket | undefined

  /** Opens the line. `code`: what the server printed. Rejects with an Error whose message is a sentence for people. */
  open(opentab: Opentab, allowed: Allowed, code: string, askPassphrase: AskPassphrase): Promise<void> {
    this.close()
    const line = new WebSocket(new URL(LINE_PATH, location.href.replace(/^http/, 'ws')))
    this.#line = line
    return new Promise((resolve, reject) => {
      line.onopen = () => line.send(code.trim().toLowerCase())
      line.onclose = ({ code: why }) => {
        if (this.#line === line) this.#closed()
        reject(new Error(REASONS[why] ?? UNREACHABLE))
      }
      line.onmessage = () => {
        this.allowed = allowed
        this.calls = 0
        line.onmessage = ({ data }) => void this.#answer(line, data, opentab, askPassphrase)
        this.#changed()
        resolve()
      }
    })
  }

  /** Takes back what was allowed. Calls under way are carried out, and answered to nobody. */
  close(): void {
    const line = this.#line
    this.#closed()
    line?.close()
  }

  async #answer(
    line: WebSocket,
    data: string,
    opentab: Opentab,
    askPassphrase: AskPassphrase,
  ): Promise<void> {
    const { id, ...asked } = JSON.parse(data) as Asked & { readonly id: number }
    if (this.#line !== line || this.allowed === undefined) return
    this.calls++
    this.#changed()
    const response = await answerOutside(opentab, this.allowed, askPassphrase, asked)
    if (line.readyState === WebSocket.OPEN) line.send(JSON.stringify({ id, ...response }))
  }

  #closed(): void {
    this.#line = undefined
    this.allowed = undefined
    this.#changed()
  }

  #changed(): void {
    this.dispatchEvent(new Event('change'))
  }
}

/** This page's. */
export const outside = new Outside()
