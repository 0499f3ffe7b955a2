/** The command line of the fuzzer. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

export interface Options {
  requests: number
  seed: number
  /** Only the nth request, for whoever looks at a finding. */
  only: number | undefined
  publish: boolean
  help: boolean
}

export class UsageError extends Error {}

/** Throws `UsageError` for what it does not know. */
export function readOptions(args: string[]): Options {
  const values = parse(args)
  return {
    requests: readCount('--requests', values.requests) ?? 100_000,
    seed: readCount('--seed', values.seed) ?? randomInt(2 ** 31),
    only: readCount('--only', values.only),
    publish: values.publish ?? false,
    help: values.help ?? false,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        requests: { type: 'string' },
        seed: { type: 'string' },
        only: { type: 'string' },
        publish: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function readCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (Number.isInteger(count) && count >= 0) return count
  throw new UsageError(`${option} takes a whole number from 0 on.`)
}

export const help = (): string => `npm run fuzz -- [options]

Random and hostile requests by every door and for every role against a coordinator and a function host in a process of their
own, with good work beside them. Exit code 1 where anything is found.

  --requests n   how many. Default: 100,000.
  --seed n       which ones. Default: others each time; it is printed.
  --only n       sends the nth request of the seed alone, and shows it and its answer
  --publish      writes the tables of docs/reliability.md
`
