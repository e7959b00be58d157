/** The brain's half of what a channel asks of the signer's thread. Fetched with channels, not before. */
import type { ChannelSigner, StateKeeper } from '../channels/ports.ts'
import type { ChannelCall, RemoteSigners } from './signer-link.ts'

/** The signer of a wallet's channels behind the brain's line to the signers. `wallet`: its name. */
export function remoteChannelSigner(
  signers: Pick<RemoteSigners, 'callChannel'>,
  wallet: string,
): ChannelSigner & StateKeeper {
  type Asked = ChannelSigner & StateKeeper
  // What answers is the method of the same name, with the same types.
  const ask = <Method extends keyof Asked>(method: Method): Asked[Method] =>
    ((...args: unknown[]) => signers.callChannel(wallet, { method, args } as ChannelCall)) as Asked[Method]
  return {
    createKeys: ask('createKeys'),
    holderPoint: ask('holderPoint'),
    attach: ask('attach'),
    acceptHolderCommitment: ask('acceptHolderCommitment'),
    releaseSecret: ask('releaseSecret'),
    signCounterpartyCommitment: ask('signCounterpartyCommitment'),
    counterpartyRevoked: ask('counterpartyRevoked'),
    beginPayment: ask('beginPayment'),
    endPayment: ask('endPayment'),
    htlcReturned: ask('htlcReturned'),
    signHolderCommitment: ask('signHolderCommitment'),
    closingNonce: ask('closingNonce'),
    signClosing: ask('signClosing'),
    signSpend: ask('signSpend'),
    paymentBasepoints: ask('paymentBasepoints'),
    signLostShare: ask('signLostShare'),
    signAnnouncement: ask('signAnnouncement'),
    nodeKey: ask('nodeKey'),
    ecdh: ask('ecdh'),
    signNode: ask('signNode'),
    keepStates: ask('keepStates'),
    keptStates: ask('keptStates'),
  }
}
