/** Signed invoices for tests, as a node's signer would make them. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import {
  type InvoiceTerms,
  invoiceMessage,
  signedInvoice,
  type UnsignedInvoice,
  unsignedInvoice,
} from '../../src/channels/invoice.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'

export function signInvoice(unsigned: UnsignedInvoice, secretKey: Uint8Array): string {
  const hash = sha256(invoiceMessage(unsigned))
  // Noble puts the recovery id in front.
  const signature = secp256k1.sign(hash, secretKey, { prehash: false, format: 'recovered' })
  return signedInvoice(unsigned, concatBytes(signature.subarray(1), signature.subarray(0, 1)))
}

export function encodeInvoice(terms: InvoiceTerms, prefix: string, secretKey: Uint8Array): string {
  return signInvoice(unsignedInvoice(terms, prefix), secretKey)
}
