/**
 * Values that are nested deep. Made as text, because whatever makes them by recursion comes to the end of its stack.
 */

/** JSON text of objects in each other, so many levels, by that name. */
export const nestedJson = (levels: number, name = 'a'): string =>
  `{"${name}":`.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1)

export const nested = (levels: number, name = 'a'): Record<string, unknown> =>
  JSON.parse(nestedJson(levels, name)) as Record<string, unknown>
