/** Promise: what one machine, home or hoster can have many of counts as one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressGroup, addressHost } from '../../../src/transport/address-group.ts'

/** Address, its group, its host. */
const CASES: readonly (readonly [string, string | undefined, string | undefined])[] = [
  ['203.0.113.7', '203.0.0.0/16', '203.0.113.7'],
  ['203.0.9.200', '203.0.0.0/16', '203.0.9.200'],
  ['127.0.0.1', 'loopback', 'loopback'],
  ['127.8.9.1', 'loopback', 'loopback'],
  ['::1', 'loopback', 'loopback'],
  ['192.168.1.20', '192.168.1.20', '192.168.1.20'],
  ['10.0.0.3', '10.0.0.3', '10.0.0.3'],
  ['172.31.4.4', '172.31.4.4', '172.31.4.4'],
  ['172.32.4.4', '172.32.0.0/16', '172.32.4.4'],
  ['100.64.1.1', '100.64.1.1', '100.64.1.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8::/32', '2001:db8:1:2::/64'],
  ['2001:DB8::1', '2001:db8::/32', '2001:db8::/64'],
  ['[2001:db8::1]', '2001:db8::/32', '2001:db8::/64'],
  ['fe80::1:2:3%wlan0', 'fe80::/64', 'fe80::/64'],
  ['fd12:3456:789a:1::5', 'fd12:3456:789a:1::/64', 'fd12:3456:789a:1::/64'],
  ['::ffff:203.0.113.7', '203.0.0.0/16', '203.0.113.7'],
  ['::ffff:127.0.0.1', 'loopback', 'loopback'],
  ['64:ff9b::203.0.113.7', '203.0.0.0/16', '203.0.113.7'],
  ['2002:cb00:7107::1', '203.0.0.0/16', '203.0.113.7'],
  ['1b0c7f5e-8c1b-4c3f-9d6c-0a3a4d1f2b11.local', undefined, undefined],
  ['', undefined, undefined],
  ['203.0.113', undefined, undefined],
  ['203.0.113.256', undefined, undefined],
  ['2001:db8', undefined, undefined],
  ['1:2:3:4:5:6:7:8:9', undefined, undefined],
  ['1::2::3', undefined, undefined],
  ['2001:db8::g', undefined, undefined],
]

for (const [address, group, host] of CASES) {
  test(`"${address}" is of group ${group} and host ${host}`, () => {
    assert.equal(addressGroup(address), group)
    assert.equal(addressHost(address), host)
  })
}
