/**
 * Guards of the channels, and what each protects: with a guard taken out of the program, its invariant must break. The text of the source is changed
 * while it is loaded, in a process of its own (`guard-loader.ts`); a guard whose text is no more there is a fault of this table.
 */
export interface Guard {
  readonly name: string
  /** Below `src`. */
  readonly file: string
  /** Stands there once. */
  readonly text: string
  readonly without: string
  /** Names of invariants, one of which breaks. */
  readonly breaks: readonly string[]
}

export const GUARDS: readonly Guard[] = [
  {
    name: 'a penalty for a revoked commitment',
    file: 'channels/resolution.ts',
    text: 'return penaltySpends(close.built, close.secret)',
    without: 'return []',
    breaks: ['balance', 'thief'],
  },
  {
    name: 'second-level outputs of a thief are taken, too',
    file: 'channels/resolution.ts',
    text: "const secret = close.kind === 'revoked' ? close.secret : undefined",
    without: "if (close.kind === 'revoked') return resolutions\n  const secret = undefined",
    breaks: ['balance', 'thief'],
  },
  {
    name: 'revoked commitments are kept',
    file: 'channels/channel.ts',
    text: 'for (const commitment of taken.revoked) revoked.set(commitment.number, encodeCommitment(commitment))',
    without: '',
    breaks: ['balance', 'thief'],
  },
  {
    name: 'a message leaves once its state is durable',
    file: 'channels/channel.ts',
    text: 'await this.ports.store.commit([{ keyId, sequence, records, revoked }])',
    without: 'void this.ports.store.commit([{ keyId, sequence, records, revoked }])',
    breaks: ['balance', 'revoked', 'sums', 'payments', 'fault', 'ends', 'hops'],
  },
  {
    name: 'a failure goes upstream once the HTLC downstream is gone for good',
    file: 'channels/monitor.ts',
    text: "if (close.kind !== 'future' && settled !== undefined && depthOf(settled) >= SETTLED_DEPTH)",
    without: "if (close.kind !== 'future')",
    breaks: ['hops', 'balance'],
  },
  {
    name: 'a preimage on the chain is told upstream',
    file: 'channels/monitor.ts',
    text: "this.tellOnce(watched, `preimage ${htlc.id}`, { kind: 'preimage', htlc, preimage })",
    without: '',
    breaks: ['balance', 'payments'],
  },
  {
    name: 'an HTLC upstream is claimed on the chain before it expires',
    file: 'channels/resolution.ts',
    text: "if (close.kind !== 'holder' && close.kind !== 'revoked') return resolutions",
    without: "if (close.kind !== 'revoked') return resolutions",
    breaks: ['balance'],
  },
  {
    name: 'an HTLC that is passed on leaves time to claim the one upstream',
    file: 'channels/incoming.ts',
    text: '',
    without: '',
    breaks: ['balance'],
  },
  {
    name: 'a payment is known to be under way before its HTLC is offered',
    file: 'channels/payment-book.ts',
    text: 'for (const part of parts) void book.set(`${PART_PREFIX}${hash}/${part.id}`, toText(part))',
    without: '',
    breaks: ['balance', 'payments', 'ends'],
  },
  {
    name: 'an invoice is paid once',
    file: 'channels/invoice-book.ts',
    text: 'closed: invoice.paid !== undefined || this.isExpired(invoice)',
    without: 'closed: this.isExpired(invoice)',
    breaks: ['balance', 'payments'],
  },
]
