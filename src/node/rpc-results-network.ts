/** What the RPC methods of node, mining, network and explorer answer, for `help` and for the types of their results. */
import {
  coins,
  either,
  feeRate,
  flag,
  hex,
  list,
  map,
  maybe,
  nothing,
  number,
  object,
  oneOf,
  text,
  time,
} from './rpc-result.ts'
import { NEXT_DIFFICULTY, WARNINGS } from './rpc-results-chain.ts'

export const controlResults = {
  getrpcinfo: object({
    active_commands: list(
      object({ method: text('its name'), duration: number('since it was called', 'microseconds') }),
      'this one among them',
    ),
    logpath: text('empty: the log is told by events'),
  }),
  logging: map('source', flag('whether its lines are told')),
  help: text('what you read'),
  stop: text('a sentence'),
  uptime: number('', 'seconds'),
} as const

const NEXT_BLOCK = {
  height: number(''),
  ...NEXT_DIFFICULTY,
  ease: number('doublings of its target because no block came'),
}

export const miningResults = {
  generateblock: object({
    hash: hex('hash of the block'),
    hex: maybe(hex('its bytes, where it was not kept')),
  }),
  generatetoaddress: list(hex('hash of a block')),
  getblocktemplate: object({
    version: number(''),
    previousblockhash: hex('hash of the tip'),
    merkleroot: hex('of these transactions'),
    rules: list(text('a rule that miners must know')),
    capabilities: list(text('what this answer can do')),
    longpollid: text('changes with tip and mempool'),
    transactions: list(
      object({
        data: hex('its bytes'),
        txid: hex('its id'),
        hash: hex('hash with witnesses'),
        depends: list(number('position of a transaction that it spends from, the first is 1')),
        fee: number('', 'satoshis'),
        weight: number('', 'weight units'),
      }),
      'without the coinbase',
    ),
    coinbasetxn: object({
      data: hex('its bytes'),
      txid: hex('its id'),
      hash: hex('hash with witnesses'),
    }),
    coinbasevalue: number('subsidy and fees', 'satoshis'),
    target: hex('what the hash must not exceed'),
    mintime: time('least that leaves the bits as they are'),
    maxtime: time('greatest that leaves the bits as they are, and that others take now'),
    mutable: list(text('time, where that may be changed')),
    noncerange: hex('all nonces'),
    sizelimit: number('the same: bytes weigh one unit at least', 'bytes'),
    weightlimit: number('', 'weight units'),
    curtime: time('of this template'),
    bits: hex('the target, compact'),
    height: number('of the block'),
    default_witness_commitment: hex('script of the coinbase’s last output'),
    block: hex('the whole block, to which a nonce lacks'),
  }),
  getmininginfo: object({
    blocks: number('height of the tip'),
    ...NEXT_DIFFICULTY,
    networkhashps: number('estimated from the latest blocks', 'hashes a second'),
    pooledtx: number('transactions that wait'),
    next: object(NEXT_BLOCK, 'the next block, if it is made now'),
    chain: text('name of the network'),
    currentblockweight: maybe(number('of the block that is searched', 'weight units')),
    currentblocktx: maybe(number('transactions of the block that is searched')),
    generate: flag('whether this tab mines'),
    threads: number('that search, or would'),
    maxthreads: number('that make sense on this machine'),
    throttle: number('share of the time that each works'),
    graphicscard: flag('whether the graphics card may search, too'),
    graphicscardproblem: maybe(text('why it doesn’t')),
    kernels: list(text('name of a kernel that searches')),
    hashespersec: number('of this tab', 'hashes a second'),
    blocksfound: number('by this tab since it was opened'),
    problem: maybe(text('why mining stopped by itself')),
    pause: maybe(text('why it rests for now')),
    warnings: WARNINGS,
  }),
  setgenerate: nothing(),
  setmocktime: nothing(),
  submitblock: either(nothing('it joined the chain'), text('"inconclusive" on a side branch, else a code')),
} as const

