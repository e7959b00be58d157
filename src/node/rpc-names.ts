/** Arguments by name. */
import { RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { type Declaration, isObject } from './rpc-method.ts'

/**
 * The arguments in the order of the parameters. One object may name them instead, and the fields of `options` beside them, as in Bitcoin
 * Core; an object that names no parameter is the first argument itself.
 */
export function byPosition(
  { name, parameters, usage }: Declaration,
  args: readonly unknown[],
): readonly unknown[] {
  const [only] = args
  if (args.length !== 1 || !isObject(only)) return args
  const names = Object.keys(only)
  const choices = parameters.find((parameter) => parameter.name === 'options')
  const isChoice = (key: string): boolean => Object.hasOwn(choices?.fields ?? {}, key)
  const isParameter = (key: string): boolean => parameters.some((parameter) => parameter.name === key)
  if (names.length > 0 && !names.some((key) => isParameter(key) || isChoice(key))) return args
  const stranger = names.find((key) => !isParameter(key) && !isChoice(key))
  if (stranger !== undefined)
    throw new RpcError(RPC_INVALID_PARAMETER, `${name} has no argument '${stranger.slice(0, 40)}': ${usage}`)
  const chosen = names.filter((key) => !isParameter(key)).map((key) => [key, only[key]])
  return parameters.map((parameter) =>
    parameter === choices && chosen.length > 0
      ? { ...Object(only[parameter.name]), ...Object.fromEntries(chosen) }
      : only[parameter.name],
  )
}
