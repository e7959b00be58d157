/** What a command line says of programs that call, by the names of Bitcoin Core's options. Pure. */
import { type CredentialOptions, isRpcAuth } from './credentials.ts'

/** How programs call. */
export interface RpcOptions {
  /** TCP port on the loopback. */
  readonly port: number
  readonly credentials: CredentialOptions
}

/** The options, for `parseArgs`. */
export const RPC_OPTIONS = {
  rpc: { type: 'boolean', default: false },
  rpcport: { type: 'string' },
  rpccookiefile: { type: 'string' },
  rpcuser: { type: 'string' },
  rpcpassword: { type: 'string' },
  rpcauth: { type: 'string', multiple: true, default: [] as string[] },
} as const

/** Their values as `parseArgs` gives them. */
export interface RpcValues {
  readonly rpc: boolean
  readonly rpcport?: string
  readonly rpccookiefile?: string
  readonly rpcuser?: string
  readonly rpcpassword?: string
  readonly rpcauth: readonly string[]
}

/** Undefined where nothing is asked for, a sentence where it can't be. `cookieFile`: unless another is named. */
export function readRpcOptions(values: RpcValues, cookieFile: string): RpcOptions | string | undefined {
  const { rpcuser, rpcpassword, rpcauth, rpccookiefile } = values
  if (!values.rpc) {
    const named = [values.rpcport, rpcuser, rpcpassword, rpccookiefile, ...rpcauth].some(
      (value) => value !== undefined,
    )
    return named
      ? '--rpcport, --rpccookiefile, --rpcuser, --rpcpassword and --rpcauth go with --rpc.'
      : undefined
  }
  const text = values.rpcport ?? '18443'
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) return `--rpcport takes a number from 1 to 65535, not "${text}".`
  if (rpcuser !== undefined && !rpcpassword)
    return '--rpcuser goes with --rpcpassword: without a password there is the cookie file.'
  if (rpcuser?.includes(':')) return '--rpcuser takes a name without a colon.'
  if (!rpcauth.every(isRpcAuth))
    return '--rpcauth takes USER:SALT$HASH as Bitcoin Core’s rpcauth.py writes it; in a shell it stands in single quotes.'
  return {
    port,
    credentials: {
      rpcauth,
      cookieFile: rpccookiefile ?? cookieFile,
      ...(rpcpassword && { password: { user: rpcuser ?? '', password: rpcpassword } }),
    },
  }
}
