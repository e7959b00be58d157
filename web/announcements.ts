/** What the node tells by short messages: blocks that were mined or replaced, payments that come in. Thread: Window. */
import { msatToSats } from './channels.ts'
import { amountWithUnit, countText, fromCoins, plural } from './format.ts'
import type { WalletTransactionDetail } from './rpc-results.ts'
import type { Opentab } from './tab/opentab.ts'

/** Shows a message. Of those with one key only the last stays: `text` gets how many of them there were, this one included. */
export type Show = (text: string | ((count: number) => string), key?: string) => void

/** Shows such messages for as long as the page is open. */
export function announce(opentab: Opentab, show: Show): void {
  opentab.on('tip', ({ disconnected }) => {
    if (disconnected > 0)
      show(`A branch with more work won: ${plural(disconnected, 'block')} replaced.`, 'reorganised')
  })
  opentab.on('mined', ({ height }) =>
    show(
      (count) =>
        count === 1
          ? `You mined block ${countText(height)}.`
          : `You mined ${countText(count)} blocks, the last is ${countText(height)}.`,
      'mined',
    ),
  )
  opentab.on('channel', (event) => {
    switch (event.notification) {
      case 'invoice_payment':
        show(`${amountWithUnit(msatToSats(event.msat))} came in over a channel.`)
        return
      case 'channel_state_changed':
        if (event.new_state === 'CHANNELD_NORMAL') show('A channel is open.')
        else if (event.new_state === 'ONCHAIN') show('A channel was closed: its transaction is in a block.')
        return
      case 'warning':
        show(event.message)
    }
  })
  /** Seconds since 1970: what was seen before, the page that was open then has told. */
  const opened = Math.floor(Date.now() / 1000)
  /** Own transactions that were looked at, by wallet and id: each is news once. */
  const seen = new Set<string>()
  opentab.on('wallet', async ({ wallet, txids }) => {
    for (const txid of txids) {
      const news = `${txid} ${wallet}`
      if (seen.has(news)) continue
      seen.add(news)
      const payment = (await opentab
        .wallet(wallet)
        .rpc('gettransaction', txid)
        .catch(() => undefined)) as WalletTransactionDetail | undefined
      const isNew =
        payment?.confirmations === 0 &&
        payment.timereceived >= opened &&
        payment.details.every(({ category }) => category === 'receive')
      const to = wallet && ` to “${wallet}”`
      if (payment && isNew) show(`${amountWithUnit(fromCoins(payment.amount))} coming in${to}.`)
    }
  })
}
