/**
 * JSON-RPC as Bitcoin Core's server speaks it (its `httprpc.cpp` and `rpc/request.cpp`): versions 1.0, 1.1 and 2.0, single calls and batches, and
 * the HTTP status that goes with each answer. No socket is known here. Thread: Node's main.
 */
import { RPC_INTERNAL_ERROR, RPC_METHOD_NOT_FOUND, type RpcResponse } from '../src/node/rpc-error.ts'

const RPC_INVALID_REQUEST = -32600
const RPC_PARSE_ERROR = -32700

/** Most calls of one batch. */
export const MAX_BATCH = 1000

/** Most characters that the answers of one batch have together: calls after them are not made. */
const MAX_BATCH_ANSWER = 64_000_000

/**
 * Carries a call out. `params` are in order, or one object that names them. `wallet`: the name in the path `/wallet/NAME`, undefined without. Its
 * rejection is a bug, and is told the caller as an internal error.
 */
export type Call = (
  method: string,
  params: readonly unknown[],
  wallet: string | undefined,
) => Promise<RpcResponse>

/** What is sent back. */
export interface HttpAnswer {
  readonly status: number
  /** JSON and a line's end; empty where nothing is to be said (204). */
  readonly body: string
}

/** What is known of a request before it is found wrong. */
interface Head {
  readonly isVersion2: boolean
  /** Undefined where the request has none: in version 2.0 it wants no answer. */
  readonly id: unknown
}

type Request = Head & { readonly method: string; readonly params: readonly unknown[] }

type Wrong = Head & { readonly wrong: string }

/** Answers the body of a request. Calls of a batch are made one after the other; `isGone` says that nobody waits for the rest. */
export async function answerJsonRpc(
  body: string,
  call: (method: string, params: readonly unknown[]) => Promise<RpcResponse>,
  isGone: () => boolean = () => false,
): Promise<HttpAnswer> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return failed(500, RPC_PARSE_ERROR, 'Parse error')
  }
  if (Array.isArray(value)) return answerBatch(value, call, isGone)
  if (!isObject(value)) return failed(500, RPC_PARSE_ERROR, 'Top-level object parse error')
  const request = read(value)
  if ('wrong' in request) return { status: 400, body: `${written(request, invalid(request))}\n` }
  const response = await made(request, call)
  if (isNotification(request)) return { status: 204, body: '' }
  return { status: statusOf(request, response), body: `${written(request, response)}\n` }
}

async function answerBatch(
  values: readonly unknown[],
  call: (method: string, params: readonly unknown[]) => Promise<RpcResponse>,
  isGone: () => boolean,
): Promise<HttpAnswer> {
  if (values.length > MAX_BATCH)
    return failed(
      400,
      RPC_INVALID_REQUEST,
      `A batch holds at most ${MAX_BATCH} calls. None of these was made.`,
    )
  const answers: string[] = []
  let length = 0
  for (const value of values) {
    if (isGone()) break
    const request = isObject(value) ? read(value) : UNREADABLE
    const response =
      'wrong' in request
        ? invalid(request)
        : length > MAX_BATCH_ANSWER
          ? error(RPC_INTERNAL_ERROR, 'The answers of this batch are too long. This call was not made.')
          : await made(request, call)
    if (isNotification(request)) continue
    const answer = written(request, response)
    length += answer.length
    answers.push(answer)
  }
  // An empty batch has an empty answer, as Bitcoin Core gives it, rather than none as JSON-RPC 2.0 wants.
  if (answers.length === 0 && values.length > 0) return { status: 204, body: '' }
  return { status: 200, body: `[${answers.join(',')}]\n` }
}

const UNREADABLE: Wrong = { isVersion2: false, id: undefined, wrong: 'Invalid Request object' }

function read(value: Readonly<Record<string, unknown>>): Request | Wrong {
  const { id, jsonrpc, method, params } = value
  const head = { isVersion2: jsonrpc === '2.0', id }
  if (jsonrpc !== undefined && jsonrpc !== null) {
    if (typeof jsonrpc !== 'string') return { ...head, wrong: 'jsonrpc field must be a string' }
    // 1.1 is what older clients say; Bitcoin Core's own speaks of 1.0.
    if (!['1.0', '1.1', '2.0'].includes(jsonrpc)) return { ...head, wrong: 'JSON-RPC version not supported' }
  }
  if (method === undefined || method === null) return { ...head, wrong: 'Missing method' }
  if (typeof method !== 'string') return { ...head, wrong: 'Method must be a string' }
  if (params === undefined || params === null) return { ...head, method, params: [] }
  if (Array.isArray(params)) return { ...head, method, params }
  if (!isObject(params)) return { ...head, wrong: 'Params must be an array or object' }
  return { ...head, method, params: Object.keys(params).length === 0 ? [] : [params] }
}

async function made(
  { method, params }: Request,
  call: (method: string, params: readonly unknown[]) => Promise<RpcResponse>,
): Promise<RpcResponse> {
  try {
    return await call(method, params)
  } catch (failure) {
    return error(RPC_INTERNAL_ERROR, failure instanceof Error ? failure.message : String(failure))
  }
}

function isNotification(request: Request | Wrong): boolean {
  return request.isVersion2 && request.id === undefined && !('wrong' in request)
}

/** Version 2.0 tells errors in the body alone. */
function statusOf({ isVersion2 }: Head, response: RpcResponse): number {
  if (isVersion2 || !('error' in response)) return 200
  return response.error.code === RPC_METHOD_NOT_FOUND ? 404 : 500
}

function written({ isVersion2, id = null }: Head, response: RpcResponse): string {
  if (isVersion2) {
    const told = 'error' in response ? response : { result: response.result ?? null }
    return JSON.stringify({ jsonrpc: '2.0', ...told, id })
  }
  const [result, failure] = 'error' in response ? [null, response.error] : [response.result ?? null, null]
  return JSON.stringify({ result, error: failure, id })
}

function invalid({ wrong }: Wrong): RpcResponse {
  return error(RPC_INVALID_REQUEST, wrong)
}

function failed(status: number, code: number, message: string): HttpAnswer {
  return { status, body: `${written({ isVersion2: false, id: null }, error(code, message))}\n` }
}

function error(code: number, message: string): RpcResponse {
  return { error: { code, message } }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
