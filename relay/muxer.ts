/** Yamux, except that who opens streams without end loses the connection. */

import type { StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { TokenBucket } from '../src/primitives/token-bucket.ts'

/** Streams that a tab may have open at a time: one or two for each introduction under way, and few others. */
const MAX_OPEN = 64

/**
 * Streams that a tab may open. It opens one for an introduction, of which it gets one a second, one to ask for peers,
 * and one now and then to ping. To open and reset one takes 24 bytes, and 0.1 ms here.
 */
const OPEN_LIMIT = [256, 4] as const

/** Makes the muxer's factory, as `createLibp2p` takes it. */
export function boundedYamux(): () => StreamMuxerFactory {
  return () => {
    const factory = yamux({ maxInboundStreams: MAX_OPEN })()
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection)
      const onRemoteStream = muxer.onRemoteStream.bind(muxer)
      const opened = new TokenBucket(performance, ...OPEN_LIMIT)
      muxer.onRemoteStream = (stream) => {
        // Thrown where a frame is read, it ends the connection as a malformed frame does.
        if (!opened.take(1)) throw new Error('Too many streams')
        onRemoteStream(stream)
      }
      return muxer
    }
    return factory
  }
}
