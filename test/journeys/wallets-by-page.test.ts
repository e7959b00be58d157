/**
 * Promise: by the page alone a person has several wallets in one profile, each shown at an address of its own, and one that watches another tab's
 * coins, whose payment is signed there and sent from here.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Page } from 'playwright-core'
import type { PageGlobals } from '../support/node-tab.ts'
import { journey, PASSPHRASE, type Tab, textOf } from '../support/tabs.ts'

test(
  'by the page alone: a second wallet, closed and opened, and one that watches and pays by a PSBT',
  journey(async (world) => {
    await world.serve()
    const [ada, ben] = (await world.openAll(['Ada', 'Ben'])) as [Tab, Tab]
    await ada.untilPeers(1)
    await Promise.all([ada.createWallet(), ben.createWallet()])
    await ben.generate(101)
    const { page } = ada

    // A second wallet, with a name, whose address shows the same one after a reload and in another view.
    await link(page, 'Wallet').click()
    await page.getByRole('link', { name: 'Wallets' }).click()
    await page.getByRole('link', { name: 'Create a wallet' }).click()
    await page.getByLabel('Name').fill('Savings / 2027')
    await page.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE)
    await page.getByLabel('Repeat the passphrase').fill(PASSPHRASE)
    await page.getByRole('button', { name: 'Create the wallet' }).click()
    await page.getByRole('list', { name: 'Seed words' }).waitFor()
    const words = await page.getByRole('list', { name: 'Seed words' }).locator('.word').allInnerTexts()
    // The words are asked for again, and of this wallet.
    await ada.reload()
    await page.getByRole('heading', { name: 'Show the seed words again' }).waitFor()
    assert.equal(await textOf(page.getByTestId('whose')), 'Savings / 2027')
    await page.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE)
    await page.getByRole('button', { name: 'Show the words' }).click()
    await page.getByRole('list', { name: 'Seed words' }).waitFor()
    assert.deepEqual(
      await page.getByRole('list', { name: 'Seed words' }).locator('.word').allInnerTexts(),
      words,
    )
    await page.getByRole('link', { name: 'Back up later' }).click()
    await page.getByRole('heading', { name: 'Savings / 2027' }).waitFor()

    // It is paid, and the other one is not.
    await page.getByRole('link', { name: 'Receive' }).click()
    const address = await textOf(page.getByTestId('address'))
    await ben.pay(address, 3)
    await page.getByText('Received at this address').waitFor()
    await ben.generate(1)
    await ada.reload()
    await page.getByRole('link', { name: 'Savings / 2027' }).click()
    await spendable(page, '3 coins')
    await page.getByRole('link', { name: 'Change wallet' }).click()
    await page.getByRole('link', { name: /^Default wallet/ }).click()
    await page.getByRole('heading', { name: 'Default wallet' }).waitFor()
    await spendable(page, '0 coins')
    await page.goBack()
    await page.goBack()
    await page.getByRole('heading', { name: 'Savings / 2027' }).waitFor()
    await spendable(page, '3 coins')

    // Closed, nothing of it is shown at its address, also after a reload, until it is opened.
    await page.getByRole('link', { name: 'Change wallet' }).click()
    await page.getByRole('button', { name: 'Close Savings / 2027' }).click()
    await page.getByRole('button', { name: 'Open Savings / 2027' }).waitFor()
    await page.getByRole('link', { name: /^Savings/ }).click()
    await page.getByRole('heading', { name: '“Savings / 2027” is closed' }).waitFor()
    await ada.reload()
    await page.getByRole('button', { name: 'Open this wallet' }).click()
    await spendable(page, '3 coins')

    // One that watches Ben's, by what his page shows.
    await link(ben.page, 'Wallet').click()
    await ben.page.getByRole('link', { name: 'Backup and passphrase' }).click()
    const descriptor = await textOf(ben.page.getByTestId('descriptor'))
    await page.getByRole('link', { name: 'Change wallet' }).click()
    await page.getByRole('link', { name: 'Watch a wallet' }).click()
    await page.getByLabel('Name').fill('Ben')
    await page.getByLabel('Descriptor or extended public key').fill(descriptor)
    await page.getByRole('button', { name: 'Watch it' }).click()
    await page.getByRole('heading', { name: 'Ben', exact: true }).waitFor()
    const { mine } = await ben.rpc('getbalances')
    await spendable(page, `${mine.trusted.toLocaleString('en', { maximumFractionDigits: 8 })} coins`)
    await page.getByRole('link', { name: 'Prepare a payment' }).click()
    await page.getByLabel('Pay to').fill(address)
    await page.getByLabel('Amount').fill('1.25')
    await page.getByRole('button', { name: 'Prepare it for signing' }).click()
    await page.getByText('They get').waitFor()
    const psbt = await page.getByTestId('psbt').inputValue()
    // Unsigned it goes nowhere.
    await page.getByLabel('Signed payment (PSBT)').fill(psbt)
    await page.getByRole('button', { name: 'Send 1.25 coins' }).click()
    await page.getByText('This payment is not signed yet.').waitFor()
    await ben.page.getByRole('link', { name: 'Sign a payment' }).click()
    await ben.page.getByLabel('Payment (PSBT)').fill(psbt)
    await ben.page.getByRole('button', { name: 'Show what it does' }).click()
    assert.equal(await textOf(ben.page.getByTestId('review-recipient')), address)
    assert.equal(await textOf(ben.page.getByTestId('review-amount')), '1.25 coins')
    await ben.page.getByRole('button', { name: 'Sign it' }).click()
    await ben.page.getByText('It has all signatures.').waitFor()
    await page.getByLabel('Signed payment (PSBT)').fill(await ben.page.getByTestId('psbt').inputValue())
    await page.getByRole('button', { name: 'Send 1.25 coins' }).click()
    await page.getByRole('heading', { name: /sent$/ }).waitFor()
    await ben.until('the payment waits', 'getrawmempool', [], (txids) => txids.length === 1)
    await ben.generate(1)
    await page.getByRole('link', { name: 'Back to the wallet' }).click()
    await page.getByRole('link', { name: 'Change wallet' }).click()
    await page.getByRole('link', { name: /^Savings .* 4\.25 coins$/ }).waitFor()
    const wallets = await ada.evaluate(() => {
      const { opentab } = globalThis as unknown as PageGlobals
      return opentab.wallets().map((name) => [name, opentab.wallet(name).signerStatus().state])
    }, null)
    assert.deepEqual(Object.fromEntries(wallets), { '': 'locked', 'Savings / 2027': 'locked', Ben: 'none' })
    assert.deepEqual(ada.consoleErrors, [])
  }),
)

function link(page: Page, name: string) {
  return page.getByRole('navigation').getByRole('link', { name }).first()
}

/** Waits until the wallet that is shown has as much to spend. */
async function spendable(page: Page, text: string): Promise<void> {
  await page.getByTestId('spendable').getByText(text).waitFor()
}
