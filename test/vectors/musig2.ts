/** MuSig2 (BIP327, BIP328) is not built: its rows are counted. */
import { isRecord } from '../support/vector-files.ts'
import type { VectorRule } from './rule.ts'

const musig2: VectorRule = {
  folder: 'musig2',
  accepts: ({ json }) => isRecord(json) || Array.isArray(json),
  run: ({ json }, report) => {
    const lists = isRecord(json)
      ? Object.entries(json).filter(([name, list]) => name.endsWith('_cases') && Array.isArray(list))
      : [['', json]]
    for (const [, list] of lists) report.skipAll('MuSig2 is not built', list as unknown[])
    // A file without lists of cases is one case.
    if (lists.length === 0) report.skip('MuSig2 is not built')
  },
}

export const musig2Rules: readonly VectorRule[] = [musig2]
