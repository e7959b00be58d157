/**
 * Promises: proofs that blocks hold transactions hold for whoever reads them by BIP37, and no other does; scans find all that is there; blocks and
 * packages that are handed over are taken or refused with Bitcoin Core's codes.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BlockHeader } from '../../../src/primitives/block.ts'
import { bytesToHex, hexToBytes } from '../../../src/primitives/bytes.ts'
import { decodeMerkleProof, encodeMerkleProof } from '../../../src/primitives/merkle-proof.ts'
import { type Json, NodeRig, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { codeOf, value } from '../../support/wallets.ts'

async function fundedNode(mined = 1): Promise<RigNode> {
  const node = await new NodeRig().add('node')
  for (let i = 0; i < mined; i++) await node.generate(1)
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  return node
}

// An implementation of its own, by recursion over halves, with Node's hashes.

function doubleHash(bytes: Uint8Array): Buffer {
  const once = createHash('sha256').update(bytes).digest()
  return createHash('sha256').update(once).digest()
}

/** The root over leaves, level by level. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  let level = [...leaves]
  while (level.length > 1) {
    if (level.length % 2 === 1) level.push(level[level.length - 1]!)
    level = Array.from({ length: level.length / 2 }, (_, i) =>
      doubleHash(Buffer.concat([level[2 * i]!, level[2 * i + 1]!])),
    )
  }
  return level[0]!
}

/** Reads a proof as BIP37 has it: the root that it makes, and what it matches. */
function readProof(proof: Buffer): {
  readonly root: Buffer
  readonly claimed: Buffer
  readonly matched: string[]
} {
  const claimed = proof.subarray(36, 68)
  const count = proof.readUInt32LE(80)
  let at = 84
  const number = (): number => {
    const first = proof[at++]!
    if (first < 0xfd) return first
    at += 2
    return proof.readUInt16LE(at - 2)
  }
  const hashes = Array.from({ length: number() }, () => {
    at += 32
    return proof.subarray(at - 32, at)
  })
  const flagBytes = number()
  const bits = Array.from({ length: flagBytes * 8 }, (_, i) => (proof[at + (i >> 3)]! >> (i & 7)) & 1)
  const matched: string[] = []
  const node = (first: number, size: number): Buffer => {
    const bit = bits.shift()
    if (size === 1 || bit === 0) {
      const hash = hashes.shift()!
      if (size === 1 && bit === 1) matched.push(Buffer.from(hash).reverse().toString('hex'))
      return hash
    }
    const left = node(first, size / 2)
    const right = first + size / 2 < count ? node(first + size / 2, size / 2) : left
    return doubleHash(Buffer.concat([left, right]))
  }
  let size = 1
  while (size < count) size *= 2
  return { root: node(0, size), claimed, matched }
}

function headerWith(merkleRoot: Uint8Array): BlockHeader {
  return BlockHeader.of({
    version: 1,
    previousHash: new Uint8Array(32),
    merkleRoot,
    time: 1,
    bits: 0x207fffff,
    nonce: 0,
  })
}

const leaf = (i: number): Buffer => doubleHash(Buffer.from(`leaf ${i}`))

