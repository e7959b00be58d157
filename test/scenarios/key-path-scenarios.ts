/** Spends by key path (BIP341). */
import { concatBytes } from '../../src/primitives/bytes.ts'
import { Transaction, unsignedInput } from '../../src/primitives/transaction.ts'
import { TestWallet } from '../support/chain-builder.ts'
import { type KeyPathSigning, signKeyPath } from '../support/transactions.ts'
import { flipped, withWitness } from './edits.ts'
import type { RuleId } from './rules.ts'
import type { Scenario, ScenarioWriter } from './scenario.ts'

export const keyPathScenarios: readonly Scenario[] = [
  {
    name: 'signatures by key path: sizes, hash types, and what they sign',
    write: (s) => {
      s.fund(60)
      const size: RuleId = 'schnorr-sig-size'
      const type: RuleId = 'schnorr-sig-hashtype'
      s.accept(s.mine([signed(s)]), 'schnorr-sig', size, 'witness-program-witness-empty')
      for (const hashType of [0x01, 0x02, 0x03, 0x81, 0x82, 0x83])
        s.accept(s.mine([signed(s, { hashType })]), type, size)
      const tampered = (
        change: (item: Uint8Array) => Uint8Array,
        options: Partial<KeyPathSigning> = {},
      ): Transaction => withWitness(signed(s, options), ([item, ...rest]) => [change(item), ...rest])
      s.reject(s.mine([withWitness(signed(s), () => [])]), 'witness-program-witness-empty')
      s.reject(s.mine([withWitness(signed(s), () => [new Uint8Array(0)])]), size)
      s.reject(s.mine([tampered((item) => item.subarray(0, 63))]), size)
      s.reject(s.mine([tampered((item) => concatBytes(item, Uint8Array.of(1, 1)))]), size)
      // A default that is spelled out; types there are none of.
      for (const hashType of [0x00, 0x04, 0x20, 0x80, 0x84, 0xff])
        s.reject(s.mine([tampered((item) => concatBytes(item, Uint8Array.of(hashType)))]), type)
      // SINGLE without an output at the input's position.
      const coins = [s.coin(), s.coin()]
      const single = (outputs: number): Transaction =>
        signKeyPath(
          {
            version: 2,
            inputs: coins.map(({ prevout }) => unsignedInput(prevout, 0)),
            outputs: Array.from({ length: outputs }, () => s.own(1)),
            lockTime: 0,
          },
          coins.map(({ value }, i) => ({
            secretKey: s.net.miner.secretKey,
            value,
            hashType: i < outputs ? 0x03 : 0x00,
          })),
        ).transaction
      s.reject(s.mine([withType(single(1), 1, 0x03)]), type)
      s.accept(s.mine([single(2)]), type)
      // Each byte of a signature counts, and so does what it signs.
      for (const at of [0, 31, 32, 63])
        s.reject(s.mine([tampered((item) => flipped(item, at))]), 'schnorr-sig')
      s.reject(s.mine([tampered((item) => flipped(item, 64), { hashType: 0x02 })]), 'schnorr-sig')
      s.reject(s.mine([tampered(() => new Uint8Array(64))]), 'schnorr-sig')
      s.reject(s.mine([tampered(() => new Uint8Array(64).fill(0xff))]), 'schnorr-sig')
      for (const change of [
        (tx: Transaction) => ({ ...tx, version: 1 }),
        (tx: Transaction) => ({ ...tx, lockTime: 1 }),
        (tx: Transaction) => ({ ...tx, inputs: [{ ...tx.inputs[0], sequence: 1 }] }),
        (tx: Transaction) => ({ ...tx, outputs: [s.own(1)] }),
      ])
        s.reject(s.mine([Transaction.of(change(signed(s)))]), 'schnorr-sig')
      // NONE leaves the outputs open.
      const open = signed(s, { hashType: 0x02 })
      s.accept(s.mine([Transaction.of({ ...open, outputs: [s.own(1), s.own(2)] })]), 'schnorr-sig')
      // By a key that does not hold the coin; and one bad input among good ones.
      s.reject(s.mine([new TestWallet('thief').spend([s.coin()], [s.own(1)])]), 'schnorr-sig')
      const several = s.net.miner.spend([s.coin(), s.coin(), s.coin()], [s.own(1)])
      const last = Transaction.of({
        ...several,
        inputs: several.inputs.map((input, i) =>
          i === 2 ? { ...input, witness: [flipped(input.witness[0], 9)] } : input,
        ),
      })
      s.reject(s.mine([s.spend(), last]), 'schnorr-sig')
      s.accept(s.mine([s.spend(), several]), 'schnorr-sig')
    },
  },
  {
    name: 'an annex is signed, and alone it is no annex',
    write: (s) => {
      s.fund(8)
      const annex = Uint8Array.of(0x50, 1, 2, 3)
      s.accept(s.mine([signed(s, { annex })]), 'schnorr-sig')
      s.accept(s.mine([signed(s, { annex: Uint8Array.of(0x50) })]), 'schnorr-sig')
      s.reject(s.mine([withWitness(signed(s, { annex }), ([item]) => [item])]), 'schnorr-sig')
      s.reject(s.mine([withWitness(signed(s), (witness) => [...witness, annex])]), 'schnorr-sig')
      s.reject(
        s.mine([withWitness(signed(s, { annex }), ([item, extra]) => [item, flipped(extra, 3)])]),
        'schnorr-sig',
      )
      s.reject(s.mine([withWitness(signed(s), () => [annex])]), 'schnorr-sig-size')
    },
  },
]

/** A spend of the next coin. */
function signed(s: ScenarioWriter, options: Partial<KeyPathSigning> = {}): Transaction {
  const { prevout, value } = s.coin()
  const fields = { version: 2, inputs: [unsignedInput(prevout, 0)], outputs: [s.own(value)], lockTime: 0 }
  return signKeyPath(fields, [{ secretKey: s.net.miner.secretKey, value, ...options }]).transaction
}

/** The transaction with this hash type behind the signature of one input. */
function withType(tx: Transaction, position: number, hashType: number): Transaction {
  const inputs = tx.inputs.map((input, i) =>
    i === position
      ? { ...input, witness: [concatBytes(input.witness[0].subarray(0, 64), Uint8Array.of(hashType))] }
      : input,
  )
  return Transaction.of({ ...tx, inputs })
}
