/** The page's entry: shows the app at once, then loads and starts the node beside it. */
import { App } from './app.ts'
import { trustOwnThreads } from './own-threads.ts'
import type { Opentab } from './tab/opentab.ts'
import { applyTheme } from './theme.ts'

declare global {
  interface Window {
    /** The node of this tab, for scripts and the console. */
    opentab?: Opentab
  }
}

trustOwnThreads()
applyTheme()
const app = new App()
document.body.append(app)
void app.start(async (progress) => {
  // Loaded by itself: libp2p is most of the page's weight, and the start screen needn't wait for it.
  const { startTab } = await import('./tab/start.ts')
  const opentab = await startTab(progress)
  window.opentab = opentab
  return opentab
})
