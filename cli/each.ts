/** Makes one call for each of several ids: an error of one does not keep the others from being done. */
import { ErrandError } from '../core/errors.js'
import type { Role } from '../core/roles.js'
import type { Cli } from './cli.js'
import { connect, type CallOptions, type Procedure, type RouterClient } from './connection.js'
import { Told } from './problem.js'
import type { Style } from './style.js'

export interface Each<Answer> {
  roles: readonly Role[]
  /** Told to the reader while it takes, before the id. */
  doing: string
  call: (router: RouterClient) => Procedure<{ id: string }, Answer>
  /** The text for one that went well. */
  text: (style: Style, answer: Answer) => string
}

/**
 * Answers in the order of the ids: a line for each, or with `--json` one array. Exit code 1 when any of them failed.
 */
export async function callForEach<Answer extends { id: string }>(
  cli: Cli,
  options: CallOptions,
  ids: readonly string[],
  { roles, doing, call, text }: Each<Answer>,
): Promise<void> {
  const out = cli.output(options)
  const coordinator = await connect(cli, options, roles)
  const outcomes: (Answer | { id: string; error: { code: string; message: string } })[] = []
  for (const id of ids) {
    try {
      const answer = await out.during(`${doing} ${id}`, () =>
        coordinator.call((router, options) => call(router)({ id }, options)),
      )
      if (!out.json) out.result(answer, (style) => text(style, answer))
      outcomes.push(answer)
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