describe('merkle proofs', () => {
  test('of any places in any block make the root that others make, and match these places alone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.uniqueArray(fc.nat(69), { minLength: 1 }),
        (count, chosen) => {
          const leaves = Array.from({ length: count }, (_, i) => leaf(i))
          const places = new Set(chosen.filter((place) => place < count))
          const header = headerWith(rootOf(leaves))
          const proof = encodeMerkleProof(header, leaves, places)
          const read = readProof(Buffer.from(proof))
          assert.deepEqual(read.root, read.claimed)
          const expected = [...places].sort((a, b) => a - b).map((place) => leaves[place]!)
          assert.deepEqual(
            read.matched,
            expected.map((id) => Buffer.from(id).reverse().toString('hex')),
          )
          const decoded = value(decodeMerkleProof(proof))
          assert.equal(decoded.transactions, count)
          assert.deepEqual(
            decoded.matched.map(bytesToHex),
            expected.map((id) => id.toString('hex')),
          )
        },
      ),
    )
  })

  test('a proof with a byte that is another proves nothing else: it is refused, or is about the same transactions', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (count, chosen, at, change) => {
          const leaves = Array.from({ length: count }, (_, i) => leaf(i))
          const place = chosen % count
          const proof = encodeMerkleProof(headerWith(rootOf(leaves)), leaves, new Set([place]))
          const changed = proof.slice()
          // Behind the header: who changes that has another block.
          const where = 84 + (at % (proof.length - 84))
          changed[where]! ^= change
          const decoded = decodeMerkleProof(changed)
          if (decoded.ok)
            for (const id of decoded.value.matched) assert.ok(leaves.some((one) => one.equals(id)))
        },
      ),
    )
  })

  test('what a hostile sender makes up is refused', () => {
    const leaves = [leaf(0), leaf(1), leaf(2)]
    const header = headerWith(rootOf(leaves))
    const good = encodeMerkleProof(header, leaves, new Set([2]))
    const wrong: readonly Uint8Array[] = [
      new Uint8Array(),
      good.subarray(0, 84),
      good.subarray(0, -1),
      Uint8Array.from([...good, 0]),
      // No, and too many transactions.
      Uint8Array.from([...header.bytes, 0, 0, 0, 0, 0, 0]),
      Uint8Array.from([...header.bytes, 255, 255, 255, 255, 0, 0]),
      // The last leaf twice as if it were two (CVE-2012-2459).
      encodeMerkleProof(header, [...leaves, leaf(2)], new Set([3])),
    ]
    for (const bytes of wrong) assert.equal(codeOf(decodeMerkleProof(bytes)), 'merkle-proof-invalid')
  })

  test('gettxoutproof and verifytxoutproof over blocks of random sizes', async () => {
    const node = await fundedNode(6)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4 }), fc.nat(), async (payments, seed) => {
        for (let i = 0; i < payments; i++)
          await node.rpc('sendtoaddress', await node.rpc('getnewaddress'), 0.1)
        const [hash] = await node.generate(1, STRANGER)
        const { tx, merkleroot } = await node.rpc('getblock', hash)
        const wanted = tx.filter((_: string, i: number) => (seed >> i) % 2 === 1 || i === seed % tx.length)
        const proof = await node.rpc('gettxoutproof', wanted)
        const read = readProof(Buffer.from(proof, 'hex'))
        assert.equal(Buffer.from(read.root).reverse().toString('hex'), merkleroot)
        assert.deepEqual(read.matched, wanted)
        assert.deepEqual(await node.rpc('verifytxoutproof', proof), wanted)
        assert.equal(await node.rpc('gettxoutproof', wanted, hash), proof)
      }),
      { numRuns: 10 },
    )
  })

  test('wrong arguments, another chain, and a count that lies', async () => {
    const node = await fundedNode()
    const tip = await node.rpc('getblock', node.tip)
    const proof: string = await node.rpc('gettxoutproof', tip.tx)
    const far = '11'.repeat(32)
    const wrong: readonly [string, unknown[], number][] = [
      ['gettxoutproof', [[]], -8],
      ['gettxoutproof', [[far, far]], -8],
      ['gettxoutproof', [[far]], -5],
      ['gettxoutproof', [[far], node.tip], -5],
      ['gettxoutproof', [tip.tx, far], -5],
      ['gettxoutproof', [['zz']], -8],
      ['gettxoutproof', [far], -3],
      ['verifytxoutproof', ['00'], -22],
      ['verifytxoutproof', ['zz'], -22],
    ]
    for (const [method, args, code] of wrong)
      assert.equal((await node.failure(method, ...args)).code, code, `${method} ${JSON.stringify(args)}`)
    const lie = hexToBytes(proof)
    lie[80] = 2
    assert.deepEqual(await node.rpc('verifytxoutproof', bytesToHex(lie)), [])
    await node.rpc('invalidateblock', node.tip)
    assert.equal((await node.failure('verifytxoutproof', proof)).code, -5)
  })
})

