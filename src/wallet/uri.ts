/**
 * Payment links (BIP21) with a scheme of our own: `opentab:<address>?amount=0.5&label=Ana&message=Lunch`. What a QR
 * code holds and what a link on another page opens: a stranger's words, refused by value. Pure, any thread.
 */
import { formatCoins, parseCoins, type Sats } from '../primitives/amount.ts'
import { MAX_LABEL_CHARACTERS } from './metadata.ts'
import { invalid, ok, type Rejection, type Result } from './result.ts'
import { withoutTurns } from './strangers-words.ts'

export const PAYMENT_SCHEME = 'opentab'

export interface PaymentLink {
  readonly address: string
  readonly amount: Sats | undefined
  /** Who is paid: see `withoutTurns`, as for the message. */
  readonly label: string | undefined
  /** What for. */
  readonly message: string | undefined
}

const MAX_LINK_CHARACTERS = 2_000

export function formatPaymentLink(link: PaymentLink, scheme: string = PAYMENT_SCHEME): string {
  const { address, amount, label, message } = link
  const values = {
    amount: amount === undefined ? undefined : formatCoins(amount).replace(/\.?0+$/, ''),
    label,
    message,
  }
  const query = Object.entries(values).flatMap(([name, value]) => {
    // A lone half of a surrogate pair has no encoding.
    return value ? [`${name}=${encodeURIComponent(value.replace(/\p{Surrogate}/gu, '\ufffd'))}`] : []
  })
  return `${scheme}:${address}${query.length > 0 ? '?' : ''}${query.join('&')}`
}

/**
 * Reads a payment link, or a plain address. `checkAddress` is asked about the address, and its rejection is handed
 * on. Rejects with `link-invalid`, and with `link-requires` where the link asks for something that this wallet
 * doesn't know (a `req-` parameter): paying without it would be wrong.
 */
export function parsePaymentLink(
  text: string,
  checkAddress: (address: string) => Result<unknown>,
  scheme: string = PAYMENT_SCHEME,
): Result<PaymentLink> {
  const trimmed = text.trim()
  if (trimmed.length > MAX_LINK_CHARACTERS) return bad('it is too long')
  const parts = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/)?([^?#]*)(?:\?([^#]*))?$/i.exec(trimmed)
  if (!parts) return bad('it has a part that does not belong there')
  const [, linkScheme, address, query = ''] = parts
  if (linkScheme !== undefined && linkScheme.toLowerCase() !== scheme)
    return bad(`it begins with "${linkScheme}:", links of this network with "${scheme}:"`)
  const checked = checkAddress(address)
  if (!checked.ok) return checked

  const values = new Map<string, string>()
  for (const parameter of query.split('&').filter(Boolean)) {
    const [name, ...value] = parameter.split('=')
    const decoded = decodePart(value.join('='))
    if (decoded === undefined) return bad(`"${parameter.slice(0, 40)}" is encoded wrong`)
    if (values.has(name)) return bad(`it says "${name.slice(0, 40)}" twice`)
    values.set(name, decoded)
  }
  const required = [...values.keys()].find((name) => name.startsWith('req-'))
  if (required)
    return invalid(
      'link-requires',
      `This link needs "${required.slice(4, 44)}", which this wallet does not know. It was not used.`,
    )
  const amountText = values.get('amount')
  const amount = amountText === undefined ? undefined : parseCoins(amountText)
  if (amountText !== undefined && amount === undefined)
    return bad(`"${amountText.slice(0, 40)}" is no amount of coins`)
  const shorten = (value: string | undefined) =>
    withoutTurns(value ?? '').slice(0, MAX_LABEL_CHARACTERS) || undefined
  return ok({
    address,
    amount,
    label: shorten(values.get('label')),
    message: shorten(values.get('message')),
  })
}

function decodePart(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function bad(reason: string): Rejection {
  return invalid('link-invalid', `This payment link can't be used: ${reason}.`)
}
