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
  help: boolean
}

export class UsageError extends Error {}

/** Throws `UsageError` for what it does not know. */
export function readOptions(args: string[]): Options {
  const values = parse(args)
  const quick = values.quick ?? false
  const systemNames = systems.map(({ name }) => name)
  const check = values.check ?? false
  if (quick && values.publish) throw new UsageError('Quick figures say nothing, so --publish does not go with --quick.')
  return {
    systems: choose('--peer', values.peer ?? 'raw,errand', systemNames),
    workloads: choose(
      '--workload',
      values.workload ?? 'all',
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
    help: values.help ?? false,
  }
}

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
  --json           prints the rows as JSON: { system, workload, median, min, max, unit, settings }
  --publish        also writes the tables of docs/performance.md and bench/results/published.json: the tables of the
                   workloads that ran are replaced as a whole, the others stay
  --help           shows this

Each call writes bench/results/<time>.json. Systems are measured in turn within a run, so that their ratios hold on a
machine that is not always as quiet.
`