describe('scanblocks', () => {
  test('finds all blocks that pay to or spend from a descriptor', async () => {
    const node = await fundedNode(2)
    const address = await node.rpc('getnewaddress')
    await node.rpc('sendtoaddress', address, 3)
    const [paid] = await node.generate(1, STRANGER)
    await node.generate(2, STRANGER)
    const coin = (await node.rpc('listunspent', 1, 999, [address]))[0]
    await node.rpc('send', { [STRANGER]: 1 }, null, null, null, {
      inputs: [{ txid: coin.txid, vout: coin.vout }],
    })
    const [spent] = await node.generate(1, STRANGER)
    const scan = (...args: unknown[]) => node.rpc('scanblocks', 'start', [`addr(${address})`], ...args)
    const height = await node.rpc('getblockcount')
    assert.deepEqual(await scan(), {
      from_height: 0,
      to_height: height,
      relevant_blocks: [paid, spent],
      completed: true,
    })
    const exact = await scan(0, height, 'basic', { filter_false_positives: true })
    assert.deepEqual(exact.relevant_blocks, [paid, spent])
    assert.deepEqual((await scan(height)).relevant_blocks, [spent])
    assert.deepEqual((await scan(0, height - 1)).relevant_blocks, [paid])
    for (const [args, code] of [
      [['start', []], -8],
      [['go'], -8],
      [['start', ['nonsense']], -5],
      [['start', [`addr(${address})`], 99], -1],
      [['start', [`addr(${address})`], 5, 4], -1],
      [['start', [`addr(${address})`], 0, 5, 'full'], -5],
    ] as const)
      assert.equal((await node.failure('scanblocks', ...args)).code, code, JSON.stringify(args))
  })
})

describe('generateblock', () => {
  test('mines what it is given, in its order, and nothing else', async () => {
    const node = await fundedNode(3)
    const left = await node.rpc('sendtoaddress', STRANGER, 1)
    const taken = await node.rpc('sendtoaddress', STRANGER, 2)
    const { hex: raw } = await node.rpc('send', { [STRANGER]: 3 }, null, null, null, { add_to_wallet: false })
    const { hash } = await node.rpc('generateblock', STRANGER, [raw, taken])
    const block = await node.rpc('getblock', hash, 2)
    assert.deepEqual(
      block.tx.slice(1).map(({ hex, txid }: Json) => (txid === taken ? taken : hex)),
      [raw, taken],
    )
    assert.equal(block.tx[0].vout[0].value, 50)
    assert.deepEqual(await node.rpc('getrawmempool'), [left])
    assert.equal(await node.rpc('getbestblockhash'), hash)
  })

  test('without submit it leaves the chain as it is; what is wrong is refused', async () => {
    const node = await fundedNode()
    const { tip } = node
    const { hex, hash } = await node.rpc('generateblock', `addr(${STRANGER})`, [], false)
    assert.equal(node.tip, tip)
    assert.equal(await node.rpc('submitblock', hex), null)
    assert.equal(node.tip, hash)
    const missing = await node.rpc('createrawtransaction', [{ txid: '11'.repeat(32), vout: 0 }], {
      [STRANGER]: 1,
    })
    const wrong: readonly [unknown[], number][] = [
      [['nobody', []], -5],
      [[STRANGER, ['11'.repeat(32)]], -5],
      [[STRANGER, ['zz']], -22],
      [[STRANGER, ['00']], -22],
      [[STRANGER, [missing]], -25],
      [[STRANGER, 'all'], -3],
      [[(await node.rpc('getwalletinfo')).descriptor, []], -8],
    ]
    for (const [args, code] of wrong)
      assert.equal((await node.failure('generateblock', ...args)).code, code, JSON.stringify(args))
    assert.equal(node.tip, hash)
  })
})

describe('submitpackage', () => {
  test('takes parents and child, tells of what is refused, and what was replaced', async () => {
    const node = await fundedNode(3)
    const own = await node.rpc('getnewaddress')
    const sign = async (inputs: Json[], outputs: Json, known: Json[] = []): Promise<string> => {
      const raw = await node.rpc('createrawtransaction', inputs, outputs)
      const { hex, complete } = await node.rpc('signrawtransactionwithwallet', raw, known)
      assert.ok(complete)
      return hex
    }
    const [a, b] = (await node.rpc('listunspent')).map(({ txid, vout }: Json) => ({ txid, vout }))
    const parents = [await sign([a], { [own]: 49.999 }), await sign([b], { [own]: 49.999 })]
    const decoded = await Promise.all(parents.map((hex) => node.rpc('decoderawtransaction', hex)))
    const { scriptPubKey } = await node.rpc('getaddressinfo', own)
    const places = decoded.map(({ txid }) => ({ txid, vout: 0 }))
    const child = await sign(
      places,
      { [STRANGER]: 99.99 },
      places.map((place) => ({ ...place, scriptPubKey, amount: 49.999 })),
    )
    const alone = await node.rpc('submitpackage', [child])
    assert.equal(alone.package_msg, 'transaction failed')
    assert.deepEqual(
      Object.values<Json>(alone['tx-results']).map(({ error }) => error),
      ['missing-inputs'],
    )
    const taken = await node.rpc('submitpackage', [...parents, child])
    assert.equal(taken.package_msg, 'success')
    assert.equal(Object.keys(taken['tx-results']).length, 3)
    assert.equal((await node.rpc('getrawmempool')).length, 3)
    const again = await node.rpc('submitpackage', [...parents, child])
    assert.equal(again.package_msg, 'success')
    const dearer = await sign([a], { [own]: 49.9 })
    const replaced = await node.rpc('submitpackage', [dearer], 0)
    assert.ok(replaced['replaced-transactions'].includes(decoded[0].txid))
    for (const [args, code] of [
      [[[]], -8],
      [[['zz']], -22],
      [[['00']], -22],
      [[[parents[0], parents[1]]], -25],
      [[[parents[0], parents[0], child]], -25],
      [[parents[0]], -3],
    ] as const)
      assert.equal((await node.failure('submitpackage', ...args)).code, code)
  })
})

