/** Kernels as files beside the page (kernels/build). Any worker. */

/** The content of a kernel's file. Rejects with an Error that says the status that the server gave. */
export async function fetchKernel(url: URL): Promise<ArrayBuffer> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`its file was not found, status ${response.status}`)
  return await response.arrayBuffer()
}

/** What a compiled module exports. Rejects where this browser can't run it. */
export async function kernelExports<T>(module: BufferSource): Promise<T> {
  const { instance } = await WebAssembly.instantiate(module)
  return instance.exports as unknown as T
}
