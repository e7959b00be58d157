/** What is shown where there is nothing: why, and where to go on. `why` is a sentence. */
import { html } from 'lit'

/** A whole view of it. */
export function notFound(why: string) {
  return html`<div class="head"><h1 tabindex="-1">Not found</h1></div>
    ${nothingHere(why)}`
}

/** What stands below a heading that says so. */
export function nothingHere(why: string) {
  return html`<div class="card empty">
    <p class="wrap">${why}</p>
    <p><a class="button" href="/explorer">Look in the explorer</a></p>
  </div>`
}