test('money that nobody can spend is not sent, unless that is meant', async () => {
  const node = await fundedNode()
  const [{ txid, vout }] = await node.rpc('listunspent')
  const raw = await node.rpc(
    'createrawtransaction',
    [{ txid, vout }],
    [{ data: '00' }, { [STRANGER]: 49.999 }],
  )
  const { hex } = await node.rpc('signrawtransactionwithwallet', raw)
  // The amount of the data output, 8 bytes before its script of 3.
  const at = hex.indexOf('0000000000000000036a0100')
  const burning = `${hex.slice(0, at)}01${hex.slice(at + 2)}`
  assert.equal((await node.failure('sendrawtransaction', burning, 0)).code, -25)
  assert.match(
    (await node.failure('sendrawtransaction', burning, 0, 0.5)).message,
    /^bad-txns|^mempool|amount|script/,
  )
  assert.equal((await node.failure('sendrawtransaction', hex, 0, -1)).code, -3)
  await node.rpc('sendrawtransaction', hex)
})

describe('the node of itself', () => {
  test('getrpcinfo tells of calls under way, and of itself', async () => {
    const node = await fundedNode()
    const waiting = node.rpc('waitforblockheight', 99, 1000)
    const { active_commands: calls } = await node.rpc('getrpcinfo')
    assert.deepEqual(
      calls.map(({ method }: Json) => method),
      ['waitforblockheight', 'getrpcinfo'],
    )
    await waiting
    assert.equal((await node.rpc('getrpcinfo')).active_commands.length, 1)
  })

  test('logging silences a source, but for its warnings', async () => {
    const node = await fundedNode()
    const lines = (): number => node.told('log').filter(({ source }) => source === 'chain').length
    const reorganise = async (): Promise<void> => {
      await node.rpc('invalidateblock', node.tip)
      await node.generate(1, STRANGER)
    }
    assert.equal((await node.rpc('logging', [], ['chain'])).chain, false)
    const before = lines()
    await reorganise()
    assert.equal(lines(), before)
    assert.ok(Object.values(await node.rpc('logging', ['all'])).every((shown) => shown === true))
    await reorganise()
    assert.ok(lines() > before)
    assert.equal((await node.failure('logging', ['nonsense'])).code, -8)
    assert.equal((await node.failure('logging', 'all')).code, -3)
  })

  test('getnodeaddresses tells whom a tab remembers; methods that mean nothing here say why', async () => {
    const rig = new NodeRig()
    const node = await rig.add('node')
    await rig.add('other')
    await rig.until(() => node.core.peers.peers().length > 0)
    await rig.time.run(60_000)
    const [known] = await node.rpc('getnodeaddresses')
    assert.equal(known.address, 'other')
    assert.equal((await node.failure('getnodeaddresses', 1, 'ipv4')).code, -8)
    for (const name of ['addnode', 'getaddednodeinfo']) {
      const { code, message } = await node.failure(name, 'somebody', 'add')
      assert.equal(code, -32601)
      assert.match(message, /no address that others could dial/)
      assert.match((await node.failure('help', name)).message, /no address/)
    }
  })

  test('a part of the protocol from outside speaks with peers, and getnetworkinfo tells its service', async () => {
    const rig = new NodeRig()
    const heard: number[] = []
    const node = await rig.add('node', { parts: [() => ({ services: 1n << 40n, add: () => heard.push(1) })] })
    await rig.add('other')
    await rig.until(() => heard.length > 0)
    const { localservices } = await node.rpc('getnetworkinfo')
    assert.equal(BigInt(`0x${localservices}`) >> 40n, 1n)
    assert.equal(BigInt(`0x${localservices}`) & 1n, 1n)
  })
})
