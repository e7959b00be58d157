/**
 * The built page, held in memory. Files are read once at the start: a request looks its path up in a table and never
 * touches the disk, so that no path, however written, can reach a file outside the page.
 */

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'

/** Answers a request for the page. */
export type PageHandler = (request: IncomingMessage, response: ServerResponse) => void

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.wgsl': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.woff2': 'font/woff2',
}
/** Not worth compressing again. */
const COMPRESSED = new Set(['.png', '.woff2', '.ico'])

interface PageFile {
  readonly body: Buffer
  /** The body compressed, when that is shorter. */
  readonly gzip: Buffer | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** Reads the built page from its directory. Rejects when there is no `index.html`. */
export async function loadPage(directory: string): Promise<PageHandler> {
  const files = new Map<string, PageFile>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const path = file.slice(directory.length).replaceAll('\\', '/').replace(/^\/*/, '/')
    files.set(path, pageFile(path, await readFile(file)))
  }
  const index = files.get('/index.html')
  if (index === undefined) throw new Error(`There is no built page in ${directory}: index.html is missing`)

  return (request, response) => {
    const path = (request.url ?? '/').split(/[?#]/, 1)[0]!
    // A path whose last part has no dot is a view of the page, which has its own routes.
    const isView = !path.slice(path.lastIndexOf('/')).includes('.')
    const file = files.get(path) ?? (isView ? index : undefined)
    if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('There is no such file.\n')
    } else {
      sendFile(file, request, response)
    }
  }
}

/** A file of the page as it is sent: as small as gzip makes it, since that is done once. */
export function compress(body: Buffer): Buffer {
  return gzipSync(body, { level: constants.Z_BEST_COMPRESSION })
}

function pageFile(path: string, body: Buffer): PageFile {
  const extension = extname(path)
  const gzip = COMPRESSED.has(extension) ? undefined : compress(body)
  return {
    body,
    gzip: gzip !== undefined && gzip.length < body.length ? gzip : undefined,
    headers: {
      'content-type': CONTENT_TYPES[extension] ?? 'application/octet-stream',
      // Vite puts a hash of the content into the names below assets/; everything else keeps its name when it changes.
      'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      vary: 'accept-encoding',
    },
  }
}

function sendFile(file: PageFile, request: IncomingMessage, response: ServerResponse): void {
  if (request.headers['if-none-match'] === file.headers.etag) {
    response.writeHead(304, file.headers).end()
    return
  }
  const acceptsGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const body = acceptsGzip && file.gzip !== undefined ? file.gzip : file.body
  response.writeHead(200, {
    ...file.headers,
    ...(body === file.gzip && { 'content-encoding': 'gzip' }),
    'content-length': String(body.length),
  })
  // Node sends no body in answer to HEAD.
  response.end(body)
}
