/**
 * The signer of a node without a page, such as one of the simulator: whoever hands it a payment is its owner, and agrees to it by that.
 */
import type { Signer } from '../wallet/signer.ts'
import type { LocalSigner } from './local-signer.ts'

export function unattended(signer: LocalSigner): Signer {
  return {
    status: () => signer.status(),
    onChange: (listener) => signer.onChange(listener),
    async signPsbt(psbt, replaced, hashType) {
      const review = signer.review(psbt, hashType)
      const approval = review.ok
        ? signer.approve({ type: 'reviewed', digest: review.value.digest, hashType })
        : undefined
      try {
        return await signer.signPsbt(psbt, replaced, hashType)
      } finally {
        if (approval?.ok) signer.revoke(approval.value)
      }
    },
  }
}
