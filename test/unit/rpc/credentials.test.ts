/** Promise: who has the password of the cookie file or of the command line may call, and nobody else. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isRpcAuth, loadCredentials } from '../../../rpc/credentials.ts'

/** Of Bitcoin Core's functional test `rpc_users.py`: the users `rt` and `rt2` with their passwords. */
const RT =
  'rt:93648e835a54c573682c2eb19f882535$7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144'
const RT_PASSWORD = 'cA773lm788buwYe4g4WT+05pKyNruVKjQ25x3n0DQcM='

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opentab-cookie-'))
})
after(() => rm(folder, { recursive: true }))

test('the cookie file is made anew, for its owner alone, and goes with the server', async () => {
  const cookieFile = join(folder, 'deep/.cookie')
  const first = await loadCredentials({ cookieFile })
  const cookie = await readFile(cookieFile, 'utf8')
  assert.match(cookie, /^__cookie__:[0-9a-f]{64}$/)
  assert.equal((await stat(cookieFile)).mode & 0o777, 0o600)
  assert.equal(first.allow(basic(cookie)), true)
  for (const wrong of ['__cookie__:', `x${cookie}`, `${cookie}0`, cookie.slice(12), ''])
    assert.equal(first.allow(basic(wrong)), false, wrong)
  for (const header of [undefined, '', 'Basic', cookie, `Bearer ${cookie}`, `Basic ${cookie}`])
    assert.equal(first.allow(header), false, header)

  // One that others could read, of an earlier start, is replaced and not written into.
  await writeFile(cookieFile, 'left', { mode: 0o644 })
  const second = await loadCredentials({ cookieFile })
  assert.equal((await stat(cookieFile)).mode & 0o777, 0o600)
  assert.equal(second.allow(basic(cookie)), false)
  assert.equal(second.allow(basic(await readFile(cookieFile, 'utf8'))), true)
  await second.forget()
  assert.deepEqual(await readdir(join(folder, 'deep')), [])
})

test('a user of the command line takes the place of the cookie file; colons in a password are its own', async () => {
  const cookieFile = join(folder, 'none')
  const { allow, cookieFile: written } = await loadCredentials({
    cookieFile,
    password: { user: 'ada', password: 'a:b' },
  })
  assert.deepEqual(
    [allow(basic('ada:a:b')), allow(basic('ada:a')), allow(basic('bob:a:b'))],
    [true, false, false],
  )
  assert.equal(written, undefined)
  await assert.rejects(stat(cookieFile))
  const nameless = await loadCredentials({ cookieFile, password: { user: '', password: 'p' } })
  assert.equal(nameless.allow(basic('user:p')), true)
})

test('users with salted hashes, as Bitcoin Core’s script writes them, beside the cookie', async () => {
  const cookieFile = join(folder, 'both')
  assert.equal(isRpcAuth(RT), true)
  for (const wrong of ['', 'rt', RT.slice(0, -1), RT.slice(3), RT.replace('$', ':')])
    assert.equal(isRpcAuth(wrong), false)
  const { allow } = await loadCredentials({ cookieFile, rpcauth: [RT] })
  assert.equal(allow(basic(`rt:${RT_PASSWORD}`)), true)
  assert.equal(allow(basic(`rt:${RT_PASSWORD}x`)), false)
  assert.equal(allow(basic(`rt2:${RT_PASSWORD}`)), false)
  assert.equal(allow(basic(await readFile(cookieFile, 'utf8'))), true)
})
