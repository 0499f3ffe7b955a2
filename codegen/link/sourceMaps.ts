/** Puts the source maps (version 3) of two texts together, where one text follows the other on a line of its own. */
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec'

export interface SourceMap {
  sources: string[]
  names: string[]
  mappings: string
}

/** Where a map ends: its last source, line, column and name. Each field of the next segment counts from there. */
export type MapEnd = readonly [source: number, line: number, column: number, name: number]

export function endOf({ mappings }: SourceMap): MapEnd {
  let [source, line, column, name] = [0, 0, 0, 0]
  for (const segment of decode(mappings).flat()) {
    if (segment.length > 1) [, source, line, column] = segment as [number, number, number, number]
    name = segment[4] ?? name
  }
  return [source, line, column, name]
}

/**
 * The text behind the mappings of `first` where the text of `second` follows it, which begins `lines` lines below.
 * Apart from these, because a thousand functions share their first text. `end` is that of `first`.
 */
export function mappingsBehind(first: SourceMap, end: MapEnd, lines: number, second: SourceMap): string {
  const gap = ';'.repeat(lines - countOf(first.mappings, ';'))
  const [source, line, column, name] = end
  return gap + moved(second.mappings, [first.sources.length - source, -line, -column, first.names.length - name])
}

/** A text's map, and how many lines the text has. */
export interface MappedPart {
  map: SourceMap
  end: MapEnd
  lines: number
}

/** The map of texts one below the other. Each ends its last line. */
export function joinMaps(parts: readonly MappedPart[]): SourceMap {
  const joined: SourceMap = { sources: [], names: [], mappings: '' }
  const mappings: string[] = []
  let [source, line, column, name] = [0, 0, 0, 0]
  for (const { map, end, lines } of parts) {
    const by = [joined.sources.length - source, -line, -column, joined.names.length - name]
    mappings.push(moved(map.mappings, by), ';'.repeat(lines - countOf(map.mappings, ';')))
    if (map.sources.length > 0) [source, line, column] = [joined.sources.length + end[0], end[1], end[2]]
    if (map.names.length > 0) name = joined.names.length + end[3]
    joined.sources.push(...map.sources)
    joined.names.push(...map.names)
  }
  return { ...joined, mappings: mappings.join('') }
}

/**
 * All fields are steps from the segment before, so only the first segment that has a field steps from another place.
 */
function moved(mappings: string, by: readonly number[]): string {
  let done = 0
  return mappings.replace(/[^;,]+/g, (segment) => {
    if (done === by.length) return segment
    const [column, ...steps] = decode(segment)[0]![0]!
    if (steps.length <= done) return segment
    const stepped = steps.map((step, index) => (index < done ? step : step + by[index]!))
    done = steps.length
    return encode([[[column, ...stepped] as SourceMapSegment]])
  })
}

const countOf = (text: string, char: string): number => text.split(char).length - 1
