/**
 * Who may call from outside, as Bitcoin Core has it: a cookie file, one user with a password (`-rpcuser`, `-rpcpassword`), and users with salted
 * hashes (`-rpcauth`). Thread: Node's main.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The user of the cookie file. */
const COOKIE_USER = '__cookie__'

/** What the command line says of it. */
export interface CredentialOptions {
  /** A user, `user` as its name if empty as in Bitcoin Core, and its password. With it there is no cookie file. */
  readonly password?: { readonly user: string; readonly password: string }
  /** `NAME:SALT$HASH`, as Bitcoin Core's `share/rpcauth/rpcauth.py` writes them; see {@link isRpcAuth}. */
  readonly rpcauth?: readonly string[]
  readonly cookieFile: string
}

/** Knows who may call. */
export interface Credentials {
  /** Whether the value of an `Authorization` header names a user and its password. */
  allow(authorization: string | undefined): boolean
  /** The cookie file, where there is one. */
  readonly cookieFile: string | undefined
  /** Removes the cookie file. */
  forget(): Promise<void>
}

/** Whether a text is `NAME:SALT$HASH`; the hash is HMAC-SHA-256 of the password under the salt's characters, 64 hexadecimal digits. */
export function isRpcAuth(text: string): boolean {
  return /^[^:]+:[^$]+\$[0-9a-f]{64}$/i.test(text)
}

/**
 * Makes the cookie file anew (`__cookie__:` and 64 hexadecimal digits, readable by its owner alone) unless there is a password. Rejects with the
 * system's error where it can't be written.
 */
export async function loadCredentials({
  password,
  rpcauth = [],
  cookieFile,
}: CredentialOptions): Promise<Credentials> {
  const users = rpcauth.map(hashedUser)
  if (password === undefined) {
    const cookie = randomBytes(32).toString('hex')
    await writeCookie(cookieFile, `${COOKIE_USER}:${cookie}`)
    users.push(user(COOKIE_USER, cookie))
  } else users.push(user(password.user || 'user', password.password))
  return {
    cookieFile: password === undefined ? cookieFile : undefined,
    allow(authorization = '') {
      const [, base64] = /^Basic +([\w+/=-]+) *$/i.exec(authorization) ?? []
      if (base64 === undefined) return false
      const text = Buffer.from(base64, 'base64').toString()
      const colon = text.indexOf(':')
      if (colon < 0) return false
      const [name, given] = [text.slice(0, colon), text.slice(colon + 1)]
      // All are asked, so that the time tells no name.
      return users.filter((isUser) => isUser(name, given)).length > 0
    },
    async forget() {
      if (password === undefined) await rm(cookieFile, { force: true })
    },
  }
}

/** Whole or not at all, and never readable by others: a new file takes the place of an old one. */
async function writeCookie(file: string, cookie: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`
  await writeFile(temporary, cookie, { flag: 'wx', mode: 0o600 })
  await rename(temporary, file)
}

type IsUser = (name: string, password: string) => boolean

function user(name: string, password: string): IsUser {
  const salt = randomBytes(16).toString('hex')
  return hashedUser(`${name}:${salt}$${hmac(salt, password).toString('hex')}`)
}

function hashedUser(text: string): IsUser {
  const [, user, salt, hash] = /^([^:]+):([^$]+)\$(.*)$/.exec(text)!
  const expected = Buffer.from(hash!, 'hex')
  const key = randomBytes(16).toString('hex')
  const expectedName = hmac(key, user!)
  return (name, password) => {
    const isName = timingSafeEqual(hmac(key, name), expectedName)
    const isPassword = timingSafeEqual(hmac(salt!, password), expected)
    return isName && isPassword
  }
}

function hmac(key: string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
