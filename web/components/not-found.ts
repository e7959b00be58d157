/** What is shown where there is nothing: why, and where to go on. */
import { html } from 'lit'

/** `why` is a sentence. */
export function notFound(why: string) {
  return html`<div class="card empty">
    <h1 tabindex="-1">Not found</h1>
    <p class="wrap">${why}</p>
    <p><a class="button" href="/explorer">Look in the explorer</a></p>
  </div>`
}
