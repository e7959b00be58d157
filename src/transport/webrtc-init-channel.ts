/**
 * Works round a race in @libp2p/webrtc 6.0.33. The dialler opens a data channel labelled `init` and waits for its
 * `open`, then its `close` event; the remote may have closed it before the wait begins, and then the dial hangs until
 * it times out (48 of 110 concurrent dials, measured). Here such a late listener is called at once. Thread: Window.
 */

const INIT_LABEL = 'init'

/** States in which the awaited event has passed already. */
const PASSED: Readonly<Record<string, readonly RTCDataChannelState[]>> = {
  open: ['closing', 'closed'],
  close: ['closed'],
}

let installed = false

/** Patches `RTCPeerConnection.prototype.createDataChannel`, once for the page, for the `init` channel alone. */
export function installInitChannelFix(): void {
  if (installed) return
  installed = true
  const createDataChannel = RTCPeerConnection.prototype.createDataChannel
  RTCPeerConnection.prototype.createDataChannel = function (this: RTCPeerConnection, label, init) {
    const channel = createDataChannel.call(this, label, init)
    if (label === INIT_LABEL) callLateListeners(channel)
    return channel
  }
}

function callLateListeners(channel: RTCDataChannel): void {
  const addEventListener = channel.addEventListener.bind(channel)
  channel.addEventListener = (
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) => {
    addEventListener(type, listener, options)
    if (!PASSED[type]?.includes(channel.readyState)) return
    queueMicrotask(() => {
      const event = new Event(type)
      if (typeof listener === 'function') listener.call(channel, event)
      else listener.handleEvent(event)
    })
  }
}
