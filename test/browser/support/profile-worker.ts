/** Claims profiles for a tab of `storage-profile-lock.test.ts`. Thread: worker. */
import type { Clock } from '../../../src/primitives/ports.ts'
import { claimProfile, type ProfileWish } from '../../../src/storage/profile-lock.ts'

/** Worker to test, by way of its page. */
export type ProfileAnswer =
  | { readonly ready: true }
  | { readonly profile: string }
  | { readonly busy: string }
  | { readonly passed: true }

function answer(message: ProfileAnswer): void {
  postMessage(message)
}

/** Page to worker: claim a profile; or, that much time has passed: all that the claim would wait, or as long while nothing ran. */
export type ProfileRequest = ProfileWish | { readonly late: 'awake' | 'asleep' }

/** Time that passes when the test says so. */
const timers = new Set<() => void>()
const clock: Clock = {
  now: () => 0,
  after(_milliseconds, run) {
    const timer = (): void => {
      timers.delete(timer)
      run()
    }
    timers.add(timer)
    return () => timers.delete(timer)
  },
}

addEventListener('message', async ({ data }: MessageEvent<ProfileRequest>) => {
  if ('late' in data) {
    // Those that are set meanwhile come up, too, unless it slept.
    for (const run of data.late === 'awake' ? timers : [...timers]) run()
    answer({ passed: true })
    return
  }
  const claim = await claimProfile(data, clock)
  answer('busy' in claim ? claim : { profile: claim.profile })
})
answer({ ready: true })