const CONDITIONS = {
  latency: maybe(number('that everything takes longer', 'milliseconds')),
  jitter: maybe(number('most that is drawn and added', 'milliseconds')),
  loss: maybe(number('share that is lost')),
  duplication: maybe(number('share of gossip that comes twice')),
  bandwidth: maybe(number('', 'bytes a second')),
  cut: maybe(flag('true: nothing comes through')),
}

export const networkResults = {
  allowlinkconditions: nothing(),
  getlinkconditions: object({
    takes_part: flag('whether this tab’s links may be shaped'),
    tabs: list(
      object({
        peerid: text('peer id'),
        takes_part: flag('whether its links may be shaped'),
        self: flag('it is this tab'),
      }),
      'all tabs that are heard, those among them that are cut off',
    ),
    requests: list(
      object({
        author: text('peer id of the tab that asks'),
        self: flag('it is this tab'),
        elapsed: number('since it asked', 'seconds'),
        groups: map('name', list(text('peer id'))),
        timetable: list(
          object({
            after: number('it holds from then on', 'seconds'),
            conditions: list(
              object({
                ...CONDITIONS,
                from: text('group, rest or all'),
                to: text('group, rest or all'),
              }),
            ),
          }),
        ),
        step: number('the one that holds, from 0; -1 before the first'),
      }),
      'what is asked for: all of it holds',
    ),
    links: list(
      object({
        peerid: text('peer id'),
        there: object(CONDITIONS, 'of what this tab says'),
        back: object(CONDITIONS, 'of what it hears'),
        ping: maybe(number('measured through the shaped link', 'seconds')),
      }),
      'connections, those among them that are cut off',
    ),
  }),
  heal: flag('whether there were any'),
  partition: nothing(),
  schedulelinkconditions: nothing(),
  setlinkconditions: nothing(),
  clearbanned: nothing(),
  disconnectnode: nothing(),
  getconnectioncount: number('peers'),
  getnettotals: object({
    totalbytesrecv: number('', 'bytes'),
    totalbytessent: number('', 'bytes'),
    timemillis: number('now', 'milliseconds since 1970'),
  }),
  getnetworkinfo: object({
    version: number('of this program, two digits each'),
    subversion: text('of this program, as peers are told'),
    protocolversion: number(''),
    localservices: hex('what it serves, as bits'),
    localservicesnames: list(text('what it serves')),
    localrelay: flag('true: it passes transactions on'),
    timeoffset: number('by which the peers’ clocks are ahead of this tab’s', 'seconds'),
    localid: text('this tab’s peer id'),
    connections: number('peers'),
    connections_in: number('that dialled this tab'),
    connections_out: number('that this tab dialled'),
    networkactive: flag('true'),
    networks: list(
      object({
        name: text('webrtc'),
        limited: flag(''),
        reachable: flag(''),
        proxy: text('none'),
      }),
    ),
    relayfee: feeRate('least that is passed on'),
    incrementalfee: feeRate('what a replacement must pay on top'),
    localaddresses: list(nothing(), 'none: tabs have no lasting address'),
    relays: list(
      object({
        address: text('multiaddr'),
        state: oneOf(
          ['connecting', 'connected', 'reserved', 'unreachable'],
          'reserved: it introduces this tab',
        ),
      }),
    ),
    relayedonlypeers: number('peers to which no direct path was found'),
    connectionsused: maybe(number('share of the connections that the browser grants, 0 to 1')),
    warnings: WARNINGS,
  }),
  getnodeaddresses: list(
    object({
      time: time('when it was last connected'),
      address: text('peer id'),
      network: oneOf(['webrtc'], ''),
      introducers: list(text('peer id of a relay or tab that introduced it')),
      address_group: maybe(text('which addresses count as one with its own')),
    }),
  ),
  getpeerinfo: list(
    object({
      id: number('counts connections'),
      peerid: text('its libp2p peer id'),
      addr: text('multiaddr'),
      network: text('webrtc'),
      services: hex('what it serves, as bits'),
      servicesnames: list(text('what it serves')),
      relaytxes: flag('true'),
      inbound: flag('whether it dialled'),
      connection_type: oneOf(
        ['anchor', 'outbound-full-relay', 'inbound'],
        'anchor: one of the best of those remembered',
      ),
      introducer: maybe(text('peer id of the relay or tab that introduced it')),
      address_group: maybe(text('which addresses count as one with its own')),
      conntime: time('since when'),
      lastsend: time(''),
      lastrecv: time(''),
      last_transaction: time('when it last brought a new transaction; 0 for never'),
      last_block: time('when it last brought a new block; 0 for never'),
      bytessent: number('', 'bytes'),
      bytesrecv: number('', 'bytes'),
      timeoffset: number('by which its clock is ahead of this tab’s', 'seconds'),
      pingtime: maybe(number('', 'seconds')),
      version: number('of the protocol'),
      subver: text('its program'),
      startingheight: number('its height when it connected'),
      synced_headers: number('height of the best header it is known to have; −1 unknown'),
      synced_blocks: number('height of the best block in common; −1 unknown'),
      inflight: list(number('height of a block asked from it')),
      permissions: list(nothing(), 'none'),
      minfeefilter: feeRate('least that is passed on to it'),
      banscore: number('points for breaking the rules: 100 ban, time forgives'),
    }),
  ),
  listbanned: list(
    object({
      address: text('peer id'),
      ban_created: time(''),
      banned_until: time(''),
      ban_duration: number('', 'seconds'),
      time_remaining: number('', 'seconds'),
      ban_reason: text('a sentence, or what stands for one'),
    }),
  ),
  setban: nothing(),
} as const

