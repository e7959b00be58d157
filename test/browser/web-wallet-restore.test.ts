/**
 * Promise: seed words are shown as they were understood before a wallet is made of them; a backup that is not whole says what it lacks and can
 * be tried again; a backup that was put off, by a reload too, can be finished; what words alone would not bring back is told.
 */
import { assert } from 'chai'
import type { LitElement } from 'lit'
import type { SignerStatus } from '../../src/wallet/signer.ts'
import { LiveNode } from '../../web/live-node.ts'
import { WalletBackup } from '../../web/views/wallet-backup.ts'
import { WalletCreate } from '../../web/views/wallet-create.ts'
import { WalletReceive } from '../../web/views/wallet-receive.ts'
import { WalletRestore } from '../../web/views/wallet-restore.ts'
import { isBackedUp } from '../../web/wallet-memory.ts'
import { deepAll, deepOne, ScriptedOpentab, type, until } from './support/scripted-opentab.ts'

const MNEMONIC = 'abandon ability able about above absent absorb abstract absurd abuse access accident'
const ACCOUNT = { descriptor: 'tr(xpub)#abcdefgh', birthday: 0 }
const LOCKED: SignerStatus = { state: 'locked', account: ACCOUNT }

describe('restoring', () => {
  let view: (LitElement & { node: LiveNode }) | undefined

  beforeEach(() => localStorage.removeItem('opentab.backup.abcdefgh'))
  afterEach(() => view?.remove())

  async function show(
    element: LitElement & { node: LiveNode },
    opentab: ScriptedOpentab,
    signer: SignerStatus,
  ): Promise<void> {
    opentab.signer = signer
    view = element
    view.node = new LiveNode(opentab)
    document.body.append(view)
    await view.updateComplete
  }

  const press = (text: string): void => deepOne(view!, 'button', text).click()
  const shows = (text: string): boolean => view!.shadowRoot!.textContent!.includes(text)
  const passphrases = (): HTMLElement[] =>
    deepAll(view!, 'ot-passphrase').flatMap((field) => deepAll(field, 'input'))

  it('shows the words in full, and makes a wallet of these with their own passphrase', async () => {
    const opentab = new ScriptedOpentab({
      listwalletdir: () => ({ wallets: [] }),
      readmnemonic: () => ({ mnemonic: MNEMONIC }),
      createwallet: () => {
        opentab.signer = LOCKED
        return { name: '' }
      },
    })
    await show(new WalletRestore(), opentab, { state: 'none' })
    type(deepOne(view!, '#words'), '1. aban 2. abil …')
    type(deepOne(view!, '#mnemonic-passphrase'), 'TREZOR')
    for (const field of passphrases()) type(field, 'correct horse')
    await view!.updateComplete
    press('Check the words')
    await until('the words', () => deepAll(view!, '.word').length === 12)
    assert.equal(opentab.count('createwallet'), 0)

    // What was typed stays for whoever goes back.
    press('Type them again')
    await view!.updateComplete
    assert.equal((deepOne(view!, '#words') as HTMLTextAreaElement).value, '1. aban 2. abil …')
    press('Check the words')
    await until('the words again', () => deepAll(view!, '.word').length === 12)
    press('Restore the wallet')
    await until('it is backed up', () => isBackedUp(view!.node))
    assert.deepInclude(opentab.calls, {
      method: 'createwallet',
      params: ['', { passphrase: 'correct horse', words: MNEMONIC, mnemonicpassphrase: 'TREZOR' }],
    })
  })

  it('says what a backup file lacks, and tries again', async () => {
    let warnings: readonly string[] | undefined = ['The labels could not be read.']
    const opentab = new ScriptedOpentab({
      listwalletdir: () => ({ wallets: [] }),
      importbackup: () => {
        opentab.signer = LOCKED
        return { name: '', ...(warnings && { warnings }) }
      },
    })
    await show(new WalletRestore(), opentab, { state: 'none' })
    const file = new File(['{}'], 'backup.json')
    const choose = (): void => {
      const transfer = new DataTransfer()
      transfer.items.add(file)
      ;(deepOne(view!, '#file') as HTMLInputElement).files = transfer.files
    }
    ;(deepAll(view!, 'input[type=radio]')[1] as HTMLInputElement).click()
    await view!.updateComplete
    choose()
    type(passphrases()[0]!, 'correct horse')
    await view!.updateComplete
    press('Restore the wallet')
    await until('what is missing', () => shows('The labels could not be read.'))
    assert.isTrue(shows('Your coins are safe'))
    warnings = undefined
    choose()
    let left = false
    view!.addEventListener('ot-notify', () => {
      left = true
    })
    press('Restore what is missing')
    await until('it is whole', () => left)
    assert.equal(opentab.count('importbackup'), 2)
  })

  it('brings back what a file holds beside the keys into the wallet that is named', async () => {
    const opentab = new ScriptedOpentab({
      listwalletdir: () => ({ wallets: [{ name: '' }, { name: 'savings' }] }),
      importbackup: (_file: string, _passphrase: string, name: string) => ({ name }),
    })
    await show(new WalletRestore(), opentab, LOCKED)
    await until('the name', () => deepAll(view!, '#name').length === 1)
    assert.equal((deepOne(view!, '#name') as HTMLInputElement).value, 'Wallet 3')
    type(deepOne(view!, '#name'), 'savings')
    ;(deepAll(view!, 'input[type=radio]')[1] as HTMLInputElement).click()
    await view!.updateComplete
    const transfer = new DataTransfer()
    transfer.items.add(new File(['{}'], 'backup.json'))
    ;(deepOne(view!, '#file') as HTMLInputElement).files = transfer.files
    type(passphrases()[0]!, 'correct horse')
    await view!.updateComplete
    let to: unknown
    view!.addEventListener('ot-navigate', (event) => {
      to = (event as CustomEvent).detail
    })
    press('Restore the wallet')
    await until('it leaves', () => to !== undefined)
    assert.deepInclude(opentab.calls, { method: 'importbackup', params: ['{}', 'correct horse', 'savings'] })
    assert.match((to as { path: string }).path, /^\/wallet\?.*wallet=savings$/)
  })

  it('shows the words again where a reload put the backup off', async () => {
    const opentab = new ScriptedOpentab({
      revealmnemonic: () => ({ mnemonic: MNEMONIC, mnemonicpassphrase: '' }),
    })
    const words = new WalletCreate()
    words.page = 'words'
    await show(words, opentab, LOCKED)
    assert.isTrue(shows('Show the seed words again'))
    type(passphrases()[0]!, 'correct horse')
    await view!.updateComplete
    press('Show the words')
    await until('the words', () => deepAll(view!, '.word').length === 12)
    assert.isFalse(isBackedUp(view!.node))
    press('I wrote them down')
    await view!.updateComplete
    assert.lengthOf(deepAll(view!, 'input[id^=word-]'), 3)
  })

  it('shows the passphrase that belongs to the words, and searches the chain again', async () => {
    let finish = (): void => {}
    const opentab = new ScriptedOpentab({
      revealmnemonic: () => ({ mnemonic: MNEMONIC, mnemonicpassphrase: 'TREZOR' }),
      rescanblockchain: () =>
        new Promise((resolve) => {
          finish = () => resolve({ start_height: 0, stop_height: 1234 })
        }),
      getwalletinfo: () => ({ lastprocessedblock: { height: 617 } }),
      getblockcount: () => 1234,
    })
    await show(new WalletBackup(), opentab, LOCKED)
    type(passphrases()[1]!, 'correct horse')
    await view!.updateComplete
    press('Show the words')
    await until('the passphrase', () => shows('TREZOR'))
    let told = ''
    view!.addEventListener('ot-notify', (event) => {
      told = (event as CustomEvent<string>).detail
    })
    press('Search all blocks')
    await until('half of it', () =>
      deepAll(view!, 'progress').some((bar) => (bar as HTMLProgressElement).value === 0.5),
    )
    finish()
    await until('the search ends', () => told !== '')
    assert.match(told, /1.234/)
  })

  it('warns of an address that words alone would not bring back', async () => {
    const warning = 'This address was given out after 20 unused ones in a row.'
    const opentab = new ScriptedOpentab({
      getnewaddress: () => 'tabrt1pfar',
      listtransactions: () => [],
      getaddressinfo: () => ({ warnings: [warning] }),
    })
    localStorage.removeItem('opentab.receive.abcdefgh')
    await show(new WalletReceive(), opentab, LOCKED)
    await until('the warning', () => shows(warning))
    localStorage.removeItem('opentab.receive.abcdefgh')
  })
})
