/** What the numbers in nLockTime and nSequence mean. */

/** Lock times below are heights, the others seconds since 1970. */
export const LOCK_TIME_THRESHOLD = 500_000_000

/** nSequence of an input that sets no lock; where all inputs have it, nLockTime is void. */
export const SEQUENCE_FINAL = 0xffffffff
/** BIP68: no relative lock where set. */
export const SEQUENCE_LOCK_DISABLE = 0x80000000
/** BIP68: the lock counts units of 512 s where set, else blocks. */
export const SEQUENCE_LOCK_SECONDS = 0x00400000
/** BIP68: the bits that hold the number of units. */
export const SEQUENCE_LOCK_MASK = 0xffff
