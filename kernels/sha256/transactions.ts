/**
 * Identifiers of transactions (BIP141): SHA-256d of each without its witness and with it. Every hash runs in a lane, which takes the next message
 * when it is done with one.
 */
import * as lanes from './lanes'

/** Bytes of a transaction, at most; the stream hashes longer ones. */
export const MAX_BYTES: u32 = 16384

/** For each lane its message, padded; what is copied by the vector may reach beyond. */
const ROOM: usize = 16384 + 128
const messages = memory.data(4 * (16384 + 128), 16)
/** For each lane a block that holds the first hash, padded. */
const firstHashes = memory.data(4 * 64, 16)

/** What each lane is at: address of the next block, how many are left, where the identifier goes, whether it is at the second hash. */
const blocks = memory.data(4 * 4)
const lefts = memory.data(4 * 4)
const targets = memory.data(4 * 4)
const seconds = memory.data(4 * 4)

/** The next message: the transaction's position twice, plus one for the message with the witness. */
let nextMessage: u32 = 0
let messageCount: u32 = 0
/** Address of its transaction, of that one's entry, and where its identifier goes. */
let nextBytes: usize = 0
let nextEntry: usize = 0
let nextTarget: usize = 0

/** Must be called once, before anything else. */
export function initialize(): void {
  for (let lane: usize = 0; lane < 4; lane++) pad(firstHashes + (lane << 6), 32)
}

/**
 * Identifies the transactions that lie at `bytes`, one after another. `entries` holds for each its length and the offset of its witness, which is
 * that of the lock time where it has none, in 32 bits each. Writes 64 bytes for each to `ids`: txid and wtxid.
 */
export function identify(bytes: usize, entries: usize, count: u32, ids: usize): void {
  nextMessage = 0
  messageCount = 2 * count
  nextBytes = bytes
  nextEntry = entries
  nextTarget = ids
  let working = 0
  for (let lane: usize = 0; lane < 4; lane++) working += i32(takeMessage(lane))
  while (working > 0) {
    lanes.compress(load<u32>(blocks), load<u32>(blocks, 4), load<u32>(blocks, 8), load<u32>(blocks, 12))
    for (let lane: usize = 0; lane < 4; lane++) {
      const at = lane << 2
      const left = load<u32>(lefts + at)
      if (left === 0) continue
      store<u32>(blocks + at, load<u32>(blocks + at) + 64)
      store<u32>(lefts + at, left - 1)
      if (left === 1 && !proceed(lane)) working--
    }
  }
  for (let i: u32 = 0; i < count; i++, entries += 8, ids += 64)
    if (!hasWitness(entries)) memory.copy(ids + 32, ids, 32)
}

function hasWitness(entry: usize): bool {
  return load<u32>(entry) - load<u32>(entry, 4) > 4
}

/** Goes on in a lane that is through with a hash. False where nothing is left to do. */
function proceed(lane: usize): bool {
  const at = lane << 2
  if (load<u32>(seconds + at)) {
    lanes.storeLane(lane, load<u32>(targets + at))
    return takeMessage(lane)
  }
  const firstHash = firstHashes + (lane << 6)
  lanes.storeLane(lane, firstHash)
  lanes.startLane(lane)
  store<u32>(blocks + at, u32(firstHash))
  store<u32>(lefts + at, 1)
  store<u32>(seconds + at, 1)
  return true
}

/** Starts the next message in a lane. False where there is none. */
function takeMessage(lane: usize): bool {
  const message = messages + lane * ROOM
  const at = lane << 2
  store<u32>(blocks + at, u32(message))
  if (nextMessage === messageCount) return false
  const length = load<u32>(nextEntry)
  const witnessOffset = load<u32>(nextEntry, 4)
  const both = hasWitness(nextEntry)
  let size = length
  if (both && !(nextMessage & 1)) {
    // Without marker, flag and witness.
    size = witnessOffset + 2
    copy(message, nextBytes, 4)
    copy(message + 4, nextBytes + 6, witnessOffset - 6)
    copy(message + witnessOffset - 2, nextBytes + length - 4, 4)
  } else copy(message, nextBytes, length)
  lanes.startLane(lane)
  store<u32>(lefts + at, pad(message, size))
  store<u32>(targets + at, u32(nextTarget))
  store<u32>(seconds + at, 0)
  const step = both ? 1 : 2
  nextMessage += step
  nextTarget += 32 * step
  if (!(nextMessage & 1)) {
    nextBytes += length
    nextEntry += 8
  }
  return true
}

/** Pads a message (5.1.1) and returns its blocks. */
function pad(message: usize, bytes: u32): u32 {
  const count = (bytes + 9 + 63) >> 6
  const end = message + (count << 6)
  store<u8>(message + bytes, 0x80)
  memory.fill(message + bytes + 1, 0, usize(end - message - bytes - 1))
  store<u64>(end - 8, bswap(u64(bytes) << 3))
  return count
}

/** Copies in steps of 16 bytes: up to 15 more than asked, at both ends. */
function copy(to: usize, from: usize, bytes: u32): void {
  for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at))
}
