/** Invoices: BOLT 11, of whose networks our codec knows the prefixes that it is given. */
import assert from 'node:assert/strict'
import { decodeInvoice, type InvoiceCode } from '../../src/channels/invoice.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { isRecord } from '../support/vector-files.ts'
import { notApplicable } from '../support/vector-report.ts'
import type { VectorRule } from './rule.ts'

interface InvoiceVector {
  readonly valid: boolean
  readonly invoice: string
  readonly about: string
}

/** What each reason that BOLT 11 gives is called here. */
const CODE_OF_REASON: Readonly<Record<string, InvoiceCode>> = {
  'Bech32 checksum is invalid.': 'invoice-checksum',
  'Malformed bech32 string (no 1)': 'invoice-format',
  'Malformed bech32 string (mixed case)': 'invoice-mixed-case',
  'Signature is not recoverable.': 'invoice-signature',
  'String is too short.': 'invoice-length',
  'Invalid multiplier': 'invoice-amount',
  'Invalid sub-millisatoshi precision.': 'invoice-amount',
  'Missing required `s` field.': 'invoice-missing',
  "Non canonical signature (high-S) with 'n' field defined": 'invoice-signature',
}

/** Who signed all of the valid ones. */
const PAYEE = '03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad'

const invoices: VectorRule = {
  folder: 'bolt',
  accepts: ({ rows }) => isRecord(rows[0]) && 'invoice' in rows[0] && 'valid' in rows[0],
  run: ({ rows }, report) => {
    for (const { valid, invoice, about } of rows as readonly InvoiceVector[])
      report.row(about, () => {
        if (invoice === '') notApplicable('no invoice in the file')
        const decoded = decodeInvoice(invoice, /^lntb/i.test(invoice) ? 'tb' : 'bc')
        if (valid) {
          assert(decoded.ok, decoded.ok ? '' : decoded.detail)
          // High and low s recover to different keys.
          if (!about.includes('high-S')) assert.equal(bytesToHex(decoded.value.payee), PAYEE)
        } else {
          assert(!decoded.ok)
          assert.equal(decoded.code, CODE_OF_REASON[about])
        }
      })
  },
}

export const invoiceRules: readonly VectorRule[] = [invoices]
