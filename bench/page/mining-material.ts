/** What the miners of the benchmark search: a header, and a target that no hash meets. */
export const SOME_HEADER: Uint8Array = Uint8Array.from({ length: 80 }, (_, i) => i)
export const NO_HASH: Uint8Array = new Uint8Array(32)
