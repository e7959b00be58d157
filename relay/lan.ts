/**
 * What `--lan` needs: this machine's addresses in the local network, and a self-signed certificate for them. A page is
 * a secure context (Web Crypto, Web Locks) over HTTPS only, and a class has no certificate; the one made here costs
 * each browser one warning to accept, and is kept so that it stays accepted.
 */

// @peculiar/x509 wants it loaded first.
import 'reflect-metadata'
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { TlsIdentity } from './server.ts'

const DAY = 24 * 60 * 60 * 1000
/** Safari refuses certificates of more than 398 days. */
const VALID_DAYS = 397
/** Renewed this long before it ends, so that it does not end during a lesson. */
const RENEW_DAYS = 30

/** Virtual networks of containers, virtual machines and tunnels: a phone in the room can't reach them. */
const VIRTUAL_INTERFACE = /^(docker|br-|veth|virbr|vboxnet|vmnet|vEthernet|utun|tun|tap|wg|tailscale|zt)/i

/** IPv4 addresses of this machine's network interfaces, the likeliest to be reached from other computers first. */
export function lanAddresses(
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): string[] {
  const real: string[] = []
  const virtual: string[] = []
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    for (const { address, family, internal } of addresses) {
      // 169.254/16 is what an interface gives itself when no network answers.
      if (family !== 'IPv4' || internal || address.startsWith('169.254.')) continue
      ;(VIRTUAL_INTERFACE.test(name) ? virtual : real).push(address)
    }
  }
  return [...real, ...virtual]
}

/**
 * The certificate and key kept in `directory`, or new ones when there are none, when they don't belong together, when
 * the certificate does not name all of `addresses`, or when it ends soon. `now` is in milliseconds since 1970.
 */
export async function loadLanIdentity(
  directory: string,
  addresses: readonly string[],
  now: number = Date.now(),
): Promise<TlsIdentity> {
  const certFile = join(directory, 'lan-cert.pem')
  const keyFile = join(directory, 'lan-key.pem')
  const kept = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]).catch(
    () => undefined,
  )
  if (kept !== undefined) {
    const identity = { cert: kept[0], key: kept[1] }
    if (isUsable(identity, addresses, now)) {
      // Copied or unpacked, a file may have become readable for others.
      await chmod(keyFile, 0o600)
      return identity
    }
  }
  const identity = await makeIdentity(addresses, now)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await replaceFile(keyFile, identity.key)
  await replaceFile(certFile, identity.cert)
  return identity
}

/** Writes a file that only its owner may read, whole or not at all. What stood there, loose mode included, is gone. */
async function replaceFile(file: string, text: string): Promise<void> {
  const fresh = `${file}.${process.pid}`
  await writeFile(fresh, text, { mode: 0o600 })
  await rename(fresh, file)
}

function isUsable({ cert, key }: TlsIdentity, addresses: readonly string[], now: number): boolean {
  try {
    const certificate = new X509Certificate(cert)
    const ends = Date.parse(certificate.validTo)
    return (
      ends - now > RENEW_DAYS * DAY &&
      // A crash between the two writes leaves a key without its certificate.
      certificate.checkPrivateKey(createPrivateKey(key)) &&
      addresses.every((address) => certificate.checkIP(address) !== undefined)
    )
  } catch {
    return false
  }
}

async function makeIdentity(addresses: readonly string[], now: number): Promise<TlsIdentity> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const name = hostname().toLowerCase()
  const names = new Set(['localhost', ...(/^[a-z0-9.-]{1,63}$/.test(name) ? [name, `${name}.local`] : [])])
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=Opentab on this network',
      keys: keys as CryptoKeyPair,
      signingAlgorithm: algorithm,
      // A day back, since the clocks of a class differ.
      notBefore: new Date(now - DAY),
      notAfter: new Date(now + (VALID_DAYS - 1) * DAY),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([
          ...[...names].map((value) => ({ type: 'dns', value }) as const),
          ...[...new Set(['127.0.0.1', ...addresses])].map((value) => ({ type: 'ip', value }) as const),
        ]),
      ],
    },
    webcrypto as Crypto,
  )
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: certificate.toString('pem'), key: PemConverter.encode(key, 'PRIVATE KEY') }
}
