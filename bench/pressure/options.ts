/** The command line of `npm run pressure`. */
import { parseArgs } from 'node:util'
import { UsageError } from '../options.js'

export interface PressureOptions {
  calls: number
  jobs: number
  bytes: number
  awayMs: number
  hangMs: number
  withinMs: number
  callers: 'raw' | 'client'
  help: boolean
}

const numbers = { calls: 300, jobs: 500, bytes: 2_000, away: 200, hang: 0, within: 60 } as const

type NumberName = keyof typeof numbers

/** Throws `UsageError` for what it does not know. */
export function readPressureOptions(args: string[]): PressureOptions {
  const values = parse(args)
  const read = (name: NumberName): number => {
    const value = Number(values[name] ?? numbers[name])
    if (Number.isInteger(value) && value >= 0) return value
    throw new UsageError(`--${name} takes a whole number.`)
  }
  return {
    calls: read('calls'),
    jobs: read('jobs'),
    bytes: read('bytes'),
    awayMs: read('away'),
    hangMs: read('hang') * 1_000,
    withinMs: read('within') * 1_000,
    callers: readCallers(values.callers),
    help: values.help ?? false,
  }
}

function readCallers(text = 'raw'): PressureOptions['callers'] {
  if (text === 'raw' || text === 'client') return text
  throw new UsageError('--callers is raw or client.')
}

function parse(args: string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args,
      options: {
        calls: text,
        jobs: text,
        bytes: text,
        away: text,
        hang: text,
        within: text,
        callers: text,
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

export const pressureHelp = (): string => `npm run pressure -- [options]

Pushes bulk calls, all at once, at a coordinator whose database is far away, and tells what became of its memory and of an urgent job
(priority 100, one POST /job each half second) meanwhile. All of it on this machine, by loopback; it ends by itself.

  --calls n        bulk calls at once. Default: ${numbers.calls}.
  --jobs n         jobs in each. Default: ${numbers.jobs}.
  --bytes n        about the bytes of each job's args. Default: ${numbers.bytes}.
  --away ms        how far the database is away, each way. Default: ${numbers.away}.
  --hang s         the database passes nothing for so long, a second after the calls began. Default: ${numbers.hang}.
  --callers kind   raw: each POST /jobs is made once. client: by the typed client, which waits where it is told to. Default: raw.
  --within s       the load ends after so long, answered or not. Default: ${numbers.within}.
  --help           shows this
`
