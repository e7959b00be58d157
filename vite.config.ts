/** How the page is built and, with `npm run dev`, served from its sources. */

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { buildKernels } from './kernels/build.ts'

const project = fileURLToPath(new URL('.', import.meta.url))

// The workers load the kernels as files.
await buildKernels()

export default defineConfig({
  root: fileURLToPath(new URL('web', import.meta.url)),
  build: {
    outDir: fileURLToPath(new URL('dist', import.meta.url)),
    emptyOutDir: true,
    target: 'es2023',
    // Every file under its own address: the Content-Security-Policy lets no script or worker come from data: URLs.
    assetsInlineLimit: 0,
    // Every browser that has what a tab needs loads modules in parallel by itself; the polyfill would be inline script.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  worker: { format: 'es' },
  server: {
    // The sources lie beside the root, in src/.
    fs: { allow: [project] },
  },
})
