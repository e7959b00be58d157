/** What lessons say of messages, outputs and scripts, in plain sentences with the names of the people. Pure, any thread. */
import type { CommitmentOutput } from '../channels/commitment-transaction.ts'
import type { ChannelMessage } from '../channels/messages.ts'
import { ANCHOR_DELAY } from '../channels/scripts.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { opcodeName } from '../script/opcode-names.ts'
import { ScriptReader } from '../script/opcodes.ts'

/** `1,234`: digits in groups of three. */
export function groupText(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1,234 sat` */
export function satText(amount: number): string {
  return `${groupText(String(Math.floor(amount)))} sat`
}

/** Of millisatoshis: fees of hops have fractions of a satoshi. */
export function msatText(amount: number): string {
  const rest = amount % 1000
  return rest === 0
    ? satText(amount / 1000)
    : satText(amount / 1000).replace(' sat', `.${String(rest).padStart(3, '0').replace(/0+$/, '')} sat`)
}

/** `1 block`, `12 blocks` */
export function blocksText(count: number): string {
  return count === 1 ? '1 block' : `${count} blocks`
}

/** The first digits of a hash or secret. */
export function shortHex(bytes: Uint8Array): string {
  return `${bytesToHex(bytes.subarray(0, 4))}…`
}

/** What a message means, said by `from` to `to`. */
export function messageText(from: string, to: string, message: ChannelMessage): string {
  switch (message.type) {
    case 'open_channel':
      return `${from} asks ${to} for a channel of ${satText(message.fundingAmount)} and tells the public keys for it.`
    case 'accept_channel':
      return `${to} hears the public keys of ${from}: both can now work out the shared output.`
    case 'funding_created':
      return `${from} names the output that will hold the money, and signs ${to}’s first commitment.`
    case 'funding_signed':
      return `${from} signs ${to}’s first commitment. ${to} can pay in safely now: it would bring all of it back.`
    case 'channel_ready':
      return `${from} has seen the funding in a block, and is ready.`
    case 'update_add_htlc':
      return `${from} offers ${to} ${msatText(message.amount)} for the secret of hash ${shortHex(message.paymentHash)}, up to block ${message.expiry}.`
    case 'commitment_signed':
      return `${from} signs a new commitment of ${to}’s: ${to} could publish it from now on.`
    case 'revoke_and_ack':
      return `${from} tells the secret of the commitment that is given up. Should ${from} ever publish that one, ${to} takes everything.`
    case 'update_fulfill_htlc':
      return `${from} shows ${to} the secret ${shortHex(message.preimage)}: the money is ${from}’s.`
    case 'update_fail_htlc':
    case 'update_fail_malformed_htlc':
      return `${from} gives the payment back to ${to}.`
    case 'update_fee':
      return `${from} proposes another fee for the commitments.`
    case 'shutdown':
      return `${from} wants to close, and says where the money goes.`
    case 'closing_complete':
      return `${from} proposes a closing transaction, signed.`
    case 'closing_sig':
      return `${from} signs it, too: it can be published.`
    case 'channel_reestablish':
      return `${from} tells how far the channel has come, to go on from there.`
    case 'announcement_signatures':
      return `${from} signs the announcement of the channel.`
    case 'error':
    case 'warning':
      return `${from} says: ${message.text}`
  }
}

/** One way to spend an output. */
export interface Way {
  readonly who: string
  readonly when: string
  /** Beside a signature; undefined for nothing. */
  readonly needs?: string
}

/** The commitment that an output is in. */
export interface OutputTerms {
  /** Of the commitment, who waits `delay` blocks. */
  readonly owner: string
  readonly other: string
  readonly delay: number
  /** Whether the commitment was given up. */
  readonly given: boolean
  /** Whether it is its holder's, as whoever keeps it sees it. */
  readonly ofHolder: boolean
}

/** What an output of a commitment is for, and who can spend it. */
export function outputWords(
  output: CommitmentOutput,
  { owner, other, delay, given, ofHolder }: OutputTerms,
): { readonly title: string; readonly whose: string; readonly ways: readonly Way[] } {
  const punished: Way = {
    who: other,
    when: 'at once',
    needs: given
      ? `the secret of this state, which ${other} has`
      : `the secret of this state, which ${owner} tells when it is given up`,
  }
  switch (output.kind) {
    case 'to-local':
      return {
        title: `${owner}’s share`,
        whose: owner,
        ways: [{ who: owner, when: `${blocksText(delay)} after it is published` }, punished],
      }
    case 'to-remote':
      return {
        title: `${other}’s share`,
        whose: other,
        ways: [{ who: other, when: '1 block after' }],
      }
    case 'local-anchor':
    case 'remote-anchor': {
      const who = output.kind === 'local-anchor' ? owner : other
      return {
        title: `${who}’s anchor, to add a fee`,
        whose: who,
        ways: [
          { who, when: 'at once' },
          { who: 'anyone', when: `${blocksText(ANCHOR_DELAY)} after` },
        ],
      }
    }
    case 'htlc': {
      const { htlc } = output
      const [payer, payee] = htlc.offered === ofHolder ? [owner, other] : [other, owner]
      const hash = shortHex(htlc.paymentHash)
      const late = (who: string) => (who === owner ? `, then ${blocksText(delay)} more` : '')
      return {
        title: `Payment under way, ${payer} to ${payee}`,
        whose: payee,
        ways: [
          { who: payee, when: `1 block after${late(payee)}`, needs: `the secret of hash ${hash}` },
          { who: payer, when: `from block ${htlc.expiry + 1} on${late(payer)}` },
          punished,
        ],
      }
    }
  }
}

/** What the leaves of outputs are called. */
export const LEAF_NAMES: Readonly<Record<string, string>> = {
  settle: 'the owner’s, later',
  revocation: 'the penalty',
  sweep: 'anyone’s, later',
  success: 'with the secret',
  timeout: 'back at the end',
}

/** A script in words: opcodes by their names, data in hex. */
export function scriptText(script: Uint8Array): string {
  const words: string[] = []
  const reader = new ScriptReader(script)
  while (reader.next())
    words.push(reader.dataLength > 0 ? bytesToHex(reader.data) : opcodeName(reader.opcode))
  return words.join(' ')
}
