/**
 * Firefox, driven by Marionette: lines of JSON over TCP that it speaks by itself, with no driver in between. A message is its length in bytes, a
 * colon, and JSON: `[0, id, command, parameters]`, answered by `[1, id, error, result]`. Thread: Node's main.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PATIENCE } from './node-tab.ts'
import { findProgram } from './programs.ts'
import { type DriverWindow, WebDriverTab } from './web-driver-tab.ts'

const PLACES = ['/Applications/Firefox.app/Contents/MacOS/firefox', '/snap/bin/firefox']

/** Marionette on a free port; and connections where there is no network but loopback, as on a machine for tests. Else as Firefox comes. */
const PREFERENCES = {
  'marionette.port': 0,
  'media.peerconnection.ice.loopback': true,
  'permissions.default.microphone': 1,
}

/** Why a journey with Firefox is skipped; false when it isn't. */
export const NO_FIREFOX: string | false =
  findFirefox() === undefined &&
  'There is no Firefox here: install one (apt-get install firefox-esr), or set FIREFOX_PATH to it.'

function findFirefox(): string | undefined {
  const chosen = process.env.FIREFOX_PATH
  return chosen ? findProgram([], [chosen]) : findProgram(['firefox-esr', 'firefox'], PLACES)
}

/** What a command is answered with. */
interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

export class Firefox {
  readonly #process: ChildProcess
  readonly #folder: string
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #commands = 0
  #received = Buffer.alloc(0)
  /** Resolves when the last command is answered: each window's begins by switching to it, so that there is one at a time. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(process: ChildProcess, folder: string, socket: Socket) {
    this.#process = process
    this.#folder = folder
    this.#socket = socket
    socket.on('data', (bytes) => this.#receive(bytes))
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Firefox is gone.'))
    })
  }

  /** Starts a Firefox with a new profile. */
  static async start(): Promise<Firefox> {
    const folder = await mkdtemp(join(tmpdir(), 'opentab-firefox-'))
    const preferences = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    )
    await writeFile(join(folder, 'user.js'), preferences.join(''))
    const child = spawn(
      findFirefox()!,
      ['--headless', '--marionette', '--no-remote', '--profile', folder, 'about:blank'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, HOME: folder, MOZ_CRASHREPORTER_DISABLE: '1' },
      },
    )
    const socket = connect(await portOf(child), '127.0.0.1')
    await once(socket, 'connect')
    const firefox = new Firefox(child, folder, socket)
    await firefox.#send('WebDriver:NewSession', {})
    await firefox.#send('WebDriver:SetTimeouts', { script: PATIENCE, pageLoad: PATIENCE })
    return firefox
  }

  /** Opens a window, which is visible as a tab that people look at. `isPrivate`: a private one. */
  async open(name: string, url: string, isPrivate = false): Promise<WebDriverTab> {
    const parameters = { type: 'window', private: isPrivate }
    const { handle } = (await this.#inTurn(() => this.#send('WebDriver:NewWindow', parameters))) as {
      handle: string
    }
    const inWindow = (command: string, parameters: object = {}): Promise<unknown> =>
      this.#inTurn(async () => {
        await this.#send('WebDriver:SwitchToWindow', { handle })
        return this.#send(command, parameters)
      })
    const window: DriverWindow = {
      async run(script, args) {
        const { value } = (await inWindow('WebDriver:ExecuteAsyncScript', { script, args })) as {
          value: unknown
        }
        return value
      },
      async navigate(to) {
        await inWindow('WebDriver:Navigate', { url: to })
      },
      async refresh() {
        await inWindow('WebDriver:Refresh')
      },
      async close() {
        await inWindow('WebDriver:CloseWindow')
      },
    }
    return new WebDriverTab(name, window).load(url)
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#send('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => this.#process.kill('SIGKILL'))
    await ended
    this.#socket.destroy()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(step)
    this.#last = turn.catch(() => undefined)
    return turn
  }

  #send(command: string, parameters: object): Promise<unknown> {
    const id = ++this.#commands
    const message = JSON.stringify([0, id, command, parameters])
    this.#socket.write(`${Buffer.byteLength(message)}:${message}`)
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #receive(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes])
    for (;;) {
      const colon = this.#received.indexOf(':')
      const end = colon + 1 + Number(this.#received.toString('latin1', 0, Math.max(0, colon)))
      if (colon < 0 || this.#received.length < end) return
      const message: unknown = JSON.parse(this.#received.toString('utf8', colon + 1, end))
      this.#received = this.#received.subarray(end)
      // The first one is Firefox introducing itself.
      if (Array.isArray(message)) this.#answered(message)
    }
  }

  #answered([, id, error, result]: readonly unknown[]): void {
    const waiting = this.#waiting.get(id as number)
    this.#waiting.delete(id as number)
    if (error === null) waiting?.resolve(result)
    else waiting?.reject(new Error(`Firefox: ${(error as { message: string }).message}`))
  }
}

/** The port at which a Firefox that starts listens. Rejects with what it said when it ends instead. */
async function portOf(child: ChildProcess): Promise<number> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    createInterface(child.stdout!).on('line', (line) => {
      lines.push(line)
      const [, port] = /Listening on port (\d+)/.exec(line) ?? []
      if (port === undefined) return
      clearTimeout(late)
      resolve(Number(port))
    })
    // One that never listens ends, and that is told.
    const late = setTimeout(() => child.kill(), PATIENCE)
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`Firefox did not start.\n${lines.join('\n')}`)))
  })
}
