/** What a profile is called among the browser's databases and locks. Pure, any thread. */

/** Name of a profile's database. `networkId`: genesis hash of its network, display order. */
export function databaseName(networkId: string, profile: string): string {
  return `opentab/${networkId}/${profile}`
}

/** Name of the Web Lock of whoever holds a profile. */
export function lockName(networkId: string, profile: string): string {
  return `opentab/profile/${networkId}/${profile}`
}
