/**
 * Known answers that a signature kernel must give before it is trusted in this browser: what a miscompiled or altered kernel would fail
 * at once. Its own tests are far more (test/unit/kernels). Check workers; about 30 ms.
 */
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import type { SignatureCheck, SignatureKernel } from '../script/schnorr.ts'

/** Valid signatures: the message's length and the value of each of its bytes, the key, the signature. */
const VALID: readonly SignatureCheck[] = (
  [
    [
      0,
      1,
      '43311589af63c2adda04fcd7792c038a05c12a4fe40351b3eb1612ff6b2e5a0e',
      'b70a8ec66a556dde82da2472dee7bb32c1b2edda58ba038e8e2841739af53514' +
        'df898902d379f95e2f118cbda0f5d929b29f8cde2d0dbe1e30fc63fb59ab6da7',
    ],
    [
      32,
      2,
      'd415b187c6e7ce9da46ac888d20df20737d6f16a41639e68ea055311e1535dd9',
      'daaab01b941db399d808ee908a8069d4690b44a744f7dfd6d6c9b32f08d25b06' +
        'a6ff7b054ca7cb813f369931f2bda59e8caef50a01a62d7539ab981141044f86',
    ],
    [
      32,
      3,
      'd27cd27dbff481bc6fc4aa39dd19405eb6010237784ecba13bab130a4a62df5d',
      '5a999a99801f326093bb60546a1d5f4c382f17c89e03827391aa37433e1c1c49' +
        'eaa2672ab40829d8eb3e25e9a3a34d9a99b64cf98be9c650cfe8139bc831ffa7',
    ],
    [
      100,
      4,
      'a3e107fee8879f5cf901161dbf4ff61c252ba5fec6f6407fe81b9453d244c02c',
      'e669ecb8bc483e8b8f291d59f6af56e9e3d02c1e344b941c1b884e7055fa21a1' +
        '348bcc12b11a02b810dc33a6c9cbeb240fcab79d33fff5219b36dde44e149b63',
    ],
  ] as const
).map(([length, value, key, signature]) => ({
  message: new Uint8Array(length).fill(value),
  publicKey: hexToBytes(key),
  signature: hexToBytes(signature),
}))

/** Throws an Error where the kernel gives another answer than the known one, alone or in batches small and large. */
export function selfTest(kernel: SignatureKernel): void {
  const [, example] = VALID
  for (const check of VALID) expect(kernel, [check], -1)
  for (const part of ['message', 'publicKey', 'signature'] as const)
    for (const at of [0, 31]) expect(kernel, [{ ...example, [part]: flipped(example[part], at) }], 0)
  // Large enough for the algorithm of large batches.
  const large = Array.from({ length: 128 }, (_, i) => VALID[i % VALID.length])
  for (const batch of [VALID, large]) {
    expect(kernel, batch, -1)
    const bad = batch.length - 2
    const forged = { ...batch[bad], signature: flipped(batch[bad].signature, 63) }
    expect(kernel, batch.with(bad, forged), bad)
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, bytes[at] ^ 1)
}

function expect(kernel: SignatureKernel, signatures: readonly SignatureCheck[], position: number): void {
  const found = kernel.findInvalid(signatures)
  if (found === position) return
  const [{ signature }] = signatures
  throw new Error(
    `it answers ${found} instead of ${position} for ${signatures.length} signatures from ${bytesToHex(signature)} on`,
  )
}
