/** Maps and sets of a bounded number of entries: who was put in last stays, the oldest gives way. Any thread. */

/** Puts a value last in a map that holds at most `max`. */
export function putBounded<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, max: number): void {
  map.delete(key)
  map.set(key, value)
  forgetOldest(map, max)
}

/** Puts a value last in a set that holds at most `max`. */
export function addBounded<Value>(set: Set<Value>, value: Value, max: number): void {
  set.delete(value)
  set.add(value)
  forgetOldest(set, max)
}

function forgetOldest<Key>(entries: Map<Key, unknown> | Set<Key>, max: number): void {
  for (const oldest of entries.keys()) {
    if (entries.size <= max) return
    entries.delete(oldest)
  }
}
