/** The command line of the chaos run. */
import { randomInt } from 'node:crypto'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { repository } from '../support/repository.js'

export interface Options {
  minutes: number
  seed: number
  coordinators: number
  /** The build that is tested. */
  dist: string
  settleMinutes: number
  keep: boolean
  publish: boolean
  /** Only checks what an earlier run has kept. */
  check: string | undefined
  help: boolean
}

export class UsageError extends Error {}

/** Throws `UsageError` for what it does not know. */
export function readOptions(args: string[]): Options {
  const values = parse(args)
  return {
    minutes: readNumber('--minutes', values.minutes, { fallback: 10, least: 0.1 }),
    seed: readNumber('--seed', values.seed, { fallback: randomInt(2 ** 31), least: 0 }),
    coordinators: readNumber('--coordinators', values.coordinators, { fallback: 2, least: 2, most: 4 }),
    dist: resolve(values['against-dist'] ?? process.env['CHAOS_DIST'] ?? join(repository, 'dist')),
    settleMinutes: readNumber('--settle', values.settle, { fallback: 4, least: 0.5 }),
    keep: values.keep ?? false,
    publish: values.publish ?? false,
    check: values.check,
    help: values.help ?? false,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        minutes: { type: 'string' },
        seed: { type: 'string' },
        coordinators: { type: 'string' },
        'against-dist': { type: 'string' },
        settle: { type: 'string' },
        keep: { type: 'boolean' },
        publish: { type: 'boolean' },
        check: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

interface Range {
  fallback: number
  least: number
  most?: number
}

function readNumber(option: string, text: string | undefined, { fallback, least, most = Infinity }: Range): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (value >= least && value <= most) return value
  throw new UsageError(`${option} takes a number from ${least}${most === Infinity ? ' on' : ` to ${most}`}.`)
}

export const help = (): string => `npm run chaos -- [options]

Real coordinators, function hosts and the embedded database, under load, are killed, stopped, restarted and cut off from each
other; then all is let heal, and what must never happen is counted by a ledger that is kept outside. Exit code 1 where it happened.

  --minutes n          how long faults strike. Default: 10.
  --seed n             of load and faults. Default: another each time; it is printed.
  --coordinators n     2 to 4. Default: 2.
  --settle n           minutes until everything must be final after the last fault. Default: 4.
  --against-dist dir   tests another build of this layout: the dist/ of a repository with its packages. Default: this one's; also CHAOS_DIST.
  --keep               keeps the run's folder also where nothing was broken
  --check dir          only checks the folder of an earlier run again
  --publish            writes the tables of docs/reliability.md
`
