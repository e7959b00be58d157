/**
 * IP addresses as text (RFC 4291 section 2.2), and the IPv4 addresses that IPv6 ones stand for. The tab and the relay
 * tell apart by address alike, so both read them here. Pure. Thread: any.
 */

/** The four bytes of an IPv4 address; undefined for other text. No leading zeros, which some read as octal. */
export function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.')
  const isIpv4 =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  return isIpv4 ? parts.map(Number) : undefined
}

/** The eight 16-bit words of an IPv6 address; undefined for other text. The zone of a link-local address is left out. */
export function parseIpv6(text: string): number[] | undefined {
  const bare = text.replace(/%.*$/, '')
  // The last four bytes may be written as IPv4 is.
  const tailStart = bare.lastIndexOf(':') + 1
  const ipv4 = parseIpv4(bare.slice(tailStart))
  const plain = ipv4 === undefined ? bare : `${bare.slice(0, tailStart)}${hexWords(ipv4).join(':')}`
  const halves = plain.split('::')
  if (!plain.includes(':') || halves.length > 2) return undefined
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':').map(wordOf)))
  const missing = 8 - head!.length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const words = [...head!, ...Array<number>(missing).fill(0), ...(tail ?? [])]
  return words.every((word) => word >= 0) ? words : undefined
}

/** The four bytes of the IPv4 address that a dual-stack socket shows as this IPv6 one: `::ffff:0:0/96`. */
export function mappedIpv4(words: readonly number[]): number[] | undefined {
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff
  return isMapped ? bytesOfWords(words.slice(6)) : undefined
}

/**
 * The four bytes of the IPv4 address in an IPv6 one that stands for it: mapped, translated (RFC 6052), or 6to4 (RFC
 * 3056). Who holds that IPv4 address may hold many such; but other than a mapped one, none is the same endpoint.
 */
export function embeddedIpv4(words: readonly number[]): number[] | undefined {
  const isTranslated =
    words[0] === 0x64 && words[1] === 0xff9b && words.slice(2, 6).every((word) => word === 0)
  if (isTranslated) return bytesOfWords(words.slice(6))
  return words[0] === 0x2002 ? bytesOfWords(words.slice(1, 3)) : mappedIpv4(words)
}

/** In network order. */
export function bytesOfWords(words: readonly number[]): number[] {
  return words.flatMap((word) => [word >> 8, word & 0xff])
}

function hexWords([a, b, c, d]: readonly number[]): string[] {
  return [a! * 256 + b!, c! * 256 + d!].map((word) => word.toString(16))
}

/** -1 for what is no word. */
function wordOf(part: string): number {
  return /^[0-9a-f]{1,4}$/i.test(part) ? Number.parseInt(part, 16) : -1
}
