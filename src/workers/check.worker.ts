/** Thread root of a check worker: verifies batches of inputs, one after another. */
import { verifyChecks } from '../script/verify-input.ts'
import { Channel } from './channel.ts'
import { type CheckAnswer, type CheckRequest, decodeChecks } from './check-batch.ts'

const channel = new Channel<CheckAnswer, CheckRequest>(self)
channel.listen(({ id, checks }) => {
  const outcome = verifyChecks(decodeChecks(checks))
  channel.post(outcome.ok ? { id } : { id, failure: outcome })
})
