/** The command line of the bench. */
import { parseArgs } from 'node:util'
import { systems } from './systems/index.js'
import { workloads } from './workloads/index.js'

export interface Options {
  systems: string[]
  workloads: string[]
  quick: boolean
  runs: number
  jobs: number | undefined
  others: number | undefined
  workers: number[] | undefined
  json: boolean
  check: boolean
  publish: boolean
  against: Against | undefined
  help: boolean
}

export interface Against {
  commit: string
  /** At most so many for each workload. */
  pairs: number
  /** No pair is begun after so long. Default: no limit. */
  minutes: number | undefined
  /** How both builds' benches are to measure. */
  options: string[]
}

/** Those that count the processor, by which builds can be told apart. */
const againstWorkloads = 'W1,W2,W4,W7'

export class UsageError extends Error {}

/** Throws `UsageError` for what it does not know. */
export function readOptions(args: string[]): Options {
  const values = parse(args)
  const quick = values.quick ?? false
  const systemNames = systems.map(({ name }) => name)
  const check = values.check ?? false
  if (quick && values.publish) throw new UsageError('Quick figures say nothing, so --publish does not go with --quick.')
  const against = readAgainst(values)
  return {
    systems: choose('--peer', values.peer ?? 'raw,errand', systemNames),
    workloads: choose(
      '--workload',
      values.workload ?? (against ? againstWorkloads : 'all'),
      workloads.map(({ name }) => name),
    ),
    quick,
    runs: readCount('--runs', values.runs) ?? (quick && !check ? 1 : 3),
    jobs: readCount('--jobs', values.jobs),
    others: readCount('--others', values.others),
    workers: values.workers?.split(',').map((size) => readCount('--workers', size)!),
    json: values.json ?? false,
    check,
    publish: values.publish ?? false,
    against,
    help: values.help ?? false,
  }
}

function readAgainst(values: Values): Against | undefined {
  const { against: commit, quick, check, publish, peer, runs } = values
  if (commit === undefined) {
    const alone = (['pairs', 'minutes'] as const).find((name) => values[name] !== undefined)
    if (alone) throw new UsageError(`--${alone} goes with --against.`)
    return undefined
  }
  if (check || publish || peer !== undefined || runs !== undefined) {
    throw new UsageError(
      '--against compares two builds of Errand: --check, --publish, --peer and --runs do not go with it.',
    )
  }
  const passedOn = (['jobs', 'others', 'workers'] as const).flatMap((name) => {
    const value = values[name]
    return value === undefined ? [] : [`--${name}`, value]
  })
  return {
    commit,
    pairs: readCount('--pairs', values.pairs) ?? 30,
    minutes: readCount('--minutes', values.minutes),
    options: [...(quick ? ['--quick'] : []), ...passedOn],
  }
}

type Values = ReturnType<typeof parse>

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        peer: { type: 'string' },
        workload: { type: 'string' },
        quick: { type: 'boolean' },
        runs: { type: 'string' },
        jobs: { type: 'string' },
        others: { type: 'string' },
        workers: { type: 'string' },
        json: { type: 'boolean' },
        check: { type: 'boolean' },
        publish: { type: 'boolean' },
        against: { type: 'string' },
        pairs: { type: 'string' },
        minutes: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function choose(option: string, text: string, known: readonly string[]): string[] {
  if (text === 'all') return [...known]
  const names = text.split(',').filter((name) => name !== '')
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new UsageError(`${option} knows no "${unknown}". Known: ${known.join(', ')}, all.`)
  return names
}

function readCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new UsageError(`${option} takes a whole number above 0.`)
  return count
}

export const help = (): string => `npm run bench -- [options]

  --peer a,b       systems to measure, or "all". Default: raw,errand. Peers are installed when they are asked for, their
                   servers too (Debian's packages).
                   ${systems.map(({ name }) => name).join(', ')}
  --workload a,b   workloads to run, or "all". Default: all.
${workloads.map(({ name, title }) => `                   ${name.padEnd(8)} ${title}`).join('\n')}
  --runs n         how often each is measured. Default: 3, with --quick 1.
  --quick          few jobs, one run: shows that all works, and nothing about speed
  --jobs n         jobs of a throughput figure. Default: 20,000, with --quick 2,000; for slow systems a quarter.
  --others n       others in W6. Default: 1,000,000, with --quick 20,000.
  --workers a,b    sizes of the projects of the workload codegen. Default: 10,100,1000, with --quick 10,100.
  --check          measures only the ratios that must hold, and fails where one does not (exit code 1)
  --json           prints the rows as JSON: { system, workload, median, min, max, unit, settings }; with --against, the comparison
  --publish        also writes the tables of docs/performance.md and bench/results/published.json: the tables of the
                   workloads that ran are replaced as a whole, the others stay
  --against commit builds that commit in a git worktree and compares this build with it, in pairs of one run each, until the
                   90% range of the median ratio is within 3% (exit code 1: worse, or not measured). Default workloads:
                   ${againstWorkloads}. Takes --quick, --jobs, --others, --workers and --json.
  --pairs n        at most so many pairs for each workload; at least 6 are needed. Default: 30.
  --minutes n      begins no pair after so long. Default: no limit.
  --help           shows this

Each call writes bench/results/<time>.json. Systems are measured in turn within a run, so that their ratios hold on a
machine that is not always as quiet.
`
