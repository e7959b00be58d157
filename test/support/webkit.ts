/**
 * WebKit as Debian has it (WebKitGTK's MiniBrowser), driven by its W3C WebDriver over HTTP, on a screen that nobody sees. It has no WebRTC.
 * Thread: Node's main.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DIST } from '../../relay/build.ts'
import { loadPage, type PageHandler } from '../../relay/page.ts'
import { PATIENCE } from './node-tab.ts'
import { findProgram } from './programs.ts'
import { type DriverWindow, WebDriverTab } from './web-driver-tab.ts'

/** Why a journey with WebKit is skipped; false when it isn't. */
export const NO_WEBKIT: string | false =
  (findProgram(['WebKitWebDriver']) === undefined || findProgram(['Xvfb']) === undefined) &&
  'There is no WebKit here: install it (apt-get install webkit2gtk-driver libwebkit2gtk-4.1-0 xvfb).'

/** In the place of what Debian's WebKit lacks: connections that never come about. A page elsewhere would be told that its browser lacks WebRTC. */
const NO_CONNECTIONS = `
globalThis.RTCPeerConnection ??= class extends EventTarget {
  connectionState = 'new'
  createDataChannel = () => Object.assign(new EventTarget(), { readyState: 'connecting', close() {} })
  createOffer = () => Promise.reject(new Error('This browser has no WebRTC'))
  close() {}
}
`

export class WebKit {
  readonly #processes: readonly ChildProcess[]
  readonly #folder: string
  readonly #session: string

  private constructor(processes: readonly ChildProcess[], folder: string, session: string) {
    this.#processes = processes
    this.#folder = folder
    this.#session = session
  }

  /** Starts a screen, the driver, and by it a browser with a new profile. */
  static async start(): Promise<WebKit> {
    const folder = await mkdtemp(join(tmpdir(), 'opentab-webkit-'))
    const screen = spawn(findProgram(['Xvfb'])!, ['-displayfd', '1', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [display] = (await once(screen.stdout!, 'data')) as [Buffer]
    const port = await freePort()
    const driver = spawn(findProgram(['WebKitWebDriver'])!, [`--port=${port}`, '--host=127.0.0.1'], {
      stdio: 'ignore',
      env: {
        ...process.env,
        HOME: folder,
        DISPLAY: `:${display.toString().trim()}`,
        // Neither a graphics card nor services of a desktop.
        LIBGL_ALWAYS_SOFTWARE: '1',
        WEBKIT_DISABLE_DMABUF_RENDERER: '1',
        NO_AT_BRIDGE: '1',
      },
    })
    const address = `http://127.0.0.1:${port}`
    await untilAnswered(`${address}/status`, driver)
    const { sessionId } = (await ask('POST', `${address}/session`, {
      capabilities: { alwaysMatch: { timeouts: { script: PATIENCE, pageLoad: PATIENCE } } },
    })) as { sessionId: string }
    return new WebKit([driver, screen], folder, `${address}/session/${sessionId}`)
  }

  /** The browser's window. */
  tab(name: string): WebDriverTab {
    const session = this.#session
    const window: DriverWindow = {
      run: (script, args) => ask('POST', `${session}/execute/async`, { script, args }),
      async navigate(url) {
        await ask('POST', `${session}/url`, { url })
      },
      async refresh() {
        await ask('POST', `${session}/refresh`, {})
      },
      async close() {
        await ask('DELETE', `${session}/window`)
      },
    }
    return new WebDriverTab(name, window)
  }

  /** As the browser's button does. */
  async back(): Promise<void> {
    await ask('POST', `${this.#session}/back`, {})
  }

  async close(): Promise<void> {
    await ask('DELETE', this.#session).catch(() => undefined)
    for (const child of this.#processes) {
      const ended = once(child, 'exit')
      if (child.kill()) await ended
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** The built page for a browser without WebRTC, which tabs elsewhere never meet. */
export async function pageWithoutConnections(): Promise<PageHandler> {
  const folder = await mkdtemp(join(tmpdir(), 'opentab-page-'))
  try {
    await cp(DIST, folder, { recursive: true })
    await writeFile(join(folder, 'no-connections.js'), NO_CONNECTIONS)
    const index = join(folder, 'index.html')
    const html = await readFile(index, 'utf8')
    await writeFile(index, html.replace('<script', '<script src="/no-connections.js"></script><script'))
    return await loadPage(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Sends a command, and answers its `value`. Rejects with what the driver says. */
async function ask(method: string, address: string, parameters?: object): Promise<unknown> {
  const response = await fetch(address, {
    method,
    ...(parameters && { body: JSON.stringify(parameters) }),
  })
  const { value } = (await response.json()) as { value: { message?: string } }
  if (!response.ok) throw new Error(`WebKit: ${value.message}`)
  return value
}

/** The driver says nowhere when it listens. */
async function untilAnswered(address: string, driver: ChildProcess): Promise<void> {
  while (driver.exitCode === null) {
    const answer = await fetch(address).catch(() => undefined)
    if (answer?.ok) return
    await pause(50)
  }
  throw new Error(`WebKit's driver ended with ${driver.exitCode}.`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
