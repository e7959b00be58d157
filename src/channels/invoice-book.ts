/**
 * The invoices of a node, and what was paid to it unasked (keysend): durable before a payer can hear of them, and before what paid one is taken.
 * Thread: the brain.
 */
import { utf8 } from '@scure/base'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import type { Clock, Random } from '../primitives/ports.ts'
import { notNow, OK, ok, type Result } from '../primitives/result.ts'
import { type Msat, msat } from './amount.ts'
import { features } from './features.ts'
import type { ExpectedPayment } from './incoming.ts'
import { invoiceMessage, type RouteHint, signedInvoice, unsignedInvoice } from './invoice.ts'
import type { ChannelSigner } from './ports.ts'
import type { RecordBook } from './record-book.ts'
import { fromText, toText } from './records.ts'

/** One that can be paid, or was. */
export interface KnownInvoice {
  readonly label: string
  /** Undefined for a keysend. */
  readonly text?: string
  readonly paymentHash: Uint8Array
  readonly preimage: Uint8Array
  readonly paymentSecret?: Uint8Array
  /** Undefined where the payer chooses. */
  readonly amount?: Msat
  readonly description: string
  readonly minFinalCltvExpiryDelta: number
  /** Seconds since 1970. */
  readonly expiresAt: number
  readonly paid?: {
    /** From 1, in the order of payment. */
    readonly index: number
    readonly received: Msat
    /** Seconds since 1970. */
    readonly at: number
    /** Names of the HTLCs that paid it. */
    readonly htlcs: readonly string[]
  }
}

/** What is asked for. */
export interface InvoiceRequest {
  readonly amount?: Msat
  /** Unique; at most 128 characters. */
  readonly label: string
  readonly description: string
  /** Seconds. */
  readonly expiry: number
  readonly minFinalCltvExpiryDelta: number
  readonly routeHints: readonly (readonly RouteHint[])[]
}

export type InvoiceStatus = 'paid' | 'expired' | 'unpaid'

/** Most invoices that are kept, what came unasked among them: strangers send that. */
const MAX_INVOICES = 20_000
/** Bytes of a description at most (BOLT 11). */
const MAX_DESCRIPTION_BYTES = 639
const PREFIX = 'invoice/'

export class InvoiceBook {
  private readonly book: RecordBook
  private readonly signer: Pick<ChannelSigner, 'signNode'>
  private readonly clock: Pick<Clock, 'now'>
  private readonly random: Random
  private readonly addressPrefix: string
  /** By payment hash in hex. */
  private readonly known = new Map<string, KnownInvoice>()
  private readonly waiting = new Map<string, ((invoice: KnownInvoice) => void)[]>()
  private paidCount = 0
  /** Told of each payment once it is durable. */
  private readonly paid: (invoice: KnownInvoice) => void

  constructor(
    book: RecordBook,
    signer: Pick<ChannelSigner, 'signNode'>,
    clock: Pick<Clock, 'now'>,
    random: Random,
    addressPrefix: string,
    paid: (invoice: KnownInvoice) => void = () => {},
  ) {
    this.paid = paid
    this.book = book
    this.signer = signer
    this.clock = clock
    this.random = random
    this.addressPrefix = addressPrefix
    for (const [hash, text] of book.entries(PREFIX)) {
      const invoice = fromText(text) as KnownInvoice
      this.known.set(hash, invoice)
      this.paidCount = Math.max(this.paidCount, invoice.paid?.index ?? 0)
    }
  }

  all(): KnownInvoice[] {
    return [...this.known.values()]
  }

  byLabel(label: string): KnownInvoice | undefined {
    return this.all().find((invoice) => invoice.label === label)
  }

  get(paymentHash: Uint8Array): KnownInvoice | undefined {
    return this.known.get(bytesToHex(paymentHash))
  }

  isExpired({ expiresAt }: KnownInvoice): boolean {
    return this.clock.now() >= expiresAt * 1000
  }

  statusOf(invoice: KnownInvoice): InvoiceStatus {
    if (invoice.paid) return 'paid'
    return this.isExpired(invoice) ? 'expired' : 'unpaid'
  }

  /** Forgets one; it can't be paid any more. Rejects with `invoice-status` where it has another status by now. */
  async delete(invoice: KnownInvoice, status: InvoiceStatus): Promise<Result<void>> {
    const now = this.statusOf(invoice)
    if (now !== status) return notNow('invoice-status', `The invoice is ${now}, not ${status}. It was kept.`)
    await this.remove([invoice])
    return OK
  }

  /** Forgets those of a status that were over `age` seconds ago or longer, but for those that `isNeeded` by channels. Answers how many. */
  async clean(
    status: 'paid' | 'expired',
    age: number,
    isNeeded: (paymentHash: Uint8Array) => boolean,
  ): Promise<number> {
    const latest = this.clock.now() / 1000 - age
    const old = this.all().filter(
      (invoice) =>
        this.statusOf(invoice) === status &&
        (invoice.paid?.at ?? invoice.expiresAt) <= latest &&
        !isNeeded(invoice.paymentHash),
    )
    await this.remove(old)
    return old.length
  }

