/** Promise: a Binding request is answered as RFC 8489 says, with the bytes of RFC 5769; anything else gets silence. */

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { RateLimit } from '../../../relay/rate-limit.ts'
import { answerStun, startStun } from '../../../relay/stun.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString('hex')

/** The transaction id of every sample in RFC 5769 section 2. */
const TRANSACTION = 'b7e7a701bc34d686fa87dfae'
const BARE_REQUEST = hex(`0001 0000 2112a442 ${TRANSACTION}`)

/** RFC 5769 section 2.1, sample request, with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT. */
const SAMPLE_REQUEST = hex(`
  00010058 2112a442 b7e7a701 bc34d686 fa87dfae
  80220010 5354554e 20746573 7420636c 69656e74
  00240004 6e0001ff
  80290008 932ff9b1 51263b36
  00060009 6576746a 3a683676 59202020
  00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
  80280004 e57a3bcf`)

describe('STUN', () => {
  test('answers with the XOR-MAPPED-ADDRESS of RFC 5769 section 2.2 for IPv4', () => {
    const answer = answerStun(BARE_REQUEST, { address: '192.0.2.1', port: 32853 })
    assert.equal(text(answer), `0101000c2112a442${TRANSACTION}002000080001a147e112a643`)
  })

  test('answers with the XOR-MAPPED-ADDRESS of RFC 5769 section 2.3 for IPv6', () => {
    const answer = answerStun(BARE_REQUEST, { address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 })
    assert.equal(
      text(answer),
      `010100182112a442${TRANSACTION}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`,
    )
  })

  test('shows an IPv4 client of a dual-stack socket its IPv4 address', () => {
    const mapped = answerStun(BARE_REQUEST, { address: '::ffff:192.0.2.1', port: 32853 })
    assert.deepEqual(mapped, answerStun(BARE_REQUEST, { address: '192.0.2.1', port: 32853 }))
  })

  test('expands shortened IPv6 addresses', () => {
    const short = answerStun(BARE_REQUEST, { address: 'fe80::1%eth0', port: 1 })
    assert.deepEqual(short, answerStun(BARE_REQUEST, { address: 'fe80:0:0:0:0:0:0:1', port: 1 }))
  })

  test('answers the sample request of RFC 5769 section 2.1, with a fingerprint because it had one', () => {
    const answer = answerStun(SAMPLE_REQUEST, { address: '192.0.2.1', port: 32853 })
    assert.ok(answer)
    assert.equal(answer.length, 40)
    assert.equal(text(answer.subarray(32, 36)), '80280004')
    const crc = (crc32(answer.subarray(0, 32)) ^ 0x5354554e) >>> 0
    assert.equal(new DataView(answer.buffer).getUint32(36), crc)
  })

  const malformed: Record<string, Uint8Array> = {
    'an empty datagram': new Uint8Array(0),
    'a cut header': BARE_REQUEST.subarray(0, 19),
    'another cookie': hex(`0001 0000 2112a443 ${TRANSACTION}`),
    'a response': hex(`0101 0000 2112a442 ${TRANSACTION}`),
    'an indication': hex(`0011 0000 2112a442 ${TRANSACTION}`),
    'a length that promises more': hex(`0001 0004 2112a442 ${TRANSACTION}`),
    'bytes after the message': hex(`0001 0000 2112a442 ${TRANSACTION} 00000000`),
    'an attribute that overruns the message': hex(`0001 0004 2112a442 ${TRANSACTION} 8022 0004`),
    'a fingerprint that is wrong': SAMPLE_REQUEST.with(107, 0),
    'a byte changed under the fingerprint': SAMPLE_REQUEST.with(25, 0),
    'a message beyond the size of a request': hex(
      `0001 0214 2112a442 ${TRANSACTION} 80220210${'00'.repeat(0x210)}`,
    ),
  }
  for (const [name, datagram] of Object.entries(malformed)) {
    test(`is silent to ${name}`, () => {
      assert.equal(answerStun(datagram, { address: '192.0.2.1', port: 1 }), undefined)
    })
  }

  test('answers no random bytes, and never with more than 24 bytes beyond the request', () => {
    const source = fc.constantFrom('192.0.2.1', '2001:db8::1')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), source, fc.boolean(), (tail, address, framed) => {
        const padded = tail.subarray(0, tail.length - (tail.length % 4))
        const request = framed ? Uint8Array.from([...BARE_REQUEST, ...padded]) : tail
        if (framed) new DataView(request.buffer).setUint16(2, padded.length)
        const answer = answerStun(request, { address, port: 1 })
        assert.ok(answer === undefined || (framed && answer.length <= request.length + 24))
      }),
    )
  })

  test('answers over UDP', async () => {
    const server = await startStun({ host: '127.0.0.1', port: 0 })
    const client = createSocket('udp4')
    client.bind(0, '127.0.0.1')
    await once(client, 'listening')
    client.send(hex('c0ffee'), server.port, '127.0.0.1')
    client.send(BARE_REQUEST, server.port, '127.0.0.1')
    const [answer] = (await once(client, 'message')) as [Buffer]
    assert.deepEqual(
      Uint8Array.from(answer),
      answerStun(BARE_REQUEST, { address: '127.0.0.1', port: client.address().port }),
    )
    client.close()
    await server.stop()
  })
})

describe('the rate limit', () => {
  test('allows a burst, then the steady rate, each key by itself', () => {
    let now = 0
    const limit = new RateLimit({ burst: 2, perSecond: 1, maxKeys: 10, now: () => now })
    assert.deepEqual([limit.allow('a'), limit.allow('a'), limit.allow('a')], [true, true, false])
    assert.equal(limit.allow('b'), true)
    now += 1000
    assert.deepEqual([limit.allow('a'), limit.allow('a')], [true, false])
    now += 60_000
    assert.deepEqual([limit.allow('a'), limit.allow('a'), limit.allow('a')], [true, true, false])
  })

  test('remembers no more keys than it may', () => {
    const limit = new RateLimit({ burst: 1, perSecond: 0, maxKeys: 2, now: () => 0 })
    assert.deepEqual(
      ['a', 'b', 'c', 'c', 'b', 'a'].map((key) => limit.allow(key)),
      [true, true, true, false, false, true],
    )
  })
})
