/** All attacks, in the order of the table. */

import type { Attack } from './attack.ts'
import { manyHeaders, sevenHeaders } from './attacks/bare-headers.ts'
import { peace } from './attacks/peace.ts'

export const ATTACKS: readonly Attack[] = [peace, sevenHeaders, manyHeaders]
