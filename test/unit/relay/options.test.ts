/** Promise: a command line is understood or answered with a sentence; nothing that exists is overwritten or guessed. */

import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { lanAddresses, loadLanIdentity } from '../../../relay/lan.ts'
import { HELP, parseOptions } from '../../../relay/options.ts'
import { loadKeySeed } from '../../../relay/relay-key.ts'
import { listenError, StartError } from '../../../relay/start-error.ts'

const RELAY = '/dns4/relay.example/tcp/443/wss/p2p/12D3KooWEQJC4otMhFw3yC8t8joRizbqT33bMmew82v959SeQrqs'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opentab-options-'))
})
after(() => rm(folder, { recursive: true }))

function options(...argv: string[]) {
  const parsed = parseOptions(argv)
  assert.ok(parsed.ok)
  return parsed.options
}

function complaint(...argv: string[]): string {
  const parsed = parseOptions(argv)
  assert.ok(!parsed.ok)
  return parsed.message
}

describe('options of npm start', () => {
  test('without any, the page is on loopback at 8080', () => {
    const { port, host, lan, build, relayOnly, behindProxy, dev, help, certificate } = options()
    assert.deepEqual(
      { port, host, lan, build, relayOnly, behindProxy, dev, help, certificate },
      {
        port: 8080,
        host: undefined,
        lan: false,
        build: true,
        relayOnly: false,
        behindProxy: false,
        dev: false,
        help: false,
        certificate: undefined,
      },
    )
  })

  test('all of them', () => {
    const all = options(
      ...[
        '--port',
        '9000',
        '--host',
        '192.0.2.1',
        '--lan',
        '--cert',
        'c.pem',
        '--key',
        'k.pem',
        '--relay-key',
        'r',
      ],
      ...['--relay', RELAY, '--relay-only', '--no-build', '--behind-proxy'],
    )
    assert.equal(all.port, 9000)
    assert.equal(all.host, '192.0.2.1')
    assert.deepEqual(all.certificate, { cert: 'c.pem', key: 'k.pem' })
    assert.equal(all.relayKey, 'r')
    assert.deepEqual(all.otherRelays, [RELAY])
    assert.ok(all.lan && all.relayOnly && all.behindProxy && !all.build)
  })

  test('an unknown option is named', () => {
    assert.equal(complaint('--prot', '8081'), 'There is no option --prot.')
  })

  test('a stray word is named, with what npm does to options', () => {
    assert.match(complaint('8081'), /"8081" is not an option.*npm start -- --port 8081/)
  })

  for (const port of ['0', '65536', '-1', '80a', '', '1e3']) {
    test(`the port "${port}" is refused`, () => {
      assert.match(complaint(`--port=${port}`), /--port takes a number from 1 to 65535/)
    })
  }

  test('what is incomplete or contradicts itself is refused', () => {
    assert.match(complaint('--cert', 'c.pem'), /belong together/)
    assert.match(complaint('--host', 'example.org'), /IP address of this computer/)
    assert.match(complaint('--relay', '/dns4/relay.example/tcp/443/wss'), /with its peer id/)
    assert.match(complaint('--relay', 'wss://relay.example'), /multiaddr/)
    assert.match(complaint('--dev', '--relay-only'), /choose one/)
  })

  test('the help lists every option', () => {
    for (const option of [
      'port',
      'host',
      'lan',
      'cert',
      'key',
      'relay-key',
      'relay',
      'relay-only',
      'no-build',
      'dev',
    ]) {
      assert.match(HELP, new RegExp(`--${option}[ \\n]`))
    }
  })

  test('programs may call only where --rpc is given, by the cookie file unless there is a password', () => {
    assert.equal(options().rpc, undefined)
    const { port, credentials } = options('--rpc').rpc!
    assert.deepEqual([port, credentials.password], [18443, undefined])
    assert.match(credentials.cookieFile, /\.opentab.\.cookie$/)
    const hashed = `ada:00$${'0'.repeat(64)}`
    assert.deepEqual(
      options('--rpc', '--rpcport', '8332', '--rpcuser', 'ada', '--rpcpassword', 'a:b', '--rpcauth', hashed)
        .rpc,
      {
        port: 8332,
        credentials: {
          rpcauth: [hashed],
          cookieFile: credentials.cookieFile,
          password: { user: 'ada', password: 'a:b' },
        },
      },
    )
    for (const wrong of [
      ['--rpcport', '8332'],
      ['--rpcauth', hashed],
      ['--rpc', '--relay-only'],
      ['--rpc', '--behind-proxy'],
      ['--rpc', '--rpcport', '0'],
      ['--rpc', '--rpcuser', 'ada'],
      ['--rpc', '--rpcuser', 'a:b', '--rpcpassword', 'x'],
      ['--rpc', '--rpcauth', 'ada'],
    ])
      assert.match(complaint(...wrong), /^--/)
  })
})

