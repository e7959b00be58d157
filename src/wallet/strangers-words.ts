/** Words of strangers, from payment links and label files, which stand among ours on the page. Pure, any thread. */

/** What turns the direction of all that follows (Unicode Standard Annex 9: embeddings, overrides, isolates). Marks of a single place stay. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g

/** The same words, which change the look of nothing beside them: an override in a label would have the amount behind it read backwards. */
export function withoutTurns(words: string): string {
  return words.replace(TURNS, '')
}
