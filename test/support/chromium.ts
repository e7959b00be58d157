/**
 * Finds the Chrome or Chromium that browser tests run in, and names the flags they run it with. Thread: Node's main.
 */

import { findProgram, isExecutable } from './programs.ts'

/** Names under which systems install it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

/** Places outside PATH. */
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
  '/snap/bin/chromium',
]

/** An npm package that brings a Chromium for Linux on x64; an optional dependency, hence the name in a variable. */
const PACKAGE: string = '@sparticuz/chromium'

/**
 * Flags for tests: no sandbox (containers lack what it needs), nothing in the background, and ICE candidates on
 * loopback so that WebRTC connects on a machine without another network.
 */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--allow-loopback-in-peer-connection',
  `--disable-features=${[
    // Each window would bring a process of its own for the address bar, which nobody sees here.
    'WebUIOmniboxPopup',
    'WebUIOmniboxAimPopup',
    // These ask servers elsewhere.
    'AimEnabled',
    'NetworkTimeServiceQuerying',
    'OptimizationHints',
    'PreconnectToSearch',
    'Translate',
  ].join(',')}`,
]

/** Flags that give a page WebGPU on any machine: an adapter in software, which computes what a card would. */
export const WEBGPU_FLAGS: readonly string[] = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']

/** Permissions for test contexts: with the microphone's, ICE also offers the machine's plain addresses. */
export const CHROMIUM_PERMISSIONS: readonly string[] = ['microphone']

/**
 * Path of the browser: `CHROME_PATH`, else one that the system has, else the one of an npm package. Throws an Error
 * that says what to install.
 */
export async function findChromium(): Promise<string> {
  const chosen = process.env.CHROME_PATH
  if (chosen !== undefined && chosen !== '') {
    if (isExecutable(chosen)) return chosen
    throw new Error(`CHROME_PATH names no program: ${chosen}`)
  }
  const found = findProgram(NAMES, PLACES) ?? (await packagedChromium())
  if (found !== undefined) return found
  throw new Error(
    'No Chrome or Chromium found: install one (apt-get install chromium), or set CHROME_PATH to it.',
  )
}

async function packagedChromium(): Promise<string | undefined> {
  try {
    const { default: chromium } = (await import(PACKAGE)) as {
      default: { executablePath(): Promise<string> }
    }
    return await chromium.executablePath()
  } catch {
    return undefined
  }
}
