/**
 * Which profile a tab is: each is held by one tab at a time, under a Web Lock that the browser releases when the tab dies. A
 * profile whose lock is held is either in use, and its tab says so when asked, or on its way out, as after a reload. Thread: the brain.
 */
import { StorageError } from '../chain/store.ts'
import type { Clock } from '../primitives/ports.ts'
import { lockName } from './profile-names.ts'

/** Milliseconds that a tab which holds a profile may take to answer or die: a frozen one does neither. */
const PATIENCE = 5000

/** Parts of that: of a part, what this tab itself was late for doesn't count, as on a machine that stands still where the other is dying. */
const STEPS = 8

export interface ProfileWish {
  /** Genesis hash of the network: each network has profiles of its own. */
  readonly networkId: string
  /** The one profile that the user asked for (`?profile=NAME`). */
  readonly named?: string
  /** The profile that this tab had before it was reloaded. A duplicated tab inherits this memory. */
  readonly previous?: string
}

/** A profile held. */
export interface ClaimedProfile {
  readonly profile: string
  /** Leaves it to others. Death does so, too. */
  release(): void
}

/**
 * Claims the profile that was named, or the one that this tab had, or else the lowest free one: '1', '2' and so on. `busy` is
 * the sentence to show when another tab holds on to the profile that was named. Waits only for a tab that holds the profile and does not answer, `PATIENCE` at most.
 */
export async function claimProfile(
  wish: ProfileWish,
  clock: Clock,
): Promise<ClaimedProfile | { readonly busy: string }> {
  if (!navigator.locks)
    throw new StorageError(
      'unavailable',
      'The browser keeps tabs apart only over HTTPS or on localhost. Open this page there.',
    )
  const { networkId, named, previous } = wish
  const channel = new BroadcastChannel(`opentab/profiles/${networkId}`)
  const wanted = named ?? previous
  let profile = wanted ?? '1'
  let release = wanted === undefined ? undefined : await takeFromTheDying(channel, networkId, wanted, clock)
  if (!release && named !== undefined) {
    channel.close()
    return {
      busy: `Another tab has the profile "${named}" open. Close that tab and reload this one, or choose another name.`,
    }
  }
  for (let number = 1; !release; number++) {
    profile = `${number}`
    release = await take(networkId, profile, { ifAvailable: true })
  }
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if ('ask' in data && data.ask === profile) channel.postMessage({ alive: profile } satisfies Message)
  })
  const releaseLock = release
  return {
    profile,
    release() {
      channel.close()
      releaseLock()
    },
  }
}

/** Asks who holds a profile, and the answer. */
type Message = { readonly ask: string } | { readonly alive: string }

/** Takes a profile's lock, waiting for it unless its holder says that it lives, or does neither for too long. */
async function takeFromTheDying(
  channel: BroadcastChannel,
  networkId: string,
  profile: string,
  clock: Clock,
): Promise<(() => void) | undefined> {
  const free = await take(networkId, profile, { ifAvailable: true })
  if (free) return free
  const waiting = new AbortController()
  const alive = new Promise<undefined>((resolve) => {
    channel.addEventListener(
      'message',
      ({ data }: MessageEvent<Message>) => {
        if ('alive' in data && data.alive === profile) resolve(undefined)
      },
      { signal: waiting.signal },
    )
  })
  let cancel = (): void => {}
  const late = new Promise<void>((resolve) => {
    let steps = 0
    const step = (): void => {
      if (steps++ < STEPS) cancel = clock.after(PATIENCE / STEPS, step)
      else resolve()
    }
    step()
  })
  const granted = take(networkId, profile, { signal: waiting.signal })
  channel.postMessage({ ask: profile } satisfies Message)
  await Promise.race([granted, alive, late])
  cancel()
  waiting.abort()
  // The lock may have been granted in the last moment: then it is ours.
  return granted.catch(() => undefined)
}

/** Takes a profile's lock and returns the function that releases it; undefined when it is held and `ifAvailable` was asked. */
function take(networkId: string, profile: string, options: LockOptions): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(lockName(networkId, profile), options, (lock) => {
        if (!lock) return resolve(undefined)
        return new Promise<void>((release) => resolve(release))
      })
      .catch(reject)
  })
}