describe('a port that can not be had', () => {
  const sentence = (code: string, port = 8080): string => {
    const error = listenError(Object.assign(new Error(code), { code }), '127.0.0.1', port)
    assert.ok(error instanceof StartError)
    return error.message
  }

  test('when taken: what was kept, what to type, and that another port is another wallet', () => {
    assert.match(
      sentence('EADDRINUSE'),
      /8080 is taken.*Nothing was started.*npm start -- --port 8081.*another wallet/,
    )
    assert.match(sentence('EADDRINUSE', 65535), /--port 8080/)
  })

  test('when privileged or of another computer', () => {
    assert.match(sentence('EACCES', 80), /may not listen on port 80/)
    assert.match(sentence('EADDRNOTAVAIL'), /not an address of this computer/)
  })

  test('what it does not know stays as it was', () => {
    const error = new Error('else')
    assert.equal(listenError(error, '127.0.0.1', 8080), error)
  })
})

describe('the relay key', () => {
  test('is made on first use, for its owner alone, and read ever after', async () => {
    const file = join(folder, 'new', 'relay.key')
    const made = await loadKeySeed(file)
    assert.equal(made.length, 32)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.deepEqual(await loadKeySeed(file), new Uint8Array(made))
  })

  test('is never overwritten when it is not a key', async () => {
    const file = join(folder, 'not-a-key')
    await writeFile(file, 'my diary')
    await assert.rejects(loadKeySeed(file), /left as it is.*--relay-key/)
    assert.equal(await readFile(file, 'utf8'), 'my diary')
  })

  test('a place that can not be written is named', async () => {
    await writeFile(join(folder, 'file'), '')
    await assert.rejects(loadKeySeed(join(folder, 'file', 'relay.key')), StartError)
  })
})

describe('--lan', () => {
  const now = Date.now()
  const day = 86_400_000

  test('its certificate names the addresses, is kept, and is renewed when they change or it ends', async () => {
    const first = await loadLanIdentity(folder, ['192.0.2.7'], now)
    const certificate = new X509Certificate(first.cert)
    assert.equal(certificate.checkIP('192.0.2.7'), '192.0.2.7')
    assert.equal(certificate.checkHost('localhost'), 'localhost')
    assert.equal((await stat(join(folder, 'lan-key.pem'))).mode & 0o777, 0o600)

    assert.deepEqual(await loadLanIdentity(folder, ['192.0.2.7'], now + day), first)
    const moved = await loadLanIdentity(folder, ['192.0.2.8'], now + day)
    assert.equal(new X509Certificate(moved.cert).checkIP('192.0.2.8'), '192.0.2.8')
    const renewed = await loadLanIdentity(folder, ['192.0.2.8'], now + 380 * day)
    assert.notEqual(renewed.cert, moved.cert)
  })

  test('its key is for nobody else, and is replaced with a certificate that is not its own', async () => {
    const keyFile = join(folder, 'lan-key.pem')
    const first = await loadLanIdentity(folder, ['192.0.2.7'], now)
    await chmod(keyFile, 0o644)
    assert.deepEqual(await loadLanIdentity(folder, ['192.0.2.7'], now), first)
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600)

    const other = await loadLanIdentity(join(folder, 'other'), ['192.0.2.7'], now)
    await writeFile(keyFile, other.key)
    await chmod(keyFile, 0o644)
    const { cert, key } = await loadLanIdentity(folder, ['192.0.2.7'], now)
    assert.ok(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    assert.equal(await readFile(keyFile, 'utf8'), key)
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600)
  })

  test('prefers the addresses of real networks', () => {
    const entry = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4', internal = false) =>
      ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as never
    assert.deepEqual(
      lanAddresses({
        lo: [entry('127.0.0.1', 'IPv4', true)],
        docker0: [entry('172.17.0.1')],
        wlan0: [entry('fe80::1', 'IPv6'), entry('169.254.1.1'), entry('192.168.1.5')],
      }),
      ['192.168.1.5', '172.17.0.1'],
    )
  })
})