  private async remove(invoices: readonly KnownInvoice[]): Promise<void> {
    await Promise.all(
      invoices.map(({ paymentHash }) => {
        const hash = bytesToHex(paymentHash)
        this.known.delete(hash)
        return this.book.set(PREFIX + hash, undefined)
      }),
    )
  }

  /** Whether there is room for one more: what has expired makes it. */
  private async hasRoom(): Promise<boolean> {
    if (this.known.size >= MAX_INVOICES) await this.clean('expired', 0, () => false)
    return this.known.size < MAX_INVOICES
  }

  /** Makes an invoice, durable before it is told. Rejects with `invoice-label`, `invoice-description`, `invoices-full` and the signer's codes. */
  async create(request: InvoiceRequest): Promise<Result<KnownInvoice>> {
    const { amount, label, description, expiry, minFinalCltvExpiryDelta, routeHints } = request
    if (label === '' || label.length > 128 || this.byLabel(label))
      return notNow('invoice-label', `The label ‘${label}’ is taken, empty or too long. Choose another one.`)
    if (utf8.decode(description).length > MAX_DESCRIPTION_BYTES)
      return notNow('invoice-description', `A description has at most ${MAX_DESCRIPTION_BYTES} bytes.`)
    if (!(await this.hasRoom()))
      return notNow(
        'invoices-full',
        `There are ${MAX_INVOICES} invoices. Delete old ones with autoclean-once.`,
      )
    const preimage = this.random.bytes(32)
    const paymentSecret = this.random.bytes(32)
    const timestamp = Math.floor(this.clock.now() / 1000)
    const unsigned = unsignedInvoice(
      {
        amount,
        timestamp,
        paymentHash: sha256(preimage),
        paymentSecret,
        description,
        expiry,
        minFinalCltvExpiryDelta,
        fallbacks: [],
        routeHints,
        features: features(['var_onion_optin', 'payment_secret'], ['basic_mpp']),
      },
      this.addressPrefix,
    )
    const signature = await this.signer.signNode(sha256(invoiceMessage(unsigned)))
    if (!signature.ok) return signature
    const invoice: KnownInvoice = {
      label,
      text: signedInvoice(unsigned, signature.value),
      paymentHash: sha256(preimage),
      preimage,
      paymentSecret,
      ...(amount !== undefined && { amount }),
      description,
      minFinalCltvExpiryDelta,
      expiresAt: timestamp + expiry,
    }
    await this.put(invoice)
    return ok(invoice)
  }

  /** What an HTLC of this hash may pay: an invoice, or by `keysend`, its preimage, nothing that was asked for. */
  expected(
    paymentHash: Uint8Array,
    keysend: Uint8Array | undefined,
    minFinalCltvExpiryDelta: number,
  ): ExpectedPayment | undefined {
    const invoice = this.get(paymentHash)
    if (invoice) return { ...invoice, closed: invoice.paid !== undefined || this.isExpired(invoice) }
    if (!keysend || !equalBytes(sha256(keysend), paymentHash)) return undefined
    if (this.known.size >= MAX_INVOICES) return undefined
    return { preimage: keysend, minFinalCltvExpiryDelta, closed: false }
  }

  /** These HTLCs pay it, and are to be fulfilled once this resolves. `keysend`: its preimage, where there is no invoice. */
  async take(
    paymentHash: Uint8Array,
    htlcs: readonly string[],
    received: Msat,
    keysend: Uint8Array | undefined,
  ): Promise<KnownInvoice> {
    const hash = bytesToHex(paymentHash)
    const at = Math.floor(this.clock.now() / 1000)
    const asked: KnownInvoice = this.known.get(hash) ?? {
      label: `keysend-${hash}`,
      paymentHash,
      preimage: keysend!,
      description: 'keysend',
      minFinalCltvExpiryDelta: 0,
      expiresAt: at,
    }
    const paid = { index: ++this.paidCount, received: msat(received), at, htlcs }
    const invoice = { ...asked, paid }
    await this.put(invoice)
    for (const tell of this.waiting.get(hash) ?? []) tell(invoice)
    this.waiting.delete(hash)
    this.paid(invoice)
    return invoice
  }

  /** Resolves when an invoice is paid: at once where it was. */
  wait(invoice: KnownInvoice): Promise<KnownInvoice> {
    const known = this.get(invoice.paymentHash) ?? invoice
    if (known.paid) return Promise.resolve(known)
    const hash = bytesToHex(invoice.paymentHash)
    return new Promise((resolve) => {
      this.waiting.set(hash, [...(this.waiting.get(hash) ?? []), resolve])
    })
  }

  private async put(invoice: KnownInvoice): Promise<void> {
    const hash = bytesToHex(invoice.paymentHash)
    this.known.set(hash, invoice)
    await this.book.set(PREFIX + hash, toText(invoice))
  }
}
