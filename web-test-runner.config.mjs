/**
 * Tests that need a browser: `test/browser`. They talk to real relays, which run in this process and which a test
 * starts and stops by the plugin's commands.
 */

import { fileURLToPath } from 'node:url'
import { esbuildPlugin } from '@web/dev-server-esbuild'
import { playwrightLauncher } from '@web/test-runner-playwright'
import { tsImport } from 'tsx/esm/api'

const { CHROMIUM_FLAGS, CHROMIUM_PERMISSIONS, findChromium, WEBGPU_FLAGS } = await tsImport(
  './test/support/chromium.ts',
  import.meta.url,
)
const { commonjsPackages } = await tsImport('./test/support/commonjs-packages.ts', import.meta.url)
const { relayCommands } = await tsImport('./test/support/relay-commands.ts', import.meta.url)

/** Milliseconds. */
const MINUTE = 60_000

export default {
  files: 'test/browser/**/*.test.ts',
  nodeResolve: { browser: true, exportConditions: ['browser'] },
  plugins: [
    esbuildPlugin({
      ts: true,
      target: 'es2022',
      tsconfig: fileURLToPath(new URL('tsconfig.window.json', import.meta.url)),
    }),
    commonjsPackages(['denque', 'eventemitter3', 'hashlru', 'netmask']),
    relayCommands(),
  ],
  // The tests are many tabs in one page each; two pages at a time would starve each other.
  concurrency: 1,
  browsers: [
    playwrightLauncher({
      product: 'chromium',
      launchOptions: { executablePath: await findChromium(), args: [...CHROMIUM_FLAGS, ...WEBGPU_FLAGS] },
      createBrowserContext: ({ browser }) => browser.newContext({ permissions: [...CHROMIUM_PERMISSIONS] }),
    }),
  ],
  // They only end what hangs: a busy machine must fail none.
  browserStartTimeout: 5 * MINUTE,
  testsStartTimeout: 5 * MINUTE,
  testFramework: { config: { timeout: 5 * MINUTE } },
  testsFinishTimeout: 15 * MINUTE,
}
