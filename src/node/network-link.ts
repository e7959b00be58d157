/**
 * A network as a text that a link carries: its params in bech32m (BIP350), which addresses use, too. One wrong character is always found; the letters and digits can
 * be read aloud, and typed in either case. Whatever is accepted passes `checkParams`. Pure, any thread.
 */
import { bech32m } from '@scure/base'
import { decodeParams, encodeParams, MAX_PARAMS_BYTES, type NetworkParams } from '../consensus/params.ts'
import { invalid, type Result } from '../primitives/result.ts'

/** What such a text begins with, followed by `1`. */
const PREFIX = 'net'

/** Characters that stand for five bits each (BIP173). */
const CHARACTERS = /^[qpzry9x8gf2tvdw0s3jn54khce6mua7l]*$/

/** Greatest length of such a text, characters: prefix, `1`, five bits a character, six characters of checksum. */
export const MAX_NETWORK_LINK = PREFIX.length + 1 + Math.ceil((MAX_PARAMS_BYTES * 8) / 5) + 6

/** The text of a network, about 115 characters in lower case. `params` pass `checkParams`. */
export function encodeNetworkLink(params: NetworkParams): string {
  return bech32m.encode(PREFIX, bech32m.toWords(encodeParams(params)), false)
}

/**
 * The network that a text of a stranger stands for. Rejects with `network-link-format` what isn't such a text, with `network-link-length` what is too long for one,
 * with `network-link-checksum` one that was mistyped or cut short, and with the codes of `decodeParams`.
 */
export function decodeNetworkLink(text: string): Result<NetworkParams> {
  if (text.length > MAX_NETWORK_LINK)
    return invalid(
      'network-link-length',
      `The link of a network has at most ${MAX_NETWORK_LINK} characters, this one has ${text.length}.`,
    )
  const [lower, upper] = [text.toLowerCase(), text.toUpperCase()]
  // As BIP173 has it: a code of capitals is read, too. Letters that become Latin ones by that are refused.
  if (!lower.startsWith(`${PREFIX}1`) || (text !== lower && text !== upper))
    return invalid('network-link-format', `The link of a network begins with “${PREFIX}1”, in one case.`)
  const data = lower.slice(PREFIX.length + 1)
  if (!CHARACTERS.test(data)) {
    const wrong = [...data].find((character) => !CHARACTERS.test(character))
    return invalid('network-link-format', `The link of a network has no “${wrong}”: it was mistyped.`)
  }
  const decoded = bech32m.decodeUnsafe(lower, false)
  const bytes = decoded && bech32m.fromWordsUnsafe(decoded.words)
  if (!bytes)
    return invalid(
      'network-link-checksum',
      'The link of the network is damaged: a part of it is missing or was mistyped. Ask whoever gave it to you for the whole link.',
    )
  const params = decodeParams(Uint8Array.from(bytes))
  if (params.ok || params.code !== 'params-decode-failed') return params
  return invalid(
    params.code,
    'The link is whole, but it holds no network that this page can read. A newer page may know it.',
  )
}
