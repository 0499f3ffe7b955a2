/**
 * Limits how deep a value that is carried may be nested. Each reader of JSON by recursion (a schema, superjson, BSON)
 * comes to the end of its stack somewhere, so there is a limit before that, and it is looked at before any of them. No
 * zod here: functions bundle it.
 */

/** Levels of lists and objects in each other. Of args, results, what rides beside them, and fields of a log. */
export const maxDepth = 100

/** Levels that a coordinator itself adds, such as a callback's summary around results, make no value unreadable. */
export const maxDepthAround = maxDepth + 10

export const tooDeep = (): string => `nested more than ${maxDepth} levels deep`

export class TooDeepError extends TypeError {
  constructor() {
    super(`it is ${tooDeep()}`)
    this.name = 'TooDeepError'
  }
}

/**
 * Whether JSON text is nested deeper. Each level takes two characters, so a short text is not; and one of them opens a
 * list or an object, so a text with few of these is not either, which is known in a fifth of the time that the pass
 * over all of it takes.
 */
export function isDeeperThan(depth: number, json: string): boolean {
  if (json.length <= 2 * depth || hasAtMost(depth, json)) return false
  let level = 0
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case quote:
        at = endOfText(json, at)
        break
      case openBracket:
      case openBrace:
        if (++level > depth) return true
        break
      case closeBracket:
      case closeBrace:
        level--
    }
  }
  return false
}

/** Whether it opens at most so many lists and objects; what stands in texts counts as well. */
function hasAtMost(count: number, json: string): boolean {
  let left = count
  for (const open of ['{', '[']) {
    for (let at = json.indexOf(open); at !== -1; at = json.indexOf(open, at + 1)) if (left-- === 0) return false
  }
  return true
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Where the text that begins at a quote ends. */
function endOfText(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const unit = json.charCodeAt(at)
    if (unit === quote) return at
    if (unit === backslash) at++
  }
  return json.length
}

/** The same of a value that came out of JSON. */
export function isNestedDeeper(depth: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  if (Array.isArray(value)) return value.some((item) => isNestedDeeper(depth - 1, item))
  for (const key in value) if (isNestedDeeper(depth - 1, (value as Record<string, unknown>)[key])) return true
  return false
}
