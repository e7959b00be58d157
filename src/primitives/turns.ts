/** Work in turn: what has the same key runs one after another, whatever becomes of what ran before. Any thread. */
export class Turns {
  /** The last of each key; rejects never. */
  private readonly last = new Map<string, Promise<unknown>>()

  /** Runs after all that was given before under the same key. */
  run<T>(key: string, run: () => Promise<T>): Promise<T> {
    const result = (this.last.get(key) ?? Promise.resolve()).then(run)
    const settled: Promise<void> = result
      .catch(() => undefined)
      .then(() => {
        if (this.last.get(key) === settled) this.last.delete(key)
      })
    this.last.set(key, settled)
    return result
  }

  /** Resolves when all that was given so far has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.last.values())
  }
}
