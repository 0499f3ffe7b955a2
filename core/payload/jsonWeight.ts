/**
 * Weighs what JSON costs to parse. The cost depends less on its length than on what is in it: eight megabytes of text
 * in few values are read in ten milliseconds, the same of empty lists, of names that are all different, or of lists in
 * lists in lists, take most of a second, in which no other caller has a turn. So it is weighed first, in one pass that
 * is quick and keeps little. For coordinators and functions, so without zod.
 */
/** Shorter texts cannot hold enough. */
const lightLength = 256 * 1024
/** Values in all: each has a comma, or begins a list or an object. */
export const mostValues = 1_000_000
/** Names of fields, each counted once. */
export const mostNames = 100_000
/** Lists and objects within one another. What may be stored is far less deep, and is refused in words of its own. */
export const mostLevels = 100_000

/** The reason that it is too heavy, if it is. Text that is no JSON is left to the parser. */
export function heavyJsonProblem(text: string): string | undefined {
  if (text.length <= lightLength) return undefined
  const names = new Set<string>()
  let values = 0
  let levels = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === comma || unit === openBracket || unit === openBrace) {
      if (++values > mostValues) return tooHeavy(`${mostValues} values`)
      if (unit !== comma && ++levels > mostLevels) return tooHeavy(`${mostLevels} levels of lists and objects`)
    } else if (unit === closeBracket || unit === closeBrace) {
      levels--
    } else if (unit === quote) {
      const end = endOfText(text, at)
      if (isName(text, end)) {
        names.add(text.slice(at + 1, end))
        if (names.size > mostNames) return tooHeavy(`${mostNames} different names of fields`)
      }
      at = end
    }
  }
  return undefined
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const openBrace = 0x7b
const closeBracket = 0x5d
const closeBrace = 0x7d
const space = 0x20

/** Long texts are passed over by what finds quotes quickly. */
function endOfText(text: string, start: number): number {
  for (let end = start; ;) {
    end = text.indexOf('"', end + 1)
    if (end === -1) return text.length
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes++
    if (backslashes % 2 === 0) return end
  }
}

function isName(text: string, end: number): boolean {
  let next = end + 1
  while (text.charCodeAt(next) <= space) next++
  return text.charCodeAt(next) === colon
}

const tooHeavy = (what: string): string => `It holds more than ${what}.`
