/** All views but the overview, and the dialog that they alone open: fetched together when the first of them is shown. */
import '../components/unlock-dialog.ts'
import './address-view.ts'
import './block-view.ts'
import './explorer-view.ts'
import './miner-view.ts'
import './network-view.ts'
import './transaction-view.ts'
import './wallet-view.ts'
