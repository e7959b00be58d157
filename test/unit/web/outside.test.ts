/** Promise: a program does what the person at the tab allowed and nothing more, and gets neither passphrases nor seed words by any method. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pageMethods } from '../../../src/node/rpc-page-methods.ts'
import { RESULT_GROUPS } from '../../../src/node/rpc-results.ts'
import { signingMethods } from '../../../src/node/rpc-signing-methods.ts'
import type { Opentab } from '../../../web/tab/opentab.ts'
import { type Allowed, answerOutside, READ_METHODS, SECRET_METHODS } from '../../../web/tab/outside.ts'

const METHODS = Object.values(RESULT_GROUPS).flatMap((group) => Object.keys(group))

/** Makes a call at a tab that answers everything, seed words too. Says what reached the node, and what was answered. */
async function ask(allowed: Allowed, method: string, params: readonly unknown[] = [], passphrase?: string) {
  const reached: unknown[] = []
  const asked: string[] = []
  const client = (wallet?: string) => ({
    async rpc(...call: unknown[]) {
      reached.push(wallet === undefined ? call : [wallet, ...call])
      return { name: 'shop', mnemonic: 'seed words', warnings: ['weak'] }
    },
  })
  const opentab = { ...client(), wallet: client } as unknown as Opentab
  const response = await answerOutside(
    opentab,
    allowed,
    async (wallet) => {
      asked.push(wallet)
      return passphrase
    },
    { method, params },
  )
  return { reached, asked, response, code: 'error' in response ? response.error.code : undefined }
}

test('what may be read is named, and the names are those of methods', () => {
  for (const name of [...READ_METHODS, ...SECRET_METHODS]) assert(METHODS.includes(name), name)
})

test('"read" lets no method by that signs, makes keys, or was not looked at', async () => {
  const reviews = ['reviewpsbt', 'reviewinvoice']
  const others = [...signingMethods, ...pageMethods]
    .map(({ name }) => name as string)
    .filter((name) => !reviews.includes(name))
  for (const method of [
    ...others,
    'generatetoaddress',
    'getnewaddress',
    'importdescriptors',
    'stop',
    '__proto__',
    '',
  ]) {
    const { reached, code } = await ask('read', method)
    assert.deepEqual([reached, code], [[], -2], method)
  }
  for (const method of READ_METHODS) assert.equal((await ask('read', method)).code, undefined, method)
})

test('"everything" lets all by but passphrases and seed words', async () => {
  for (const method of METHODS.filter((name) => name !== 'createwallet')) {
    const { reached, code } = await ask('everything', method, [1])
    if (SECRET_METHODS.has(method)) assert.deepEqual([reached, code], [[], -2], method)
    else assert.deepEqual([reached, code], [[[method, 1]], undefined], method)
  }
  // A method that is told a passphrase is either secret or no signing one: its parameters say so.
  for (const { name, parameters } of pageMethods)
    if (name !== 'createwallet' && parameters.some((one) => /passphrase|words/.test(one.name)))
      assert(SECRET_METHODS.has(name), name)
})

describe('createwallet', () => {
  test('asks the person for the passphrase, and keeps the words', async () => {
    for (const params of [['shop'], [{ wallet_name: 'shop' }], ['shop', false, false, '', null, true]]) {
      const { reached, asked, response } = await ask('everything', 'createwallet', params, 'four words')
      assert.deepEqual(asked, ['shop'])
      assert.deepEqual(reached, [
        ['createwallet', 'shop', { passphrase: 'four words', load_on_startup: true }],
      ])
      assert.deepEqual(response, { result: { name: 'shop', warnings: ['weak'] } })
    }
  })

  test('is declined by the person', async () => {
    const { reached, code } = await ask('everything', 'createwallet', ['shop'])
    assert.deepEqual([reached, code], [[], -4])
  })

  test('takes no passphrase and no words, wherever they stand', async () => {
    for (const params of [
      ['shop', false, false, 'secret'],
      ['shop', { passphrase: 'secret' }],
      [{ wallet_name: 'shop', passphrase: 'secret' }],
      ['shop', { words: 'seed words' }],
      [{ wallet_name: 'shop', words: 'seed words' }],
      ['shop', { mnemonicpassphrase: 'x' }],
    ]) {
      const { reached, asked, code } = await ask('everything', 'createwallet', params, 'four words')
      assert.deepEqual([reached, asked, code], [[], [], -2])
    }
  })

  test('of a wallet that only watches asks nobody', async () => {
    const { reached, asked } = await ask('everything', 'createwallet', ['shop', true])
    assert.deepEqual(asked, [])
    assert.deepEqual(reached, [
      ['createwallet', 'shop', { disable_private_keys: true, load_on_startup: true }],
    ])
  })
})
