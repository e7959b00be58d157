/**
 * The signers of a node without a page, such as one of the simulator: whoever hands them a payment is its owner, and agrees to it by that.
 */
import { NO_SIGNER, type Signer, type Signers } from '../wallet/signer.ts'
import type { LocalSigner } from './local-signer.ts'
import type { LocalSigners } from './local-signers.ts'

export function unattended(signer: LocalSigner): Signer {
  return {
    status: () => signer.status(),
    lock: () => signer.lock(),
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

/** `unattended` of all wallets. */
export function allUnattended(signers: LocalSigners): Signers {
  return {
    names: () => signers.names(),
    signer: (wallet) => {
      const now = (): Signer => {
        const signer = signers.get(wallet)
        return signer ? unattended(signer) : NO_SIGNER
      }
      return {
        status: () => signers.status(wallet),
        lock: () => now().lock(),
        signPsbt: (...given) => now().signPsbt(...given),
        onChange: (listener) =>
          signers.onChange((name, status) => {
            if (name === wallet) listener(status)
          }),
      }
    },
    onChange: (listener) => signers.onChange(listener),
  }
}
