/** All that is fuzzed: the entry of the bundle whose sources have counters. */
import { BINARY_TARGETS } from './binary-targets.ts'
import { CHANNEL_TARGETS } from './channel-targets.ts'
import type { Target } from './fuzzer.ts'
import { SCRIPT_TARGETS } from './script-targets.ts'
import { TEXT_TARGETS } from './text-targets.ts'

export const TARGETS: readonly Target[] = [
  ...BINARY_TARGETS,
  ...TEXT_TARGETS,
  ...SCRIPT_TARGETS,
  ...CHANNEL_TARGETS,
]
