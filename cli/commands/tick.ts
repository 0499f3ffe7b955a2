/** `errand tick`: ticks a coordinator that does not stay on, as its cron does. */
import type { TickSummary } from '../../core/views/answers.gen.js'
import { InvalidArgumentError, type Command } from 'commander'
import { parseDuration, type Duration } from '../../core/time/duration.js'
import { defaultBudgetMs } from '../../core/views/tick.js'
import type { Cli } from '../cli.js'
import { count, formatAgo } from '../format.js'
import { addOperation } from '../operation.js'
import { readDuration } from '../usage.js'

export function addTick(program: Command, cli: Cli): void {
  const ticking = program
    .command('tick')
    .description('have a coordinator that does not stay on do what is due: schedules, delayed jobs, retries, purge')
    .option('--budget <duration>', 'how long it may take, at most 50s (default: 50s)', readBudget)
  addOperation(ticking, cli, {
    roles: ['operate'],
    doing: 'Ticking',
    request: (options: { budget?: Duration }) => options,
    call: (router) => router.tick.mutate,
    text: (style, summary) => `${style.green('✔')} ${describe(summary, cli.now())}`,
    examples: [
      ['errand tick', ''],
      ['errand tick --url https://jobs.example.org --budget 20s', 'from a cron of yours'],
      ['errand tick --json | jq .nextAt', 'when the next job is due'],
    ],
  })
}

/** A command waits for its answer no longer than a minute. */
function readBudget(text: string): Duration {
  const budget = readDuration(text)
  if (parseDuration(budget)! > defaultBudgetMs) throw new InvalidArgumentError('It takes 50s at the most.')
  return budget
}

function describe({ staged, fired, reaped, purged, started, finished, more, nextAt }: TickSummary, now: Date): string {
  const did = [
    [fired, `${count(fired, 'schedule')} fired`],
    [staged, `${count(staged, 'job')} came due`],
    [started, `${count(started, 'attempt')} started`],
    [finished, `${finished} ended`],
    [reaped, `${count(reaped, 'receipt')} missing`],
    [purged, `${count(purged, 'job')} purged`],
  ] as const
  const done = did.filter(([number]) => number > 0).map(([, text]) => text)
  const next = nextAt === null ? 'nothing is scheduled' : `next: ${formatAgo(nextAt, now)}`
  return [done.length === 0 ? 'nothing was due' : done.join(', '), more ? 'more is waiting' : next].join('; ')
}
