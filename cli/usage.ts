/**
 * Reads what was written on the command line. Each function throws what commander turns into wrong usage, with the
 * argument's name.
 */
import { InvalidArgumentError } from 'commander'
import { durationProblem, parseDuration, type Duration } from '../core/time/duration.js'
import { isHttpUrl } from '../core/functions/httpUrl.js'
import { didYouMean } from '../core/nearest.js'
import { roles, workerPatternProblem, type Role } from '../core/roles.js'
import { jobStates, type JobState } from '../core/states.js'
import { targetNames, type TargetName } from '../core/targets.js'
import { onConflicts, type OnConflict, type UniqueUntil } from '../core/job/uniqueOptions.js'

export function readDuration(text: string): Duration {
  if (parseDuration(text) === undefined) throw new InvalidArgumentError(durationProblem(text))
  return text as Duration
}

export const readInteger =
  (min: number, max: number) =>
  (text: string): number => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`)
    }
    return value
  }

export function readState(text: string): JobState {
  const state = jobStates.find((known) => known === text)
  if (state !== undefined) return state
  const hint = didYouMean(text, jobStates)
  throw new InvalidArgumentError(`A job is ${jobStates.slice(0, -1).join(', ')} or ${jobStates.at(-1)}.${hint}`)
}

export function readOnConflict(text: string): OnConflict {
  const onConflict = onConflicts.find((known) => known === text)
  if (onConflict !== undefined) return onConflict
  throw new InvalidArgumentError(`It is return, reject, replace or debounce.${didYouMean(text, onConflicts)}`)
}

export const readUntil = (text: string): UniqueUntil =>
  text === 'started' || text === 'finished' ? text : readDuration(text)

export function readRole(text: string): Role {
  const role = roles.find((known) => known === text)
  if (role !== undefined) return role
  throw new InvalidArgumentError(`A role is ${roles.join(', ')}.${didYouMean(text, roles)}`)
}

export function readTarget(text: string): TargetName {
  const target = targetNames.find((known) => known === text)
  if (target !== undefined) return target
  throw new InvalidArgumentError(`Targets are ${targetNames.join(', ')}.${didYouMean(text, targetNames)}`)
}

/** For an option that may be given several times. */
export function readWorkerPattern(text: string, previous: string[] | undefined): string[] {
  const problem = workerPatternProblem(text)
  if (problem !== undefined) throw new InvalidArgumentError(problem)
  return [...(previous ?? []), text]
}

export function readUrl(text: string): string {
  if (!isHttpUrl(text)) {
    throw new InvalidArgumentError("It takes the coordinator's address, such as http://127.0.0.1:4100.")
  }
  return text.replace(/\/+$/, '')
}

/** A JSON object from an argument. The text is not repeated, because args may be secret. */
export function readJsonObject(text: string, what: string): Record<string, unknown> {
  const value = parseJson(text, what)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  const kind = Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`
  throw new InvalidArgumentError(
    `${what} must be a JSON object, such as '{"to":"ada@example.org"}', and ${kind} was given.`,
  )
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(
      `${what} must be JSON: ${jsonProblem(text, (error as Error).message)}. Quote it for the shell, such as '{"to":"ada@example.org"}', or give - and pipe it in.`,
    )
  }
}

/** Node's own message repeats the text; a place or one character says enough. */
function jsonProblem(text: string, message: string): string {
  if (text.trim() === '') return 'nothing was given'
  const position = /position (\d+)/.exec(message)?.[1]
  if (position !== undefined) return `character ${Number(position) + 1} is wrong`
  const token = /^Unexpected token '(.)'/su.exec(message)?.[1]
  return token === undefined ? 'it ends too early' : `the ${token} is unexpected`
}

export const jsonOption = ['--json', 'print JSON for machines'] as const
export const rootOption = ['--root <dir>', "the project's folder (default: the current one)"] as const
export const urlOption = [
  '--url <url>',
  "the coordinator's address (default: ERRAND_URL, else the local one)",
  readUrl,
] as const
