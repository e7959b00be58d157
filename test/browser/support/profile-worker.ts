/** Claims profiles for a tab of `storage-profile-lock.test.ts`. Thread: worker. */
import type { Clock } from '../../../src/primitives/ports.ts'
import { claimProfile, type ProfileWish } from '../../../src/storage/profile-lock.ts'

/** Worker to test, by way of its page. */
export type ProfileAnswer =
  | { readonly ready: true }
  | { readonly profile: string }
  | { readonly busy: string }

function answer(message: ProfileAnswer): void {
  postMessage(message)
}

/** Page to worker: claim a profile; or, that all the time has passed which the claim would wait. */
export type ProfileRequest = ProfileWish | { readonly late: true }

/** Time that passes when the test says so. */
const timers = new Set<() => void>()
const clock: Clock = {
  now: () => 0,
  after(_milliseconds, run) {
    timers.add(run)
    return () => timers.delete(run)
  },
}

addEventListener('message', async ({ data }: MessageEvent<ProfileRequest>) => {
  if ('late' in data) {
    for (const run of timers) run()
    return
  }
  const claim = await claimProfile(data, clock)
  answer('busy' in claim ? claim : { profile: claim.profile })
})
answer({ ready: true })
