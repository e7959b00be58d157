/** `fetch` that reads files, too: in a browser the kernels come from the page's server, here they lie beside the sources. Any thread. */
import { readFile } from 'node:fs/promises'

const fetchElsewhere = globalThis.fetch

globalThis.fetch = async (resource, options) =>
  resource instanceof URL && resource.protocol === 'file:'
    ? new Response(new Uint8Array(await readFile(resource)))
    : fetchElsewhere(resource, options)
