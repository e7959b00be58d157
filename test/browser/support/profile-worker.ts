/** Claims profiles for a tab of `storage-profile-lock.test.ts`. Thread: worker. */
import { claimProfile, type ProfileWish } from '../../../src/storage/profile-lock.ts'

/** Worker to test, by way of its page. */
export type ProfileAnswer =
  | { readonly ready: true }
  | { readonly profile: string }
  | { readonly busy: string }

function answer(message: ProfileAnswer): void {
  postMessage(message)
}

addEventListener('message', async ({ data }: MessageEvent<ProfileWish>) => {
  const claim = await claimProfile(data)
  answer('busy' in claim ? claim : { profile: claim.profile })
})
answer({ ready: true })
