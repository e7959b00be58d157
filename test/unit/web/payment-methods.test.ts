/** Promise: what a call that pays asks for reaches the signer, whether its arguments stand in order or are named; a slip in a name reaches nobody. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok } from '../../../src/primitives/result.ts'
import type { SignerCommand } from '../../../src/workers/signer-link.ts'
import { callPayment } from '../../../web/tab/payment-methods.ts'

const ADDRESS = 'tabrt1pbob'
const TXID = '11'.repeat(32)

/** What the signer and the brain are told of a call. */
async function told(method: string, ...args: readonly unknown[]) {
  const commands: SignerCommand[] = []
  const asked: (readonly unknown[])[] = []
  const brain = {
    rpc: async (_: string, given: readonly unknown[]) => {
      asked.push(given)
    },
    wallets: [''],
  }
  const keys = {
    status: () =>
      ({ state: 'unlocked', account: { descriptor: '', birthday: 0 }, until: undefined }) as const,
    stopped: new Promise<never>(() => {}),
    run: async (_wallet: string, command: SignerCommand) => {
      commands.push(command)
      return ok(1)
    },
  }
  const failure = await callPayment(brain, keys, method, args).then(
    () => undefined,
    ({ message }: Error) => message,
  )
  return {
    approved: commands.map((command) => command.type === 'approve' && command.agreement)[0],
    asked,
    failure,
  }
}

test('named arguments agree to what the same arguments in order do', async () => {
  const inOrder = await told('sendtoaddress', ADDRESS, 1.5, '', '', true, null, null, null, null, '2')
  const named = await told('sendtoaddress', {
    fee_rate: '2',
    address: ADDRESS,
    amount: 1.5,
    subtractfeefromamount: true,
  })
  assert.deepEqual(inOrder.approved, {
    type: 'payment',
    payees: [{ address: ADDRESS, amount: 150_000_000, bearsFee: true }],
    feeRate: 2000,
  })
  assert.deepEqual(named.approved, inOrder.approved)
  assert.equal(named.asked[0]?.[9], '2')

  const bump = { type: 'replacement', txid: TXID, feeRate: 7000 }
  assert.deepEqual((await told('bumpfee', TXID, { fee_rate: 7 })).approved, bump)
  assert.deepEqual((await told('bumpfee', { txid: TXID, options: { fee_rate: 7 } })).approved, bump)
  assert.deepEqual((await told('bumpfee', { txid: TXID, fee_rate: 7 })).approved, bump)
  const reviewed = { type: 'reviewed', digest: 'd', hashType: 0 }
  for (const method of ['sendpsbt', 'walletprocesspsbt'])
    assert.deepEqual((await told(method, { psbt: 'cHNidP8=', digest: 'd' })).approved, reviewed)
})

test('a name that the method does not have is refused before anybody is asked', async () => {
  const { approved, asked, failure } = await told('sendtoaddress', {
    address: ADDRESS,
    amount: 1,
    feerate: 2,
  })
  assert.match(failure ?? '', /no argument 'feerate'/)
  assert.equal(approved, undefined)
  assert.deepEqual(asked, [])
})

test('each method that pays, signs or sends all agrees to its own terms, and no more', async () => {
  const pays = [{ [ADDRESS]: 1 }, { data: 'c0ffee' }]
  const data = { data: Uint8Array.of(0xc0, 0xff, 0xee) }
  const one = { address: ADDRESS, amount: 100_000_000 }
  const term = { type: 'payment', changeAddress: undefined, feeRate: undefined }
  assert.deepEqual((await told('send', pays)).approved, {
    ...term,
    payees: [one, data].map((payee) => ({ ...payee, bearsFee: false })),
  })
  const options = { change_address: 'tabrt1palice', subtract_fee_from_outputs: [0], fee_rate: 3 }
  assert.deepEqual((await told('send', { outputs: pays, ...options })).approved, {
    ...term,
    payees: [
      { ...one, bearsFee: true },
      { ...data, bearsFee: false },
    ],
    changeAddress: 'tabrt1palice',
    feeRate: 3000,
  })
  const { changeAddress: _, ...terms } = term
  const rest = { address: 'tabrt1prest', amount: undefined }
  assert.deepEqual((await told('sendall', [{ [ADDRESS]: 1 }, 'tabrt1prest'], null, null, 2)).approved, {
    ...terms,
    payees: [one, rest],
    feeRate: 2000,
  })
  assert.deepEqual((await told('sendmany', '', { [ADDRESS]: 1 }, 1, '', [ADDRESS])).approved, {
    ...terms,
    payees: [{ ...one, bearsFee: true }],
  })
  assert.deepEqual((await told('fundchannel', 'node', 100_000, 2, null, 1_500)).approved, {
    type: 'channel',
    amount: 100_000,
    given: 2,
    feeRate: 2000,
  })
  assert.deepEqual((await told('signmessage', ADDRESS, 'hello')).approved, {
    type: 'message',
    address: ADDRESS,
    message: 'hello',
  })
  assert.deepEqual((await told('signrawtransactionwithwallet', 'c0ff', null, 'ALL')).approved, {
    type: 'transaction',
    transaction: Uint8Array.of(0xc0, 0xff),
    hashType: 1,
  })
})

test('arguments that are none agree to nothing', async () => {
  for (const [method, args] of [
    ['send', []],
    ['sendall', []],
    ['sendmany', ['']],
    ['signmessage', [ADDRESS]],
    ['signrawtransactionwithwallet', ['zz']],
  ] as const)
    assert.equal((await told(method, ...args)).approved, undefined, method)
  for (const [method, args] of [
    ['send', [{ [ADDRESS]: 'much' }]],
    ['sendall', ['all']],
    ['sendmany', ['', [1]]],
  ] as const) {
    const { approved, asked, failure } = await told(method, ...args)
    assert.equal(approved, undefined)
    assert.deepEqual(asked, [])
    assert.notEqual(failure, undefined)
  }
})
