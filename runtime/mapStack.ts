/**
 * Points stacks into the TypeScript source where the platform cannot: a source map (version 3) of one bundle, read when
 * the first error is told. Node does this by itself; workerd does not.
 */

interface SourceMap {
  sources: string[]
  mappings: string
}

/** Places of one generated line in order: its column, then source, line and column of the original, all from 0. */
type Line = [column: number, source: number, line: number, originalColumn: number][]

/** `file` is the bundle's name as stacks write it; `json` the text of its map. */
export function stackMapper(file: string, json: string): (stack: string) => string {
  const frame = new RegExp(`${file.replaceAll('.', String.raw`\.`)}:(\\d+):(\\d+)`, 'g')
  let read: { sources: string[]; lines: Line[] } | undefined
  return (stack) =>
    stack.replace(frame, (unmapped, line: string, column: string) => {
      read ??= readMap(json)
      const place = nearest(read.lines[Number(line) - 1] ?? [], Number(column) - 1)
      return place ? `${read.sources[place[1]]}:${place[2] + 1}:${place[3] + 1}` : unmapped
    })
}

function readMap(json: string): { sources: string[]; lines: Line[] } {
  const { sources, mappings } = JSON.parse(json) as SourceMap
  const from: [source: number, line: number, column: number] = [0, 0, 0]
  const lines = mappings.split(';').map((text) => {
    let column = 0
    return text.split(',').flatMap((segment): Line => {
      const [columnStep = 0, ...steps] = readNumbers(segment)
      column += columnStep
      if (steps.length < 3) return []
      for (const index of [0, 1, 2] as const) from[index] += steps[index]!
      return [[column, ...from]]
    })
  })
  return { sources, lines }
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64 VLQ: five bits a digit, low ones first; the sixth says that more come, the lowest of all is the sign. */
function readNumbers(segment: string): number[] {
  const numbers: number[] = []
  let value = 0
  let shift = 0
  for (const char of segment) {
    const digit = digits.indexOf(char)
    value += (digit & 31) << shift
    shift += 5
    if (digit & 32) continue
    numbers.push(value & 1 ? -(value >> 1) : value >> 1)
    value = shift = 0
  }
  return numbers
}

/** The last place that is not behind the column. */
const nearest = (line: Line, column: number): Line[number] | undefined => line.findLast(([start]) => start <= column)
