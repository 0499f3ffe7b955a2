/**
 * What the demo says: lines, and on a terminal one line that changes while something is under way. No colour where none
 * is wanted.
 */

export interface Terminal {
  say: (line: string) => void
  /** Replaces the last progress on a terminal; elsewhere a line of its own. */
  progress: (line: string) => void
  /** Onto standard error. */
  complain: (line: string) => void
  bold: (text: string) => string
  dim: (text: string) => string
  good: (text: string) => string
  bad: (text: string) => string
}

export function createTerminal(out: NodeJS.WriteStream, err: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
  const isTerminal = out.isTTY && env['TERM'] !== 'dumb'
  // https://no-color.org: any value but the empty one
  const colour = isTerminal && !env['NO_COLOR']
  const paint = (code: number) => (text: string) => (colour ? `\u001B[${code}m${text}\u001B[0m` : text)
  const clearLine = '\r\u001B[K'
  let unfinished = false

  const begin = () => {
    if (unfinished) out.write(clearLine)
    unfinished = false
  }
  return {
    say(line) {
      begin()
      out.write(`${line}\n`)
    },
    progress(line) {
      if (!isTerminal) return void out.write(`${line}\n`)
      begin()
      // a line that wraps could not be cleared
      out.write(line.slice(0, (out.columns || 80) - 1))
      unfinished = true
    },
    complain(line) {
      begin()
      err.write(`${line}\n`)
    },
    bold: paint(1),
    dim: paint(2),
    good: paint(32),
    bad: paint(31),
  }
}
