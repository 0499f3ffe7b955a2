/** The paths of a worker's `redact`. */

/** Names of fields, keys of maps, places in lists; `*` is each of them. */
export type RedactPath = readonly string[]

export const readRedactPath = (path: string): RedactPath => path.split('.')

/**
 * No object that comes out of JSON or superjson has a field of this name that could be read and written like others.
 */
const specialNames = ['__proto__', 'constructor', 'prototype']

/** A sentence about something that is no path, else `undefined`. */
export function redactPathProblem(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'must be a text, such as card.number.'
  const steps = readRedactPath(path)
  if (steps.some((step) => step === ''))
    return 'must be names with a dot between them, such as card.number or items.*.secret.'
  const special = steps.find((step) => specialNames.includes(step))
  return special === undefined ? undefined : `names ${special}, which no args and no result have.`
}
