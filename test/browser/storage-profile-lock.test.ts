/** Promise: every tab is a profile of its own; a reloaded tab is the same one, a duplicated tab another. */

import { assert } from 'chai'
import type { ProfileWish } from '../../src/storage/profile-lock.ts'
import type { ProfileAnswer, ProfileRequest } from './support/profile-worker.ts'

/** Milliseconds after which a page whose worker has not started is loaded anew: Chromium now and then never starts the one of a frame that comes as another goes. */
const STALLED = 8000

/** A page with a worker that claims profiles, in an iframe: it loads, reloads and dies as a tab does. */
class ProfileTab {
  #frame = document.createElement('iframe')

  static async open(): Promise<ProfileTab> {
    const tab = new ProfileTab()
    await tab.#untilReady(() => tab.#load())
    return tab
  }

  /** The profile it got, or `busy`. */
  async claim(wish: ProfileWish): Promise<string> {
    const answer = this.#answer((answer) => 'profile' in answer || 'busy' in answer)
    this.#post(wish)
    const got = await answer
    return 'profile' in got ? got.profile : 'busy'
  }

  /** Lets the time pass that its claim waits at most. */
  runOutOfPatience(): Promise<unknown> {
    return this.#pass('awake')
  }

  /** Lets as much time pass, in which it stood still. */
  standStill(): Promise<unknown> {
    return this.#pass('asleep')
  }

  async reload(): Promise<void> {
    await this.#untilReady(() => this.#frame.contentWindow?.location.reload())
  }

  close(): void {
    this.#frame.remove()
  }

  #load(): void {
    this.#frame.remove()
    this.#frame = document.createElement('iframe')
    this.#frame.src = new URL('./support/profile-tab.html', import.meta.url).href
    document.body.append(this.#frame)
  }

  async #untilReady(begin: () => void): Promise<void> {
    const ready = this.#answer((answer) => 'ready' in answer)
    begin()
    const stalled = new Promise<true>((resolve) => setTimeout(resolve, STALLED, true))
    if ((await Promise.race([ready, stalled])) === true) await this.#untilReady(() => this.#load())
  }

  #pass(late: 'awake' | 'asleep'): Promise<unknown> {
    const passed = this.#answer((answer) => 'passed' in answer)
    this.#post({ late })
    return passed
  }

  #post(request: ProfileRequest): void {
    this.#frame.contentWindow?.postMessage(request)
  }

  #answer(matches: (answer: ProfileAnswer) => boolean): Promise<ProfileAnswer> {
    return new Promise((resolve) => {
      const listen = ({ source, data }: MessageEvent<ProfileAnswer>): void => {
        if (source !== this.#frame.contentWindow || !matches(data)) return
        removeEventListener('message', listen)
        resolve(data)
      }
      addEventListener('message', listen)
    })
  }
}

describe('profiles of tabs', () => {
  let networkId = ''
  let tabs: ProfileTab[] = []

  const open = async (): Promise<ProfileTab> => {
    const tab = await ProfileTab.open()
    tabs.push(tab)
    return tab
  }
  /** Resolves when nobody holds a profile any more. */
  const untilFree = (profile: string): Promise<void> =>
    navigator.locks.request(`opentab/profile/${networkId}/${profile}`, () => undefined)

  /** Holds a profile without ever answering who asks. Returns the function that ends it. */
  const holdInSilence = (profile: string): Promise<() => void> =>
    new Promise((held) => {
      navigator.locks.request(
        `opentab/profile/${networkId}/${profile}`,
        () => new Promise<void>((release) => held(release)),
      )
    })
  /** Resolves when a tab asks who holds its profile: from then on it waits. */
  const untilAsked = (): Promise<void> =>
    new Promise((resolve) => {
      const channel = new BroadcastChannel(`opentab/profiles/${networkId}`)
      channel.addEventListener('message', ({ data }) => {
        if (!('ask' in data)) return
        channel.close()
        resolve()
      })
    })

  beforeEach(() => {
    networkId = crypto.randomUUID()
  })

  afterEach(() => {
    for (const tab of tabs) tab.close()
    tabs = []
  })

  it('are the lowest that are free', async () => {
    const first = await open()
    assert.equal(await first.claim({ networkId }), '1')
    assert.equal(await (await open()).claim({ networkId }), '2')
    assert.equal(await (await open()).claim({ networkId: `${networkId}-other` }), '1')
    first.close()
    await untilFree('1')
    assert.equal(await (await open()).claim({ networkId }), '1')
    assert.equal(await (await open()).claim({ networkId }), '3')
  })

  it('stay the same over reloads', async () => {
    const [first, second] = [await open(), await open()]
    assert.equal(await first.claim({ networkId }), '1')
    assert.equal(await second.claim({ networkId }), '2')
    first.close()
    await untilFree('1')
    for (let i = 0; i < 10; i++) {
      await second.reload()
      assert.equal(await second.claim({ networkId, previous: '2' }), '2', `reload ${i}`)
    }
  })

  it('differ in a duplicated tab, which remembers the profile of its original', async () => {
    assert.equal(await (await open()).claim({ networkId }), '1')
    const duplicate = await open()
    assert.equal(await duplicate.claim({ networkId, previous: '1' }), '2')
    await duplicate.reload()
    assert.equal(await duplicate.claim({ networkId, previous: '2' }), '2')
  })

  it('can be named, and are busy while another tab lives with them', async () => {
    const alice = await open()
    assert.equal(await alice.claim({ networkId, named: 'alice' }), 'alice')
    assert.equal(await (await open()).claim({ networkId, named: 'alice' }), 'busy')
    assert.equal(await (await open()).claim({ networkId }), '1')
    for (let i = 0; i < 3; i++) {
      await alice.reload()
      assert.equal(
        await alice.claim({ networkId, named: 'alice', previous: 'alice' }),
        'alice',
        `reload ${i}`,
      )
    }
    alice.close()
    await untilFree('alice')
    assert.equal(await (await open()).claim({ networkId, named: 'alice' }), 'alice')
  })

  it('are waited for while whoever holds them does not answer: it is about to die', async () => {
    const die = await holdInSilence('bob')
    const heir = await open()
    const claim = heir.claim({ networkId, named: 'bob' })
    // Another tab claims in the meantime: the heir's claim is older, and would be answered first if it did not wait.
    assert.equal(await (await open()).claim({ networkId }), '1')
    die()
    assert.equal(await claim, 'bob')
  })

  it('are waited for, too, where the machine stood still while its former tab died', async () => {
    const die = await holdInSilence('1')
    const tab = await open()
    const asked = untilAsked()
    const claim = tab.claim({ networkId, previous: '1' })
    await asked
    await tab.standStill()
    die()
    assert.equal(await claim, '1')
  })

  it('are given up when whoever holds them neither answers nor dies: it is frozen', async () => {
    const die = await holdInSilence('1')
    for (const [wish, got] of [
      [{ networkId, named: '1' }, 'busy'],
      [{ networkId, previous: '1' }, '2'],
    ] as const) {
      const tab = await open()
      const asked = untilAsked()
      const claim = tab.claim(wish)
      await asked
      await tab.runOutOfPatience()
      assert.equal(await claim, got)
    }
    die()
    assert.equal(await (await open()).claim({ networkId }), '1', 'nobody waits for it any more')
  })
})
