/**
 * Promise: a wallet is created by Bitcoin Core's forms, and its words reach the caller whatever the node does then; no key is made while the
 * node can't follow one.
 */
import { assert } from 'chai'
import type { NodeEventName } from '../../src/node/events.ts'
import { RpcError } from '../../src/node/rpc-error.ts'
import { ok } from '../../src/primitives/result.ts'
import type { SignerCommand } from '../../src/workers/signer-link.ts'
import type { BrainClient } from '../../web/tab/brain-client.ts'
import type { SignerClient } from '../../web/tab/signer-client.ts'
import { walletMethods } from '../../web/tab/wallet-methods.ts'

const MNEMONIC = 'legal winner thank'

describe('methods that make a wallet', () => {
  let commands: SignerCommand[]
  /** Names of the wallets that the brain has loaded, and of all. */
  let wallets: string[]
  let directory: string[]
  /** Names of those with keys. */
  let withKeys: string[]
  /** Names of the wallets whose signers are told something. */
  let told: string[]
  /** What the brain is asked. */
  let asked: (readonly unknown[])[]
  /** Why the brain answers nothing. */
  let problem: Error | undefined
  /** What happens while the signer is at work. */
  let meanwhile: () => Promise<void>
  /** What the brain answers to labels. */
  let imported: () => object
  let listeners: Map<NodeEventName, (detail: unknown) => void>

  beforeEach(() => {
    commands = []
    wallets = ['']
    directory = []
    withKeys = []
    asked = []
    told = []
    problem = undefined
    meanwhile = async () => {}
    imported = () => ({ labels: 0 })
    listeners = new Map()
  })

  function create(...args: unknown[]): Promise<unknown> {
    return call('createwallet', args)
  }

  /** With brain and signer as far as the methods see them. */
  function call(method: string, args: readonly unknown[], named?: string): Promise<unknown> {
    const brain = {
      async rpc(name: string, given: readonly unknown[], wallet?: string) {
        if (problem) throw problem
        asked.push([name, ...given, ...(wallet === undefined ? [] : [{ wallet }])])
        if (name === 'importlabels') return imported()
        if (name === 'createwallet' && directory.includes(given[0] as string))
          throw new RpcError(-4, 'It is here already.')
        if (name === 'loadwallet') wallets.push(given[0] as string)
        if (name === 'listwalletdir') return { wallets: directory.map((one) => ({ name: one })) }
        if (name === 'exportlabels') return 'labels'
        return name === 'getblockchaininfo' ? { mediantime: 1_000 } : wallets
      },
      get wallets() {
        return wallets
      },
      on(name: NodeEventName, listener: (detail: unknown) => void) {
        listeners.set(name, listener)
        return () => listeners.delete(name)
      },
    } as unknown as BrainClient
    const signer = {
      async run(wallet: string, command: SignerCommand) {
        told.push(wallet)
        commands.push(command)
        await meanwhile()
        return ok(MNEMONIC)
      },
      status: (wallet: string) => ({ state: withKeys.includes(wallet) ? 'locked' : 'none' }),
    } as unknown as SignerClient
    return walletMethods(brain, signer, named).get(method)!(args)
  }

  /** The code of the error that `args` are refused with. */
  async function refusal(...args: unknown[]): Promise<number> {
    const error = await create(...args).then(
      () => undefined,
      (reason: { code: number }) => reason,
    )
    assert.isDefined(error, JSON.stringify(args))
    return error!.code
  }

  it('takes options, or arguments in order', async () => {
    assert.deepEqual(await create('', { passphrase: 'copper window horse', wordcount: 24 }), {
      name: '',
      mnemonic: MNEMONIC,
    })
    assert.deepEqual(await create('', false, false, 'copper window horse'), { name: '', mnemonic: MNEMONIC })
    assert.deepEqual(await create('', null, null, 'copper window horse'), { name: '', mnemonic: MNEMONIC })
    assert.deepEqual(await create('', false, false, 'copper window horse', false, true, false, false), {
      name: '',
      mnemonic: MNEMONIC,
    })
    assert.deepEqual(await create('', { passphrase: 'copper window horse', words: MNEMONIC }), { name: '' })
    assert.deepEqual(await create({ passphrase: 'copper window horse', wordcount: 24 }), {
      name: '',
      mnemonic: MNEMONIC,
    })
    assert.deepEqual(commands, [
      {
        type: 'create',
        passphrase: 'copper window horse',
        words: 24,
        mnemonicPassphrase: '',
        chainTime: 1_000,
      },
      {
        type: 'create',
        passphrase: 'copper window horse',
        words: 12,
        mnemonicPassphrase: '',
        chainTime: 1_000,
      },
      {
        type: 'create',
        passphrase: 'copper window horse',
        words: 12,
        mnemonicPassphrase: '',
        chainTime: 1_000,
      },
      {
        type: 'create',
        passphrase: 'copper window horse',
        words: 12,
        mnemonicPassphrase: '',
        chainTime: 1_000,
      },
      { type: 'restoreWords', words: MNEMONIC, passphrase: 'copper window horse', mnemonicPassphrase: '' },
      {
        type: 'create',
        passphrase: 'copper window horse',
        words: 24,
        mnemonicPassphrase: '',
        chainTime: 1_000,
      },
    ])
  })

  it('refuses what a profile can not have, before any key is made', async () => {
    for (const args of [
      [''],
      ['', false, false, ''],
      ['', false, true, 'copper window horse'],
      ['', { passphrase: 'copper window horse', blank: true }],
      ['', { passphrase: 'copper window horse', external_signer: true }],
      ['', false, false, 'copper window horse', true],
      ['', false, false, 'copper window horse', false, false],
      ['', false, false, 'copper window horse', false, true, true, true],
      ['', { passphrase: 'copper window horse', wordcount: 18 }],
      ['', { passphrase: 'copper window horse', words: MNEMONIC, wordcount: 12 }],
      ['', { disable_private_keys: true, words: MNEMONIC }],
    ])
      assert.equal(await refusal(...args), -8, JSON.stringify(args))
    // Core's code for a passphrase without keys.
    assert.equal(await refusal('', true, false, 'copper window horse'), -4)
    assert.lengthOf(commands, 0)
    assert.lengthOf(asked, 0)
  })

  it('refuses options that it does not know by their names', async () => {
    const error = await create('', { passphrase: 'copper window horse', wordCount: 24 }).catch(
      (reason: Error) => reason,
    )
    assert.match((error as Error).message, /no field 'wordCount'; its fields are .*wordcount/)
    assert.equal(await refusal('', { passphrase: 'copper window horse', mnemonic: MNEMONIC }), -3)
    assert.equal(
      await refusal('', { passphrase: 'copper window horse', words: MNEMONIC, mnemonic_passphrase: 'x' }),
      -3,
    )
    assert.equal(await refusal({ passphrase: 'copper window horse', wordCount: 24 }), -8)
    assert.lengthOf(commands, 0)
  })

  it('hands the passphrase of BIP39 on, to restore and to make', async () => {
    await create('', { passphrase: 'copper window horse', words: MNEMONIC, mnemonicpassphrase: 'TREZOR' })
    await create('', { passphrase: 'copper window horse', mnemonicpassphrase: 'TREZOR' })
    assert.deepEqual(
      commands.map((command) => 'mnemonicPassphrase' in command && command.mnemonicPassphrase),
      ['TREZOR', 'TREZOR'],
    )
  })

  it('makes a wallet under its name, and says whether it is to be loaded at start', async () => {
    wallets = ['', 'a/b']
    await create('a/b', { passphrase: 'copper window horse', load_on_startup: false })
    await create('a/b', false, false, 'copper window horse', false, true, false)
    await create('a/b', { passphrase: 'copper window horse' })
    assert.deepEqual(
      asked.filter(([method]) => method === 'createwallet'),
      [false, false, true].map((startup) => ['createwallet', 'a/b', { load_on_startup: startup }]),
    )
    assert.deepEqual(told, ['a/b', 'a/b', 'a/b'])
  })

  it('has a wallet without keys made by the node alone', async () => {
    for (const args of [
      ['watch', true],
      ['watch', { disable_private_keys: true }],
      ['watch', true, true],
    ])
      await create(...args)
    const made = ['createwallet', 'watch', { disable_private_keys: true, load_on_startup: true }]
    assert.deepEqual(asked, [made, made, made])
    assert.lengthOf(commands, 0)
  })

  it('makes no wallet while the keys of another of its name are being made', async () => {
    wallets = ['a']
    let refused: Promise<number> | undefined
    meanwhile = async () => {
      refused = refusal('a', true)
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      directory = ['a']
    }
    assert.deepEqual(await create('a', { passphrase: 'copper window horse' }), {
      name: 'a',
      mnemonic: MNEMONIC,
    })
    assert.equal(await refused, -4)
  })

  it('leaves no wallet unlocked that is unloaded meanwhile', async () => {
    meanwhile = async () => {
      wallets = []
    }
    const error = (await call('walletpassphrase', ['copper window horse']).catch(
      (reason: unknown) => reason,
    )) as RpcError
    assert.equal(error.code, -18)
    assert.deepEqual(
      commands.map(({ type }) => type),
      ['unlock', 'lock'],
    )
  })

  it('makes no key under a name that the node refuses', async () => {
    directory = ['watch']
    for (const [method, ...args] of [
      ['createwallet', 'watch', { passphrase: 'copper window horse' }],
      ['createwallet', 'watch', { passphrase: 'copper window horse', words: MNEMONIC }],
      ['importbackup', '{}', 'copper window horse', 'watch'],
      ['restorewallet', 'watch', '{}', true, 'copper window horse'],
    ] as const) {
      const error = (await call(method, args).catch((reason: unknown) => reason)) as RpcError
      assert.equal(error.code, method === 'restorewallet' ? -36 : -4, method)
    }
    assert.lengthOf(commands, 0)
  })

  it('restores a backup under a name, and again what it has beside the keys', async () => {
    wallets = ['', 'old']
    assert.deepEqual(await call('restorewallet', ['old', '{}', null, 'copper window horse']), { name: 'old' })
    directory = ['', 'old']
    withKeys = ['old']
    wallets = ['']
    // Here, with keys, and not loaded.
    assert.deepEqual(await call('importbackup', ['{}', 'copper window horse', 'old']), { name: 'old' })
    assert.deepEqual(told, ['old', 'old'])
    assert.deepEqual(
      asked.filter(([method]) => method === 'importlabels' || method === 'loadwallet'),
      [
        ['importlabels', MNEMONIC, { wallet: 'old' }],
        ['loadwallet', 'old'],
        ['importlabels', MNEMONIC, { wallet: 'old' }],
      ],
    )
  })

  it('means the wallet that is named, or the only one, and no other', async () => {
    wallets = ['a', 'b']
    for (const method of ['walletlock', 'exportbackup', 'revealmnemonic', 'walletpassphrase']) {
      const args = method === 'walletlock' ? [] : ['a long walk']
      const codes: number[] = []
      for (const named of [undefined, 'c'])
        await call(method, args, named).catch(({ code }: RpcError) => codes.push(code))
      assert.deepEqual(codes, [-19, -18], method)
      assert.lengthOf(told, 0)
      await call(method, args, 'b')
      assert.deepEqual(told.splice(0), ['b'], method)
    }
    wallets = []
    const error = (await call('walletlock', []).catch((reason: unknown) => reason)) as RpcError
    assert.equal(error.code, -18)
  })

  it('says what a backup lacks; the keys are restored all the same', async () => {
    assert.deepEqual(await call('importbackup', ['{}', 'copper window horse']), { name: '' })
    imported = () => ({ labels: 1, warnings: ['1 label was left out.'] })
    assert.deepEqual(await call('importbackup', ['{}', 'copper window horse']), {
      name: '',
      warnings: ['1 label was left out.'],
    })
    imported = () => {
      throw new Error('The labels could not be read.')
    }
    const { warnings } = (await call('importbackup', ['{}', 'copper window horse'])) as { warnings: string[] }
    assert.match(warnings[0]!, /keys are restored.*The labels could not be read\./)
  })

  it('makes no key while the node lacks what it follows one with', async () => {
    problem = new Error('The server is gone.')
    for (const [method, ...args] of [
      ['createwallet', '', { passphrase: 'copper window horse' }],
      ['createwallet', '', { passphrase: 'copper window horse', words: MNEMONIC }],
      ['importbackup', '{}', 'copper window horse'],
    ] as const) {
      const error = await call(method, args).catch((reason: unknown) => reason)
      assert.equal(error, problem, method)
    }
    assert.lengthOf(commands, 0)
  })

  it('gives the words with a warning when the node fails to follow the wallet', async () => {
    wallets = []
    const created = create('', { passphrase: 'copper window horse' })
    while (!listeners.has('fault')) await Promise.resolve()
    listeners.get('fault')!({ kind: 'internal', message: 'It broke.' })
    const { mnemonic, warnings } = (await created) as { mnemonic: string; warnings: string[] }
    assert.equal(mnemonic, MNEMONIC)
    assert.include(warnings[0], 'It broke.')
    assert.equal(listeners.size, 0)
  })

  it('warns of a passphrase that is guessed at once', async () => {
    const { warnings } = (await create('', { passphrase: 'password1' })) as { warnings: string[] }
    assert.lengthOf(warnings, 1)
    assert.match(warnings[0]!, /too easy.*walletpassphrasechange/)
    assert.notProperty(await create('', { passphrase: 'copper window battery staple' }), 'warnings')
  })

  it('hands out no backup file under a passphrase that is guessed at once', async () => {
    const error = await call('exportbackup', ['password1']).catch((reason: unknown) => reason)
    assert.deepInclude(error, { code: -4 })
    assert.match((error as Error).message, /No backup file was made.*Change it/)
    // The keeper of keys is asked first: it alone knows whether the passphrase is the wallet's.
    assert.equal(commands[0]!.type, 'exportBackup')
    assert.equal(await call('exportbackup', ['a long walk']), MNEMONIC)
  })

  it('waits for the node, whatever else is faulty', async () => {
    wallets = []
    const created = create('', { passphrase: 'copper window horse' })
    while (!listeners.has('fault')) await Promise.resolve()
    wallets = ['']
    listeners.get('fault')!({ kind: 'network', message: 'Another matter.' })
    assert.deepEqual(await created, { name: '', mnemonic: MNEMONIC })
  })
})
