/** Port: the records of a chain. See the chain engineer's file. */
export interface ChainStore {
  readonly placeholder?: never
}