export const utilResults = {
  deriveaddresses: either(list(text('an address')), list(list(text('an address')), 'one for each branch')),
  estimatesmartfee: object({
    feerate: maybe(feeRate('that should do')),
    blocks: number('as asked'),
  }),
  getdescriptorinfo: object({
    descriptor: text('with its checksum'),
    checksum: text('8 characters'),
    isrange: flag('whether it ends in /*'),
    issolvable: flag('whether it tells how to spend'),
    hasprivatekeys: flag('false: those are refused'),
  }),
  verifymessage: flag('whether it is'),
  validateaddress: object({
    isvalid: flag('whether it is an address of this network'),
    address: maybe(text('in lower case; this and the following where it is valid')),
    scriptPubKey: maybe(hex('what it pays to')),
    isscript: maybe(flag('true')),
    iswitness: maybe(flag('true')),
    witness_version: maybe(number('1')),
    witness_program: maybe(hex('the output key')),
    ismine: maybe(flag('whether the wallet can spend what it receives')),
    error: maybe(text('why it isn’t valid')),
    error_locations: maybe(list(number('position of a wrong character'))),
    suggestion: maybe(text('what was probably meant: to be compared, never taken by itself')),
  }),
} as const

export const explorerResults = {
  search: object({
    type: oneOf(['block', 'transaction', 'address'], ''),
    id: text('block hash, txid or address'),
  }),
  searchaddress: object({
    address: text('in lower case'),
    outputkey: hex('its output key'),
    balance: coins('received less sent'),
    received: coins('in all, waiting payments included'),
    sent: coins('in all, waiting payments included'),
    transactions: list(
      object({
        txid: hex('id of the transaction'),
        blockhash: either(hex(''), nothing('in the mempool')),
        height: either(number('of the block'), nothing('in the mempool')),
        time: time('of the block, or when it came'),
        amount: coins('that the address gained; negative when it paid'),
        confirmations: number('0 in the mempool'),
      }),
      'the newest 500, newest first',
    ),
  }),
} as const
