/** Makes one call for each of several ids: an error of one does not keep the others from being done. */
import { ErrandError } from '../core/errors.js'
import type { Role } from '../core/roles.js'
import type { Cli } from './cli.js'
import type { TRPCClient } from '@trpc/client'
import type { Router } from '../server/api/router/index.js'
import { connect, type CallOptions } from './connection.js'
import { Told } from './problem.js'
import type { Style } from './style.js'

interface Each<Result> {
  ids: readonly string[]
  role: Role
  doing: string
  call: (router: TRPCClient<Router>, id: string, options: { signal: AbortSignal }) => Promise<Result>
  /** The text for one that went well. */
  text: (style: Style, result: Result) => string
}

/**
 * Answers in the order of the ids: a line for each, or with `--json` one array. Exit code 1 when any of them failed.
 */
export async function callForEach<Result extends { id: string }>(
  cli: Cli,
  options: CallOptions,
  { ids, role, doing, call, text }: Each<Result>,
): Promise<void> {
  const out = cli.output(options)
  const coordinator = await connect(cli, options, [role])
  const outcomes: (Result | { id: string; error: { code: string; message: string } })[] = []
  for (const id of ids) {
    try {
      const result = await out.during(`${doing} ${id}`, () =>
        coordinator.call((router, options) => call(router, id, options)),
      )
      if (!out.json) out.result(result, (style) => text(style, result))
      outcomes.push(result)
    } catch (error) {
      // without a coordinator the next ones would say the same
      if (
        !(error instanceof ErrandError) ||
        ['UNAVAILABLE', 'OVERLOADED', 'UNAUTHORIZED', 'FORBIDDEN'].includes(error.code)
      )
        throw error
      const { code, message } = error
      if (!out.json) out.problem({ code, message })
      outcomes.push({ id, error: { code, message } })
    }
  }
  if (out.json) out.result(outcomes, String)
  if (outcomes.some((outcome) => 'error' in outcome)) throw new Told()
}
