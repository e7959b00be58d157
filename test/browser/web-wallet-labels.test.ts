/** Labels leave for other wallets and come from them by files; what was left out is told. */
import { assert } from 'chai'
import { LiveNode } from '../../web/live-node.ts'
import { WalletLabels } from '../../web/views/wallet-labels.ts'
import { deepOne, ScriptedOpentab, until } from './support/scripted-opentab.ts'

const LINES = '{"type":"addr","ref":"tabrt1pbob","label":"Bob"}\n'

describe('labels', () => {
  let opentab: ScriptedOpentab
  let view: WalletLabels
  let labels: string
  /** Downloads that the page began: their names and texts. */
  let saved: { name: string; text: Promise<string> }[]
  const { click } = HTMLAnchorElement.prototype

  beforeEach(async () => {
    labels = LINES
    saved = []
    HTMLAnchorElement.prototype.click = function () {
      saved.push({ name: this.download, text: fetch(this.href).then((file) => file.text()) })
    }
    opentab = new ScriptedOpentab({
      exportlabels: () => labels,
      importlabels: (text: string) => {
        if (text === '') throw new Error('These are no labels.')
        return { labels: 2, warnings: ['One line was left out.'] }
      },
    })
    view = new WalletLabels()
    view.node = new LiveNode(opentab)
    document.body.append(view)
    await view.updateComplete
  })

  afterEach(() => {
    HTMLAnchorElement.prototype.click = click
    view.remove()
  })

  const press = (text: string): void => deepOne(view, 'button', text).click()
  const shows = (text: string): boolean => view.shadowRoot!.textContent!.includes(text)

  function choose(...parts: string[]): void {
    const field = deepOne(view, '#file') as HTMLInputElement
    const chosen = new DataTransfer()
    chosen.items.add(new File(parts, 'labels.jsonl'))
    field.files = chosen.files
    field.dispatchEvent(new Event('change'))
  }

  it('are saved in the format that other wallets read', async () => {
    press('Save the labels')
    await until('they are saved', () => saved.length === 1)
    assert.match(saved[0]!.name, /^opentab-labels-regtest-1-\d{4}-\d\d-\d\d\.jsonl$/)
    assert.equal(await saved[0]!.text, LINES)
    assert.deepInclude(opentab.calls, { method: 'exportlabels', params: ['bip329'] })
  })

  it('of a wallet with a name are in a file that has it, whatever it is made of', async () => {
    view.node = new LiveNode(opentab).of('shop / Zürich: “till” 1')
    press('Save the labels')
    await until('they are saved', () => saved.length === 1)
    assert.match(saved[0]!.name, /^opentab-labels-regtest-1-shop-Zürich-till-1-\d{4}-\d\d-\d\d\.jsonl$/)
  })

  it('that don’t exist make no file', async () => {
    labels = ''
    press('Save the labels')
    await until('it says so', () => shows('There is no label yet.'))
    assert.lengthOf(saved, 0)
  })

  it('come from a file, with what was left out of it', async () => {
    choose(LINES)
    await until('they are there', () => shows('2 labels brought in.'))
    assert.isTrue(shows('One line was left out.'))
    assert.deepInclude(opentab.calls, { method: 'importlabels', params: [LINES] })
    // The same file can be chosen again, and another one's answer is no longer shown.
    choose('')
    await until('it failed', () => shows('These are no labels.'))
    assert.isFalse(shows('brought in.'))
  })

  it('are not looked for in a file that is too large', async () => {
    choose('x'.repeat(10_000_001))
    await until('it says so', () => shows('too large to hold labels'))
    assert.equal(opentab.count('importlabels'), 0)
  })
})
