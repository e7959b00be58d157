/**
 * All views but the overview, the dialog that they alone open, the search that leads to them, the steps that begin with them and the messages that
 * they give: fetched together when the first of them is shown.
 */
import '../components/guide-step.ts'
import '../components/notices.ts'
import '../components/search-box.ts'
import '../components/unlock-dialog.ts'
import './address-view.ts'
import './block-view.ts'
import './channels-view.ts'
import './explorer-view.ts'
import './miner-view.ts'
import './network-view.ts'
import './networks-view.ts'
import './transaction-view.ts'
import './wallet-view.ts'
