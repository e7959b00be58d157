/** A wallet that may not last is told of; the browser is asked to keep it only by a click, and where it can't be asked nothing breaks. */
import { assert } from 'chai'
import { StorageNotice } from '../../web/components/storage-notice.ts'
import { LiveNode } from '../../web/live-node.ts'
import { keepForGood, storageLasting } from '../../web/storage-lasting.ts'
import { deepAll, deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

/** Puts another storage manager in the browser's place for a test. */
function standIn(storage: unknown): void {
  Object.defineProperty(navigator, 'storage', { value: storage, configurable: true })
}

describe('how long the browser keeps a wallet', () => {
  let notice: StorageNotice
  /** Answers of `persist()`, and how often it was asked. */
  let agrees: boolean
  let asked: number

  const storage = {
    persisted: async () => false,
    persist: async () => {
      asked++
      return agrees
    },
    getDirectory: async () => ({}),
  }

  beforeEach(() => {
    asked = 0
    agrees = true
    localStorage.clear()
    standIn(storage)
  })

  afterEach(() => {
    notice?.remove()
    // The browser's own stands on the prototype.
    Reflect.deleteProperty(navigator, 'storage')
  })

  async function show(holdsCoins: boolean): Promise<void> {
    notice = new StorageNotice()
    notice.node = new LiveNode(new ScriptedOpentab({}))
    notice.holdsCoins = holdsCoins
    document.body.append(notice)
    await until('the browser has answered', () => notice.lasting !== undefined)
    await notice.updateComplete
  }

  const text = (): string => (notice.shadowRoot!.textContent ?? '').replace(/\s+/g, ' ')

  it('is no matter before there are coins, nor once it is for good', async () => {
    await show(false)
    assert.isTrue(notice.hidden)
    notice.remove()
    standIn({ ...storage, persisted: async () => true })
    await show(true)
    assert.isTrue(notice.hidden)
    assert.equal(asked, 0)
  })

  it('is asked for by a click on the button that explains it, and not before', async () => {
    await show(true)
    assert.include(text(), 'The browser may remove this wallet when space on the disk gets tight.')
    assert.equal(asked, 0)
    deepOne(notice, 'button', 'Keep this wallet').click()
    await until('it is kept', () => notice.hasAttribute('hidden'))
    assert.equal(asked, 1)
  })

  it('is told to be uncertain when the browser does not agree', async () => {
    agrees = false
    await show(true)
    deepOne(notice, 'button', 'Keep this wallet').click()
    await until('the warning', () => text().includes('The browser did not agree to keep this wallet.'))
    assert.equal(deepAll(notice, '[role=alert]').length, 1)
  })

  it('is until the window is closed where it has no files of its own', async () => {
    standIn({
      ...storage,
      getDirectory: () => Promise.reject(new DOMException('Security error', 'SecurityError')),
    })
    await show(false)
    assert.include(text(), 'This is a private window')
  })

  it('can’t be asked of a browser without a storage manager, which is no error', async () => {
    standIn(undefined)
    assert.equal(await storageLasting(), 'for-now')
    assert.isFalse(await keepForGood())
    standIn({})
    assert.equal(await storageLasting(), 'for-now')
    assert.isFalse(await keepForGood())
  })
})
