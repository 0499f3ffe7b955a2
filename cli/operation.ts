/**
 * The commands that call the coordinator. A command says what it calls and how the answer reads; its options, its help,
 * JSON and errors are the same for all of them, and made here.
 */
import type { Command } from 'commander'
import type { Role } from '../core/roles.js'
import type { Cli } from './cli.js'
import { callCoordinator, type CallOptions, type RouterClient, type Procedure } from './connection.js'
import { callForEach, type Each } from './each.js'
import { addExamples, addSettings, callerSettings, type Examples } from './help.js'
import type { Style } from './style.js'
import { jsonOption, readInteger, urlOption } from './usage.js'

interface Operation<Given extends unknown[], Request, Answer> {
  /** A key with one of them may do it. */
  roles: readonly Role[]
  /** Told to the reader while it takes. */
  doing: string | ((request: Request) => string)
  /**
   * Made of the command's arguments and its own options, in the order in which commander gives them; only options that
   * were given are there. Absent where nothing has to be said. Throws `UsageError`.
   */
  request?: (...given: Given) => Request | Promise<Request>
  call: (router: RouterClient) => Procedure<Request, Answer>
  text: (style: Style, answer: Answer, request: Request) => string
  /** What `--json` prints. Default: the answer. */
  json?: (answer: Answer) => unknown
  /** Stands below the text, for people. */
  note?: (answer: Answer) => string | undefined
  /** A note that comes with `--json` too. */
  hint?: (answer: Answer) => string | undefined
  /** How long it may take, in milliseconds. Default 60,000. */
  limitMs?: number
  examples: Examples
}

/** Has a command make one call and show its answer. */
export function addOperation<Given extends unknown[], Request, Answer>(
  command: Command,
  cli: Cli,
  { examples, ...operation }: Operation<Given, Request, Answer>,
): void {
  asCaller(command, examples).action(async (...all: unknown[]) => {
    // commander gives the arguments, the options, and the command itself
    const { url, json = false, ...own } = all.at(-2) as CallOptions
    const given = [...all.slice(0, -2), own] as Given
    const { roles, doing, request: requestOf, call, limitMs, text, json: jsonOf, note, hint } = operation
    const out = cli.output({ json })
    // without `requestOf` the procedure takes nothing
    const request = (await requestOf?.(...given)) as Request
    const told = typeof doing === 'string' ? doing : doing(request)
    const answer = await callCoordinator(cli, out, { url, roles, doing: told, limitMs }, (router, options) =>
      call(router)(request, options),
    )
    out.result(out.json && jsonOf ? jsonOf(answer) : answer, (style) => text(style, answer, request))
    for (const line of [hint?.(answer), out.json ? undefined : note?.(answer)]) if (line) out.note(line)
  })
}

interface OperationForEach<Answer extends { id: string }> extends Each<Answer> {
  examples: Examples
}

/** Has a command that takes several ids make one call for each of them. */
export function addOperationForEach<Answer extends { id: string }>(
  command: Command,
  cli: Cli,
  { examples, ...each }: OperationForEach<Answer>,
): void {
  asCaller(command, examples).action((ids: string[], options: CallOptions) => callForEach(cli, options, ids, each))
}

/** The options, settings and examples of a command that calls the coordinator; its action is its own. */
export function asCaller(command: Command, examples: Examples): Command {
  command.option(...urlOption).option(...jsonOption)
  addSettings(command, callerSettings)
  return addExamples(command, examples)
}

/** The options of a list that comes in pages. */
export const addPageOptions = (command: Command): Command =>
  command
    .option('--limit <number>', 'at most so many, up to 500 (default: 50)', readInteger(1, 500))
    .option('--cursor <cursor>', 'from where the last page ended')

/** The note below a page that is not the last. */
export const howToGoOn = ({ cursor }: { cursor: string | null }): string | undefined =>
  cursor === null ? undefined : `There are more: add --cursor ${cursor}`
