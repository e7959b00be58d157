/** A passphrase that a computer guesses at once is called so while it is chosen, and no backup file is made under it; what is typed goes nowhere. */
import { assert } from 'chai'
import { PassphraseField } from '../../web/components/passphrase-field.ts'
import { passphraseStrength, tooWeakForBackup } from '../../web/passphrase.ts'
import { deepAll, deepOne, type, until } from './support/scripted-opentab.ts'

describe('the strength of a passphrase', () => {
  it('knows what people choose: words, names, dates, keys, and their disguises', () => {
    for (const easy of [
      'abc',
      'elephant',
      'Passw0rd!',
      'drowssap',
      'qwertyuiop',
      'liverpoolfc',
      'kristina1987',
    ])
      assert.equal(passphraseStrength(easy).level, 1, easy)
    assert.isBelow(passphraseStrength('aaaaaaaaaaaaaaaaaaaaaaaaaaaa').level, 2)
    for (const famous of [
      'correct horse battery staple',
      'CorrectHorseBatteryStaple',
      'correct-horse-battery-staple1',
    ])
      assert.equal(passphraseStrength(famous).level, 1, famous)
    assert.equal(passphraseStrength('opentab').level, 1)
  })

  it('calls strong what has several words, or is drawn at random', () => {
    for (const hard of ['copper window battery staple', 'tidal zebra mushroom', 'q8#Vf2!mZr7&Lw'])
      assert.equal(passphraseStrength(hard).level, 4, hard)
    assert.equal(passphraseStrength('marmalade').level, 1)
    assert.equal(passphraseStrength('marmalade horse').level, 3)
  })

  it('trusts no single word, in whatever language', () => {
    for (const word of ['hippopotamus', 'Schneewittchen', 'Достопримечательность'])
      assert.isBelow(passphraseStrength(word).level, 4, word)
  })

  it('says why, in sentences', () => {
    assert.match(passphraseStrength('elephant').text, /^Very weak: .*\. .*password\.$/)
    assert.match(passphraseStrength('4444444444').text, /Repeating what is there adds little\.$/)
    // Whatever it thinks of, no name of the library's own is shown.
    for (const typed of ['tree', 'gtgtgtgt', '1999', '12.05.1987', 'michael', 'qazxswedc', 'xq', 'satoshi'])
      assert.match(passphraseStrength(typed).text, /^[A-Z][^:]+: [^.]+\. [A-Z].*\.$/, typed)
  })

  it('takes a text of any length', () => {
    assert.equal(passphraseStrength(`${'k9 '.repeat(5000)}`.trim()).level > 0, true)
  })

  it('is the floor of backup files', () => {
    assert.include(tooWeakForBackup('password1')!, 'Change it to a few random words')
    assert.isUndefined(tooWeakForBackup('a long walk'))
  })
})

describe('the field of a passphrase', () => {
  let field: PassphraseField

  afterEach(() => field.remove())

  async function show(strength: boolean): Promise<void> {
    field = new PassphraseField()
    field.strength = strength
    document.body.append(field)
    await field.updateComplete
  }

  const about = (): HTMLElement => deepOne(field, '#about')

  it('rates what is typed, politely, and keeps it', async () => {
    await show(true)
    await until('the lists are there', () => field.judge !== undefined)
    assert.equal(about().ariaLive, 'polite')
    assert.include(about().textContent!, 'Several random words')
    type(deepOne(field, 'input'), 'password1')
    await until('the verdict', () => about().textContent!.includes('Very weak'))
    assert.lengthOf(deepAll(field, '.meter .on'), 1)
    assert.include(about().textContent!, 'no backup file')
    type(deepOne(field, 'input'), 'copper window battery staple')
    await until('the verdict', () => about().textContent!.includes('Strong.'))
    assert.lengthOf(deepAll(field, '.meter .on'), 4)
    assert.notInclude(about().textContent!, 'no backup file')
    assert.equal(deepOne(field, '.meter').ariaHidden, 'true')
    assert.equal(field.value, 'copper window battery staple')
  })

  it('asks nothing of lists where no passphrase is chosen', async () => {
    await show(false)
    type(deepOne(field, 'input'), 'password1')
    await field.updateComplete
    assert.isUndefined(field.judge)
    assert.lengthOf(deepAll(field, '.meter'), 0)
  })
})
