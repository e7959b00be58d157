/** Bitcoin Core's names of script flags and errors, as its test data writes them, in ours. */
import { SCRIPT_ERRORS } from '../../src/script/script-error.ts'
import { SCRIPT_VERIFY, type ScriptFlags } from '../../src/script/script-flags.ts'

/** The flags of policy among these. */
export function policyFlags(names: readonly string[]): ScriptFlags {
  return Object.entries(SCRIPT_VERIFY).reduce(
    (flags, [name, flag]) => (names.includes(name) ? flags | flag : flags),
    0,
  )
}

/** Errors that a tapscript has under another name than the older scripts. */
const TAPSCRIPT_NAMES: Readonly<Record<string, string>> = {
  ok: 'ok',
  minimalif: 'tapscript-minimalif',
  // Before Bitcoin Core told them apart.
  'unknown-error': 'scriptnum',
}

/** The code for a name such as EVAL_FALSE; undefined where no tapscript can fail so. */
export function codeOfScriptError(name: string): string | undefined {
  const code = name.toLowerCase().replaceAll('_', '-')
  return TAPSCRIPT_NAMES[code] ?? SCRIPT_ERRORS.find((known) => known === code)
}
