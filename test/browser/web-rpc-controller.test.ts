/** Views follow the node by its events: no polling, no overlapping calls, no answer to a question that is no longer asked. */
import { assert } from 'chai'
import { html, LitElement } from 'lit'
import type { TipEvent } from '../../src/node/events.ts'
import { RpcController } from '../../web/controllers/rpc-controller.ts'
import { LiveNode } from '../../web/live-node.ts'
import { ScriptedOpentab, until } from './support/scripted-opentab.ts'

class Host extends LitElement {
  static override properties = { node: { attribute: false }, about: {} }
  declare node: LiveNode
  declare about: string
  readonly answer = new RpcController<string>(this, {
    events: ['tip'],
    key: () => this.about,
    load: (node) => node.rpc('help', this.about),
  })
  override render() {
    return html`${this.answer.value ?? 'nothing yet'}`
  }
}
customElements.define('test-host', Host)

const TIP = { height: 1, time: 0, connected: 1, disconnected: 0 } as TipEvent

describe('RpcController', () => {
  let opentab: ScriptedOpentab
  let host: Host
  let waiting: { about: string; answer: (value: string) => void; fail: (error: Error) => void }[]

  beforeEach(async () => {
    waiting = []
    opentab = new ScriptedOpentab({
      help: (about: string) =>
        new Promise<string>((answer, fail) => {
          waiting.push({ about, answer, fail })
        }),
    })
    host = new Host()
    host.node = new LiveNode(opentab)
    host.about = 'a'
    document.body.append(host)
    await until('it asked', () => waiting.length === 1)
  })

  afterEach(() => host.remove())

  it('shows the answer, and asks once more for any number of events during a call', async () => {
    for (let i = 0; i < 50; i++) opentab.emit('tip', TIP)
    assert.equal(opentab.count('help'), 1)
    waiting[0]!.answer('first')
    await until('the next call', () => waiting.length === 2)
    assert.equal(host.answer.value, 'first')
    waiting[1]!.answer('second')
    await until('the second answer', () => host.answer.value === 'second')
    assert.equal(opentab.count('help'), 2)
  })

  it('drops the answer to an old question', async () => {
    host.about = 'b'
    await until('it asked anew', () => waiting.length === 2)
    waiting[1]!.answer('about b')
    await until('the answer', () => host.answer.value === 'about b')
    waiting[0]!.answer('about a')
    // A frame lies after all that the answer can set off.
    await new Promise((resolve) => requestAnimationFrame(resolve))
    assert.equal(host.answer.value, 'about b')
  })

  it('keeps the last answer beside an error, and recovers', async () => {
    waiting[0]!.answer('good')
    await until('the answer', () => host.answer.value === 'good')
    opentab.emit('tip', TIP)
    await until('the next call', () => waiting.length === 2)
    waiting[1]!.fail(new Error('busy'))
    await until('the error', () => host.answer.error !== undefined)
    assert.equal(host.answer.value, 'good')
    opentab.emit('tip', TIP)
    await until('one more call', () => waiting.length === 3)
    waiting[2]!.answer('better')
    await until('the recovery', () => host.answer.error === undefined && host.answer.value === 'better')
  })

  it('listens only while it is shown', async () => {
    const shown = opentab.listenerCount
    host.remove()
    assert.equal(opentab.listenerCount, shown - 1)
    document.body.append(host)
    await until('it asked again', () => waiting.length === 2)
    assert.equal(opentab.listenerCount, shown)
  })

  it('asks again in time where an answer changes with time alone', async () => {
    class Patient extends LitElement {
      static override properties = { node: { attribute: false } }
      declare node: LiveNode
      readonly answer = new RpcController<string>(this, {
        every: 20,
        load: (node) => node.rpc('help', 'time'),
      })
    }
    customElements.define('test-patient', Patient)
    const patient = new Patient()
    patient.node = host.node
    document.body.append(patient)
    const asked = () => waiting.filter(({ about }) => about === 'time')
    for (let turn = 1; turn <= 3; turn++) {
      await until('it asked', () => asked().length === turn)
      asked().at(-1)!.answer(`answer ${turn}`)
      await until('the answer', () => patient.answer.value === `answer ${turn}`)
    }
    patient.remove()
  })
})
