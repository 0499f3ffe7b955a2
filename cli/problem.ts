/** Ends the command: its text on standard error, and its exit code. */
import { CommanderError } from 'commander'
import { ErrandError, type ErrorCode } from '../core/errors.js'
import type { Output, Problem } from './output.js'

/** The command line itself cannot be used as it was written: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Everything was done and told already; only the exit code is left to say. */
export class Told extends Error {
  override readonly name = 'Told'
}

/** The coordinator's own words for an argument that cannot be read: wrong usage as well. */
const usageCodes: readonly ErrorCode[] = ['INVALID_TIME', 'BAD_REQUEST']

interface TellOptions {
  /** Show stacks. */
  debug: boolean
  /** The command that shows how it is used. */
  help: string
}

/**
 * Says what went wrong, for people or for machines, and answers with the exit code: 0 success, 1 a problem, 2 wrong
 * usage.
 */
export function tellProblem(thrown: unknown, out: Output, { debug, help }: TellOptions): number {
  if (thrown instanceof Told) return 1
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
  // help in place of a missing command was printed by commander itself
  if (thrown instanceof CommanderError && thrown.code === 'commander.help') return 2
  out.problem(describeProblem(thrown, debug))
  if (isCommandLine(thrown) && !out.json) out.note(`See ${help}`)
  if (debug && thrown instanceof Error) out.note(stackOf(thrown))
  return isUsage(thrown) ? 2 : 1
}

const isCommandLine = (thrown: unknown): boolean => thrown instanceof CommanderError || thrown instanceof UsageError

const isUsage = (thrown: unknown): boolean =>
  isCommandLine(thrown) || (thrown instanceof ErrandError && usageCodes.includes(thrown.code))

function describeProblem(thrown: unknown, debug: boolean): Problem {
  if (thrown instanceof CommanderError) return { code: 'USAGE', message: ourWords(thrown.message) }
  if (thrown instanceof UsageError) return { code: 'USAGE', message: thrown.message }
  if (thrown instanceof ErrandError) {
    const { code, message, issues, details } = thrown
    return { ...details, code, message, ...(issues === undefined ? {} : { issues }) }
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const hint = debug ? '' : ' Set ERRAND_DEBUG=1 to see where.'
  return { code: 'INTERNAL', message: `Something unexpected went wrong: ${asSentence(message)}${hint}` }
}

/** `error: unknown option '--prot'⏎(Did you mean --port?)` becomes sentences. */
function ourWords(text: string): string {
  const [first = '', ...rest] = text.replace(/^error: /, '').split('\n')
  const sentence = asSentence(first.charAt(0).toUpperCase() + first.slice(1))
  return [sentence, ...rest.map((line) => line.replace(/^\((.*)\)$/, '$1'))].join(' ').trim()
}

const asSentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`)

/** With the causes: the reason is often there. */
function stackOf(error: Error): string {
  const own = error.stack ?? String(error)
  return error.cause instanceof Error ? `${own}\nCaused by: ${stackOf(error.cause)}` : own
}
