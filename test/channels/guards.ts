/**
 * Guards of the channels, and what each protects: with a guard taken out of the program, one of its invariants must break. The source is changed while a
 * copy of the program is bundled; a guard whose text is no more there is a fault of this table.
 */
import type { Focus } from './scenario.ts'

/** What stands in a source, once, and what takes its place. */
export interface Edit {
  /** Below `src`. */
  readonly file: string
  readonly text: string
  readonly without: string
}

export interface Guard {
  readonly name: string
  /** What runs dwell on that show it soon. */
  readonly focus: Focus
  readonly edits: readonly Edit[]
  /** Names of invariants, one of which breaks. */
  readonly breaks: readonly string[]
}

/** The source without the guard; undefined where it has none of it. */
export function withoutGuard({ name, edits }: Guard, path: string, code: string): string | undefined {
  const own = edits.filter(({ file }) => path === `src/${file}`)
  if (own.length === 0) return undefined
  return own.reduce((changed, { file, text, without }) => {
    if (changed.split(text).length !== 2)
      throw new Error(`${file} does not have once what "${name}" takes out: ${text}`)
    return changed.replace(text, () => without)
  }, code)
}

const STORED = 'await this.ports.store.commit([{ keyId, sequence, records, revoked }])'

export const GUARDS: readonly Guard[] = [
  {
    name: 'A thief is punished',
    focus: 'theft',
    edits: [
      {
        file: 'channels/resolution.ts',
        text: 'return penaltySpends(close.built, close.secret)',
        without: 'return []',
      },
    ],
    breaks: ['balance', 'thief'],
  },
  {
    name: 'States that were given up are kept, for the day that one is published',
    focus: 'theft',
    edits: [
      {
        file: 'channels/channel.ts',
        text: 'for (const commitment of taken.revoked) revoked.set(commitment.number, encodeCommitment(commitment))',
        without: '',
      },
    ],
    breaks: ['balance', 'thief'],
  },
  {
    name: 'A message leaves once its state is durable',
    focus: 'death',
    edits: [
      {
        file: 'channels/channel.ts',
        text: STORED,
        without: 'void this.ports.store.commit([{ keyId, sequence, records, revoked }])',
      },
    ],
    breaks: ['durable', 'balance'],
  },
  {
    name: 'An HTLC counts as given back once that is settled',
    focus: 'chain',
    edits: [
      {
        file: 'channels/monitor.ts',
        text: "if (close.kind !== 'future' && settled !== undefined && depthOf(settled) >= SETTLED_DEPTH)",
        without: "if (close.kind !== 'future')",
      },
    ],
    breaks: ['hops', 'balance'],
  },
  {
    name: 'A preimage on the chain is told upstream',
    focus: 'chain',
    edits: [
      {
        file: 'channels/monitor.ts',
        text: 'htlc.offered ? preimageIn(transaction, htlc.paymentHash) : undefined',
        without: 'undefined as Uint8Array | undefined',
      },
    ],
    breaks: ['balance', 'payments', 'hops', 'ends'],
  },
  {
    name: 'An HTLC whose preimage was told is claimed before it expires',
    focus: 'silence',
    edits: [
      {
        file: 'channels/machine.ts',
        text: "if (!terms.offered && removal?.kind === 'fulfill' && state.height >= terms.expiry - claimMargin)",
        without: "if (!terms.offered && removal?.kind === 'fulfill' && state.height >= terms.expiry + 200)",
      },
    ],
    breaks: ['balance', 'ends'],
  },
  {
    name: 'An HTLC that is not given back goes to the chain',
    focus: 'silence',
    edits: [
      {
        file: 'channels/machine.ts',
        text: 'if (terms.offered && state.height >= terms.expiry + expiryGrace)',
        without: 'if (terms.offered && state.height >= terms.expiry + 10_000)',
      },
    ],
    breaks: ['ends'],
  },
  {
    name: "A payment's parts are durable before they leave",
    focus: 'death',
    edits: [
      {
        file: 'channels/payment-book.ts',
        text: '...parts.map((part) => book.set(`${PART_PREFIX}${hash}/${part.id}`, toText({ ...part, onion: EMPTY }))),',
        without: '',
      },
    ],
    breaks: ['balance', 'payments', 'ends'],
  },
  {
    name: 'A payment that was made is durable before its part is gone',
    focus: 'death',
    edits: [
      {
        file: 'channels/payment-book.ts',
        text: '    underway.ended.push(id)\n',
        without: '    await this.ports.book.set(`${PART_PREFIX}${id}`, undefined)\n',
      },
    ],
    breaks: ['balance', 'payments'],
  },
  {
    name: 'A preimage goes upstream before downstream hears that it is known',
    focus: 'death',
    edits: [
      {
        file: 'channels/htlc-switch.ts',
        text: 'else if (origin && !(await this.fulfilUpstream(origin.keyId, origin.htlc, terms.paymentHash, preimage)))\n      return',
        without: '',
      },
    ],
    breaks: ['balance', 'payments', 'ends'],
  },
  {
    name: 'An invoice is paid once',
    focus: 'death',
    edits: [
      {
        file: 'channels/invoice-book.ts',
        text: 'closed: invoice.paid !== undefined || this.isExpired(invoice)',
        without: 'closed: this.isExpired(invoice)',
      },
      {
        file: 'channels/htlc-switch.ts',
        text: 'if (known?.paid) {',
        without: 'if (known === undefined && parts.length === 0) {',
      },
    ],
    breaks: ['once'],
  },
  {
    name: 'A nonce is fresh for each signature',
    focus: 'death',
    edits: [
      {
        file: 'signer/channel-keeper.ts',
        text: '        random: this.options.random.bytes(32),\n        publicKey: basepoints.funding,\n        secretKey: secrets.funding,\n        aggregateKey',
        without:
          '        random: new Uint8Array(32),\n        publicKey: basepoints.funding,\n        secretKey: secrets.funding,\n        aggregateKey',
      },
    ],
    breaks: ['nonce'],
  },
  {
    name: 'A tower punishes for who sleeps too long',
    focus: 'tower',
    edits: [
      {
        file: 'channels/tower-watch.ts',
        text: 'const outcome = await this.ports.submit(penalty)',
        without: "const outcome = 'taken' as string",
      },
    ],
    breaks: ['balance', 'thief'],
  },
  {
    name: 'The newest commitment is published, and no other one is signed',
    focus: 'chain',
    edits: [
      {
        file: 'channels/channel.ts',
        text: '    this.current = taken.state\n',
        without:
          '    this.current = taken.state\n    Object.assign(this, { first: (this as { first?: unknown }).first ?? taken.state.holder })\n',
      },
      {
        file: 'channels/channel.ts',
        text: '    const { commitment, signatures } = holder\n',
        without:
          '    const { commitment, signatures } = (this as unknown as { first: typeof holder }).first ?? holder\n',
      },
      {
        file: 'signer/channel-guard.ts',
        text: 'if (!state.holder.some((held) => isSame(held, commitment)))',
        without: 'if (state.holder.length > 9)',
      },
    ],
    breaks: ['revoked'],
  },
  {
    name: 'What was passed on is not passed on again',
    focus: 'death',
    edits: [
      {
        file: 'channels/htlc-switch.ts',
        text: 'if (this.isPassedOn(keyId, terms.id)) return',
        without: '',
      },
    ],
    // The signer stands behind it.
    breaks: ['refused', 'balance'],
  },
  {
    name: 'The signer pays what was agreed to, and no more',
    focus: 'death',
    edits: [
      {
        file: 'channels/payment-book.ts',
        text: '        if (!offered.has(`${hash}/${id}`)) {',
        without: '        {',
      },
      {
        file: 'signer/channel-spending.ts',
        text: 'return amount <= left ? undefined : notApproved(amount, left)',
        without: 'return undefined',
      },
    ],
    breaks: ['balance', 'payments'],
  },
  {
    name: 'The signer fails nothing upstream that stands downstream',
    focus: 'death',
    edits: [
      {
        file: 'channels/htlc-switch.ts',
        text: "if (!offered.ok && offered.code !== 'channel-halted')",
        without: "if (offered.ok || offered.code !== 'channel-halted')",
      },
      {
        file: 'signer/channel-guard.ts',
        text: 'else if (owed.includes(htlc.id)) least += htlc.amount',
        without: '',
      },
    ],
    breaks: ['balance', 'hops'],
  },
  {
    name: 'What the signer agreed to is durable before its HTLC',
    focus: 'death',
    edits: [
      {
        file: 'signer/channel-keeper.ts',
        text: 'this.ledgerChanged = true\n    await this.save()\n    return OK',
        without: 'this.ledgerChanged = true\n    return OK',
      },
    ],
    breaks: ['refused'],
  },
  {
    name: 'What an HTLC brings is taken off the other side',
    focus: 'death',
    edits: [
      {
        file: 'channels/operation.ts',
        text: 'holderAmount = msat(holderAmount + (offered ? -amount : amount))',
        without:
          'holderAmount = msat(holderAmount + (offered ? -amount : amount) + (amount > 9_000_000 ? 1 : 0))',
      },
    ],
    breaks: ['sums'],
  },
]
