/**
 * What is said to people whose browser can't run a node.
 */

import { assert } from 'chai'
import { missingFeatures } from '../../src/transport/features.ts'

describe('missingFeatures', () => {
  it('finds nothing missing in the browser that runs these tests', () => {
    assert.deepEqual(missingFeatures(), [])
  })

  it('names what is missing', () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'RTCPeerConnection')!
    Reflect.deleteProperty(globalThis, 'RTCPeerConnection')
    try {
      const missing = missingFeatures()
      assert.equal(missing.length, 1)
      assert.isTrue(missing[0]!.includes('WebRTC'), missing[0]!)
    } finally {
      Object.defineProperty(globalThis, 'RTCPeerConnection', descriptor)
    }
  })
})
