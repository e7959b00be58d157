/** Promise: what makes room among the invoices is over, and is no invoice that parts wait for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvoiceBook } from '../../../src/channels/invoice-book.ts'
import { RecordBook } from '../../../src/channels/record-book.ts'
import { toText } from '../../../src/channels/records.ts'
import { REGTEST } from '../../../src/consensus/params.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { ok } from '../../../src/primitives/result.ts'
import { MemoryChannelStore } from '../../../src/storage/memory-channel-store.ts'
import { codeOf, seededRandom, value } from '../../support/wallets.ts'

const FULL = 20_000
const START = 1_700_000_000
/** Of the one that parts wait for. */
const EXPIRY = 60

test('invoices: a full book gives up what has expired, and not before parts that came in time are all there or given up', async () => {
  let seconds = START
  const random = seededRandom('invoices')
  const records = await RecordBook.open(new MemoryChannelStore())
  const others = Array.from({ length: FULL - 1 }, (_, at) => {
    const preimage = sha256(Uint8Array.of(at & 255, at >> 8))
    const paymentHash = sha256(preimage)
    const open = { preimage, paymentHash, minFinalCltvExpiryDelta: 18, expiresAt: START + 10_000 }
    return [bytesToHex(paymentHash), toText({ ...open, label: `${at}`, description: '' })]
  })
  await Promise.all(others.map(([hash, text]) => records.set(`invoice/${hash}`, text)))
  const signer = { signNode: async () => ok(new Uint8Array(65).fill(1)) }
  const clock = { now: () => seconds * 1000 }
  const book = new InvoiceBook(records, signer, clock, random, REGTEST.addressPrefix)
  const create = (label: string) =>
    book.create({ label, description: '', expiry: EXPIRY, minFinalCltvExpiryDelta: 18, routeHints: [] })
  const { paymentHash } = value(await create('waited for'))
  assert.equal(codeOf(await create('one more')), 'invoices-full')
  seconds += EXPIRY
  assert.equal(codeOf(await create('one more')), 'invoices-full')
  assert.ok(book.get(paymentHash))
  seconds += 60
  assert.equal(codeOf(await create('one more')), 'accepted')
  assert.equal(book.get(paymentHash), undefined)
})
