/** Promise: the policy in the built page is as strict as the header of the page's server, but for what the page can't know. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAGE_POLICY, policyHeader } from '../../../relay/content-policy.ts'

/** Directives by name. */
function directives(policy: string): Map<string, string> {
  return new Map(policy.split('; ').map((each) => [each.split(' ', 1)[0]!, each]))
}

test('the page’s policy and the header say the same but for relays, frames and what no thread needs', () => {
  const page = directives(PAGE_POLICY)
  const header = directives(policyHeader(['wss://relay.example:443']))
  assert.equal(page.get('connect-src'), "connect-src 'self' ws: wss:")
  assert.equal(header.get('connect-src'), "connect-src 'self' wss://relay.example:443")
  const rest = (all: Map<string, string>, ...left: readonly string[]): string[] =>
    [...all].filter(([name]) => !left.includes(name)).map(([, text]) => text)
  assert.deepEqual(
    rest(page, 'connect-src', 'require-trusted-types-for', 'trusted-types'),
    rest(header, 'connect-src', 'frame-ancestors'),
  )
})
