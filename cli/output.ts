/**
 * Writes a command's output. Results go to standard output: text for people, or with `--json` one line of JSON for
 * each. Everything else (progress, logs, problems) goes to standard error, so that a pipe holds results only.
 */
import { createStyle, type Style } from './style.js'
import type { Env } from '../server/hosts/settings.js'

/** The part of a stream that is needed here; a test gives its own. */
export interface Sink {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

export interface OutputOptions {
  stdout: Sink
  stderr: Sink
  env: Env
  json: boolean
}

export interface Output {
  readonly json: boolean
  /** For what is written with `note`. */
  readonly stderrStyle: Style
  /** Whether a person looks at standard error as it is written. */
  readonly live: boolean
  /** One result: the value with `--json`, else what `text` makes of it. */
  result(value: unknown, text: (style: Style) => string): void
  /** For people, on standard error. With `--json` too: logs belong there. */
  note(text: string): void
  problem(problem: Problem): void
  /** Does some work, and shows that it goes on once it takes longer than a second. Shows nothing with `--json`. */
  during<Result>(message: string, work: (progress: Progress) => Promise<Result>): Promise<Result>
  /** Takes away the sign of work that will not be waited for. */
  close(): void
}

interface Progress {
  update(message: string): void
}

export function createOutput({ stdout, stderr, env, json }: OutputOptions): Output {
  const style = createStyle(stdout, env)
  const stderrStyle = createStyle(stderr, env)
  const live = stderr.isTTY === true && env['TERM'] !== 'dumb'
  let spinner: Spinner | undefined

  const write = (sink: Sink, text: string) => {
    spinner?.hide()
    sink.write(`${text}\n`)
    spinner?.show()
  }

  return {
    json,
    stderrStyle,
    live,
    result: (value, text) => write(stdout, json ? JSON.stringify(value) : text(style)),
    note: (text) => write(stderr, text),
    problem(problem) {
      if (json) return write(stderr, JSON.stringify({ error: problem }))
      write(stderr, `${stderrStyle.red('errand:')} ${problem.message}`)
    },
    async during(message, work) {
      if (json) return work({ update: () => {} })
      const own = (spinner = live ? createSpinner(stderr, message) : createLines(stderr, message))
      try {
        return await work(own)
      } finally {
        own.end()
        if (spinner === own) spinner = undefined
      }
    },
    close: () => spinner?.end(),
  }
}

interface Spinner extends Progress {
  hide(): void
  show(): void
  end(): void
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const frameMs = 80
/** Work that is over within a second needs no sign that it goes on. */
const quietMs = 1_000

/**
 * One line that is drawn again and again. Not the spinner of a library: those put the terminal into raw mode, and
 * Ctrl-C would no longer reach the handler that stops the coordinator in order.
 */
function createSpinner(sink: Sink, first: string): Spinner {
  let message = first
  let frame = 0
  let drawing: NodeJS.Timeout | undefined
  const hide = () => {
    if (drawing) sink.write('\r\u001b[2K')
  }
  const show = () => {
    if (drawing) sink.write(`\r\u001b[2K${frames[frame++ % frames.length]} ${cut(message, (sink.columns ?? 80) - 3)}`)
  }
  const starting = setTimeout(() => {
    drawing = setInterval(show, frameMs).unref()
    show()
  }, quietMs).unref()
  return {
    hide,
    show,
    update(next) {
      message = next
      show()
    },
    end() {
      hide()
      clearTimeout(starting)
      clearInterval(drawing)
      drawing = undefined
    },
  }
}

/** In a pipe or a log: a line for each message that stands for longer than a second. */
function createLines(sink: Sink, first: string): Spinner {
  const tell = (message: string) => setTimeout(() => sink.write(`${message} …\n`), quietMs).unref()
  let telling: NodeJS.Timeout | undefined = tell(first)
  return {
    hide() {},
    show() {},
    update(message) {
      if (telling === undefined) return
      clearTimeout(telling)
      telling = tell(message)
    },
    end() {
      clearTimeout(telling)
      telling = undefined
    },
  }
}

const cut = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`)

export interface Problem {
  code: string
  message: string
  [detail: string]: unknown
}
