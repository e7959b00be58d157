/** How the page is built and, with `npm run dev`, served from its sources. */

import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { compactStyles } from './build/compact-styles.ts'
import {
  gossipsubWithoutMetrics,
  libp2pWithoutLog,
  libp2pWithoutUnusedParts,
  protonsWithoutStreams,
} from './build/libp2p-cuts.ts'
import { threadsRunOnce, workersWithPage } from './build/threads.ts'
import { buildKernels } from './kernels/build.ts'
import { PAGE_POLICY } from './relay/content-policy.ts'

const project = fileURLToPath(new URL('.', import.meta.url))

/** What page and threads of a tab that joins begin with: all that these import at once is needed for joining. */
const JOINING = /\/web\/(index\.html|main\.ts|tab\/start\.ts)|\/src\/workers\/(brain|check)\.worker\.ts/

/** Modules that several of those may share. */
const SHARED = /\/src\/|\/node_modules\/(@noble|@scure|idb)\//

// The workers load the kernels as files.
await buildKernels()

/** Whether a tab needs a module for joining, rather than for a part of the program that is imported later. */
function joiningNeeds(id: string, importersOf: (id: string) => readonly string[]): boolean {
  const seen = new Set([id])
  // A set takes in what is added while it is walked.
  for (const module of seen) {
    if (JOINING.test(module)) return true
    for (const importer of importersOf(module)) seen.add(importer)
  }
  return false
}

/** Names in index.html what the node in the page is made of, so that it is on its way before the page's entry asks for it. */
function nodePreloaded(): Plugin {
  return {
    name: 'opentab:node-preloaded',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle = {}, chunk: entry }) {
        const node = Object.values(bundle).find(({ fileName }) => fileName.startsWith('assets/start-'))
        const files = new Set(node && [node.fileName])
        // A set takes in what is added while it is walked.
        for (const file of files) {
          const part = bundle[file]
          if (part?.type === 'chunk') for (const name of part.imports) files.add(name)
        }
        files.delete(entry!.fileName)
        return [...files].map((file) => ({
          tag: 'link',
          attrs: { rel: 'modulepreload', href: `/${file}`, crossorigin: true, fetchpriority: 'low' },
          injectTo: 'head' as const,
        }))
      },
    },
  }
}

/** Writes the page's Content-Security-Policy into it, above everything that it governs. */
function policyCarried(): Plugin {
  return {
    name: 'opentab:policy-carried',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: PAGE_POLICY },
          injectTo: 'head-prepend',
        },
      ],
    },
  }
}

/** Lists the page's files in `files.json`, from which a tab fetches what it hasn't needed yet, before the server is gone. */
function filesListed(): Plugin {
  return {
    name: 'opentab:files-listed',
    apply: 'build',
    generateBundle(_options, bundle) {
      const files = Object.keys(bundle).filter((name) => name.startsWith('assets/'))
      this.emitFile({ type: 'asset', fileName: 'files.json', source: JSON.stringify(files) })
    },
  }
}

export default defineConfig({
  root: fileURLToPath(new URL('web', import.meta.url)),
  build: {
    outDir: fileURLToPath(new URL('dist', import.meta.url)),
    emptyOutDir: true,
    target: 'es2023',
    // Every file under its own address: the Content-Security-Policy lets no script or worker come from data: URLs.
    assetsInlineLimit: 0,
    // It would be an inline script, and by way of the document: see above.
    modulePreload: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      output: {
        // One file of what the window and the threads of a new tab share, rather than one for each set of sharers: less to ask for, and they
        // compress better together.
        codeSplitting: {
          groups: [
            {
              debugName: 'shared',
              name: (id, graph) =>
                joiningNeeds(id, (module) => graph.getModuleInfo(module)?.importers ?? []) ? 'shared' : null,
              minShareCount: 2,
              test: SHARED,
            },
          ],
        },
      },
    },
  },
  plugins: [
    workersWithPage(),
    threadsRunOnce(),
    nodePreloaded(),
    policyCarried(),
    filesListed(),
    compactStyles(),
    libp2pWithoutLog(),
    libp2pWithoutUnusedParts(),
    gossipsubWithoutMetrics(),
    protonsWithoutStreams(),
  ],
  // Found before the first visit, which would be reloaded otherwise: what the workers and the later views import.
  optimizeDeps: { entries: ['index.html', 'views/*.ts', '../src/*/*.worker.ts'] },
  server: {
    // The sources lie beside the root, in src/.
    fs: { allow: [project] },
  },
})
