/** Promises, over drawn scenarios: honest tabs agree, no coin is forged, nothing acknowledged is lost. */
import { testSeeds } from '../support/seeds.ts'

testSeeds(0, 2)
