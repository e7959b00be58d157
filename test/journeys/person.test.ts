/** Promise: a person who reads nothing but the page makes a wallet, mines, pays another tab, and gets the coins back from the words. */

import assert from 'node:assert/strict'
import test from 'node:test'
import type { Page } from 'playwright-core'
import { journey, PASSPHRASE, type Tab, textOf } from '../support/tabs.ts'

test(
  'by the page alone: wallet, mining, a payment that settles, search, and the wallet restored from its words',
  journey(async (world) => {
    await world.serve()
    const [ada, ben] = (await world.openAll(['Ada', 'Ben'])) as [Tab, Tab]

    // Ada follows the guide on the overview.
    const her = ada.page
    await press(her, 'link', 'Create a wallet')
    const words = await makeWallet(her)
    await visit(her, 'Overview')
    await press(her, 'button', 'Start mining')
    await see(her, /You mined /)
    await see(her, /You can spend [\d,.]+ coins/)
    await press(her, 'button', 'Stop mining')

    // Ben makes a wallet and shows his address.
    const his = ben.page
    await press(his, 'link', 'Create a wallet')
    await makeWallet(his)
    await press(his, 'link', 'Receive')
    const address = await textOf(his.getByTestId('address'))
    assert.match(address, /^tabrt1p[a-z0-9]{58}$/)

    // Ada pays him; what she mistypes is told in sentences.
    await visit(her, 'Wallet')
    await press(her, 'link', 'Send')
    await her.getByLabel('Pay to').fill(mistyped(address))
    await her.getByLabel('Amount').fill('1.5')
    await press(her, 'button', 'Review payment')
    await see(her, /Compare character \d+ with the original/)
    await her.getByLabel('Pay to').fill(address)
    await her.getByLabel('Amount').fill('1000000')
    await press(her, 'button', 'Review payment')
    await see(her, /That is more than you can spend: you have [\d,.]+ coins\./)
    await her.getByLabel('Amount').fill('1.5')
    await press(her, 'button', 'Review payment')
    assert.equal(await textOf(her.getByTestId('review-recipient')), address)
    assert.equal(await textOf(her.getByTestId('review-amount')), '1.5 coins')
    await press(her, 'button', 'Send 1.5 coins')
    const dialog = her.getByRole('dialog')
    await dialog.getByLabel('Passphrase', { exact: true }).fill('incorrect')
    await press(dialog, 'button', 'Unlock')
    await see(dialog, /passphrase is not right|wrong passphrase|passphrase is wrong/i)
    await dialog.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE)
    await press(dialog, 'button', 'Unlock')
    await see(her, '1.5 coins sent')
    const sent = her.getByTestId('sent-confirmations')
    await see(sent, 'Unconfirmed')

    // It shows at once where Ben waits for it, and settles in both pages while they stay open.
    const received = his.getByRole('region', { name: 'Received at this address' })
    await see(received, '+1.5 coins')
    await see(received, 'Unconfirmed')
    const miner = await world.open('Miner')
    const [entry] = await ben.rpc('listtransactions')
    await miner.until('it has the payment', 'getrawmempool', [], (txids) => txids.includes(entry!.txid))
    const payout = await ada.rpc('getnewaddress')
    for (const count of ['1 of 6', '2 of 6', '3 of 6', '4 of 6', '5 of 6', '6']) {
      await miner.generate(1, payout)
      await Promise.all([sent, received].map((place) => see(place, `${count} confirmations`)))
    }

    // The explorer finds the payment by its id.
    await visit(her, 'Explorer')
    const search = her.getByLabel('Search for a block, transaction or address')
    await search.fill(entry!.txid)
    await search.press('Enter')
    await her.getByRole('heading', { name: 'Transaction', exact: true }).waitFor()
    await see(her, address.slice(0, 8))

    // On another computer the words bring the coins back.
    await visit(her, 'Wallet')
    const spendable = her.getByTestId('spendable')
    await see(spendable, /\d/)
    const balance = await textOf(spendable)
    const { page: elsewhere } = await world.open('Ada elsewhere')
    await press(elsewhere, 'link', 'Restore one')
    await elsewhere.getByRole('textbox', { name: 'Seed words' }).fill(`${words} zoo`)
    await elsewhere.getByLabel('Passphrase for this browser').fill(PASSPHRASE)
    await elsewhere.getByLabel('Repeat the passphrase').fill(PASSPHRASE)
    await press(elsewhere, 'button', 'Check the words')
    await see(elsewhere, /These are 13 words/)
    await elsewhere.getByRole('textbox', { name: 'Seed words' }).fill(numbered(words))
    await press(elsewhere, 'button', 'Check the words')
    const understood = elsewhere.getByRole('list', { name: 'Seed words' }).locator('.word')
    await understood.first().waitFor()
    assert.equal((await understood.allInnerTexts()).join(' '), words)
    await press(elsewhere, 'button', 'Restore the wallet')
    await see(elsewhere.getByTestId('spendable'), balance)
  }),
)

/** From the passphrase to the proof that the words were written down; answers the words. */
async function makeWallet(page: Page): Promise<string> {
  await page.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE)
  await page.getByLabel('Repeat the passphrase').fill(PASSPHRASE)
  await press(page, 'button', 'Create the wallet')
  const list = page.getByRole('list', { name: 'Seed words' })
  await list.waitFor()
  const words = await list.locator('.word').allInnerTexts()
  assert.equal(words.length, 12)
  await press(page, 'button', 'I wrote them down')
  const asked = page.getByLabel(/^Word \d+$/)
  await asked.first().waitFor()
  for (const field of await asked.all()) {
    const id = await field.getAttribute('id')
    await field.fill(words[Number(id!.slice('word-'.length))]!)
  }
  await press(page, 'button', 'Finish')
  await page.getByRole('heading', { name: 'Wallet', exact: true }).waitFor()
  return words.join(' ')
}

/** As people keep them: numbered, and the first four letters of each. */
function numbered(words: string): string {
  return words
    .split(' ')
    .map((word, at) => `${at + 1}. ${word.slice(0, 4).toUpperCase()}`)
    .join('\n')
}

/** The address with one character that is another. */
function mistyped(address: string): string {
  return `${address.slice(0, 20)}${address[20] === 'q' ? 'p' : 'q'}${address.slice(21)}`
}

type Place = Pick<Page, 'getByRole' | 'getByText'>

function press(place: Place, role: 'button' | 'link', name: string): Promise<void> {
  return place.getByRole(role, { name, exact: true }).first().click()
}

function visit(page: Page, name: string): Promise<void> {
  return page.getByRole('navigation').getByRole('link', { name, exact: true }).first().click()
}

/** Waits until the page shows a text, which it does by itself. */
function see(place: Place, text: string | RegExp): Promise<void> {
  return place.getByText(text).first().waitFor()
}
