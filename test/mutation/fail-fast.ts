/** A reporter of node:test that says nothing and ends the process at the first test that fails. */
import type { TestEvent } from 'node:test/reporters'

export default async function* failFast(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) if (event.type === 'test:fail' && !event.data.todo) process.exit(1)
  yield ''
}
