/** Learn: whoever learns goes forward and back through a story, leaves it, is told why a move can't be made, and hears each step. */
import { assert } from 'chai'
import { Learn } from '../../web/views/channels-learn.ts'
import { deepAll, deepOne, until } from './support/scripted-opentab.ts'

describe('learn', () => {
  let view: Learn

  beforeEach(async () => {
    view = new Learn()
    document.body.append(view)
    await ready()
  })

  afterEach(() => view.remove())

  const one = (id: string): HTMLElement => deepOne(view, `[data-testid="${id}"]`)
  const text = (id: string): string => one(id).textContent!.trim()
  const shows = (id: string): boolean => deepAll(view, `[data-testid="${id}"]`).length > 0
  const button = (name: string) => deepOne(view, 'button', name) as HTMLButtonElement

  /** Nothing is being worked on. */
  async function ready(): Promise<void> {
    await until(
      'the lesson is ready',
      () => shows('happened') && !view.shadowRoot!.textContent!.includes('Signing'),
    )
    await view.updateComplete
  }

  async function press(name: string): Promise<void> {
    button(name).click()
    await view.updateComplete
    await ready()
  }

  async function choose(story: string): Promise<void> {
    ;(deepOne(view, `input[value="${story}"]`) as HTMLInputElement).click()
    await view.updateComplete
    await ready()
  }

  async function forward(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) await press('Next')
  }

  it('goes forward through a payment, and back', async () => {
    assert.equal(text('place'), 'Pay, and close: step 0 of 6')
    assert.isTrue(button('Back').disabled)
    await forward(3)
    assert.equal(text('happened'), 'Alice pays Bob 400,000 sat.')
    assert.deepEqual([text('first'), text('second')], ['600,000 sat', '400,000 sat'])
    const sides = [...deepAll(view, '.commitment h3')].map((heading) => heading.textContent)
    assert.deepEqual(sides, ['Alice’s commitment, state 2', 'Bob’s commitment, state 2'])
    assert.include(text('secrets'), '4 secrets of states that were given up')
    await press('Back')
    assert.equal(text('place'), 'Pay, and close: step 2 of 6')
    assert.isFalse(shows('secrets'))
    await forward(4)
    assert.include(text('status'), 'closed')
    assert.isTrue(button('Next').disabled)
  })

  it('lets a thief lose everything', async () => {
    await choose('punished')
    await forward(6)
    assert.equal(text('coins-Alice'), '1,299,500 sat')
    assert.isAbove(Number(text('coins-Bob').replace(/\D/g, '')), 3_290_000)
    assert.include(deepOne(view, '.fate').textContent!, 'Bob’s penalty')
  })

  it('leaves the story for another move, from any step of it', async () => {
    await forward(4)
    await press('Back')
    await press('1 block')
    assert.equal(text('place'), 'Step 4, on your own')
    assert.deepEqual([text('first'), text('second')], ['600,000 sat', '400,000 sat'])
    await press('Start the story again')
    assert.equal(text('place'), 'Pay, and close: step 0 of 6')
  })

  it('says why a move can’t be made, and stays where it is', async () => {
    await forward(3)
    const field = deepOne(view, '#pay-amount') as HTMLInputElement
    field.value = '999999999'
    await press('Pay')
    const problem = deepOne(view, '[role="alert"]').textContent!
    assert.match(problem, /^Alice has 600,000 sat in this channel/)
    assert.equal(text('place'), 'Pay, and close: step 3 of 6')
    field.value = 'ten'
    await press('Pay')
    assert.match(deepOne(view, '[role="alert"]').textContent!, /whole number of satoshis/)
  })

  it('tells each step to who can’t see it', async () => {
    await forward(1)
    const said = deepOne(view, '[role="status"]')
    assert.equal(said.getAttribute('aria-live'), 'polite')
    assert.include(said.textContent!, 'Alice opens a channel with Bob')
  })
})
