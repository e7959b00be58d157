/**
 * Which text may become the address of a script (Trusted Types): the first file of one of the page's own threads. The page's policy lets a Worker
 * start by no other. Thread: Window.
 */

/** What TypeScript's DOM library doesn't know yet. */
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(address: string): string | null }): unknown
}

/** Such files, as the build names them. */
const THREAD = /^\/assets\/[\w.-]+\.worker-[\w-]+\.js$/

/** Has the browser refuse every other address with a TypeError, where it knows Trusted Types. Once for the page. */
export function trustOwnThreads(): void {
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory }
  trustedTypes?.createPolicy('default', {
    createScriptURL: (address) => (isOwnThread(address) ? address : null),
  })
}

function isOwnThread(address: string): boolean {
  const { origin, pathname } = new URL(address, location.href)
  return origin === location.origin && THREAD.test(pathname)
}
