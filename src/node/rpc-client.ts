/**
 * The RPC interface as callers see it: for each method the arguments that it takes and the result that it answers. All of it are types, drawn from
 * the declarations of the methods; whoever imports this file adds nothing to a program.
 */

import type { help } from './rpc.ts'
import type { blockchainMethods } from './rpc-blockchain.ts'
import type { ChannelMethods } from './rpc-channels.ts'
import type { coinMethods } from './rpc-coins.ts'
import type { controlMethods } from './rpc-control.ts'
import type { descriptorMethods } from './rpc-descriptor.ts'
import type { historyMethods } from './rpc-history.ts'
import type { mempoolMethods } from './rpc-mempool.ts'
import type { Declaration, GivenOf, Parameters } from './rpc-method.ts'
import type { miningMethods } from './rpc-mining.ts'
import type { networkMethods } from './rpc-network.ts'
import type { overviewMethods } from './rpc-overview.ts'
import type { pageMethods } from './rpc-page-methods.ts'
import type { paymentMethods } from './rpc-payment.ts'
import type { proofMethods } from './rpc-proof.ts'
import type { psbtMethods } from './rpc-psbt.ts'
import type { AnswerOf, CasesResult } from './rpc-result.ts'
import type { Results } from './rpc-results.ts'
import type { searchMethods } from './rpc-search.ts'
import type { sendMethods } from './rpc-send.ts'
import type { signMethods } from './rpc-sign.ts'
import type { statisticsMethods } from './rpc-statistics.ts'
import type { TowerMethods } from './rpc-towers.ts'
import type { waitMethods } from './rpc-wait.ts'
import type { walletMethods } from './rpc-wallet.ts'
import type { walletsMethods } from './rpc-wallets.ts'

type Declared =
  | typeof help
  | (typeof blockchainMethods)[number]
  | ChannelMethods[number]
  | (typeof coinMethods)[number]
  | (typeof controlMethods)[number]
  | (typeof descriptorMethods)[number]
  | (typeof historyMethods)[number]
  | (typeof mempoolMethods)[number]
  | (typeof miningMethods)[number]
  | (typeof networkMethods)[number]
  | (typeof overviewMethods)[number]
  | (typeof pageMethods)[number]
  | (typeof paymentMethods)[number]
  | (typeof proofMethods)[number]
  | (typeof psbtMethods)[number]
  | (typeof searchMethods)[number]
  | (typeof sendMethods)[number]
  | (typeof signMethods)[number]
  | (typeof statisticsMethods)[number]
  | TowerMethods[number]
  | (typeof waitMethods)[number]
  | (typeof walletMethods)[number]
  | (typeof walletsMethods)[number]

/** The parameters of each method, by name. */
type ParametersOf = { [M in Declared as M['name']]: M extends Declaration<string, infer P> ? P : never }

/** The names of the methods. */
export type RpcMethodName = keyof ParametersOf

/** Arguments in the order of the parameters; what may be left out may be left out at the end, or null. */
type ByPosition<P extends Parameters> = P extends readonly [infer First, ...infer Rest extends Parameters]
  ? undefined extends GivenOf<First>
    ? [argument?: GivenOf<First>, ...rest: ByPosition<Rest>]
    : [argument: GivenOf<First>, ...rest: ByPosition<Rest>]
  : []

/** Arguments by name. */
type ByName<P extends Parameters> = {
  readonly [Each in P[number] as undefined extends GivenOf<Each> ? never : Each['name']]: GivenOf<Each>
} & {
  readonly [Each in P[number] as undefined extends GivenOf<Each> ? Each['name'] : never]?: GivenOf<Each>
}

/** What a method takes: its arguments in order, or one object that names them. */
export type RpcArguments<Name extends RpcMethodName> =
  | ByPosition<ParametersOf[Name]>
  | [named: ByName<ParametersOf[Name]>]

/** What a method answers to these arguments; to any arguments where none are given. */
export type RpcResult<
  Name extends RpcMethodName,
  Args extends readonly unknown[] = RpcArguments<Name>,
> = Name extends keyof Results ? ResultFor<Results[Name], Args, ParametersOf[Name]> : unknown

type ResultFor<R, Args extends readonly unknown[], P extends Parameters> =
  R extends CasesResult<infer At, infer Default, infer Cases>
    ? CaseFor<
        { [K in keyof Cases as `${K & (string | number)}`]: Cases[K] },
        Args,
        ArgumentAt<Args, At, P, Default>,
        P
      >
    : AnswerOf<R>

type CaseFor<Cases, Args extends readonly unknown[], Given, P extends Parameters> = Given extends keyof Cases
  ? ResultFor<Cases[Given], Args, P>
  : ResultFor<Cases[keyof Cases], Args, P>

/** The argument at a position as a text, or what it is by default. */
type ArgumentAt<
  Args extends readonly unknown[],
  At extends number,
  P extends Parameters,
  Default,
> = Args extends readonly [] | readonly [undefined | null]
  ? Default
  : Args extends readonly [Readonly<Record<P[At]['name'], infer Named>>]
    ? AsText<Named, Default>
    : `${At}` extends keyof Args
      ? AsText<Args[At], Default>
      : Default

type AsText<Value, Default> = Value extends string | number
  ? `${Value}`
  : Value extends boolean
    ? Value extends true
      ? 'true'
      : 'false'
    : Default

/** Calls a method. Rejects with an `RpcError` (`code`, `message`). */
export type RpcCall = <Name extends RpcMethodName, const Args extends RpcArguments<Name>>(
  method: Name,
  ...args: Args
) => Promise<RpcResult<Name, Args>>
