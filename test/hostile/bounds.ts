/**
 * What is asked of the tabs under attack. A bound that a slow machine alone could break would say nothing, so that each lies well above
 * what a tab needs on two cores that nobody else uses. Times in milliseconds.
 */

/** From the opening of the page to an honest direct peer and the network's tip. */
export const JOIN = 10_000

/** From paying to the first confirmation, where another tab mines as soon as it knows of the payment. */
export const PAYMENT = 15_000

/** From a block to the same tip in every honest tab. */
export const AGREEMENT = 10_000

/** Greatest memory of a tab's process under attack, as a multiple of what it had before. */
export const MEMORY = 1.5

/** How long a tab may take to answer its own page, which is what a person feels. */
export const ANSWER = 2000

/** How long an offender may stay connected. */
export const EXPULSION = 15_000

/** How long an offender that was sent away must be kept out, at least. */
export const EXILE = 10_000

/** From waking to the network's tip. */
export const WAKING = 5000

/** How long a relay that came back under another key may be without use by the tabs, whose pages aren't loaded anew. */
export const RELAY_CHANGE = 60_000

/** How long the page's server may take to stop under attack. */
export const SERVER_STOP = 10_000

/** WebRTC connections that all strangers together may make a tab spend in a minute: Chrome grants some 500 in its life. */
export const CONNECTIONS_A_MINUTE = 30

/** Greatest factor by which one block may change the work that the next one takes. */
export const DIFFICULTY_STEP = 4

/** How long anything is waited for before it counts as never. */
export const NEVER = 30_000

/** From the moment at which all tabs of a class are reloaded until each has a peer: they share one machine here. */
export const RELOAD_STORM = 30_000
