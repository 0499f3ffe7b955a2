/** `errand jobs cancel`, `retry` and `replay`: change single jobs by their ids, or all that a filter takes. */
import type { Command } from 'commander'
import type { JobState } from '../../core/states.js'
import type { Cli } from '../cli.js'
import type { CallOptions, Procedure, RouterClient } from '../connection.js'
import { callForEach } from '../each.js'
import type { Examples } from '../help.js'
import { changeMany } from '../manyJobs.js'
import { asCaller } from '../operation.js'
import { UsageError } from '../problem.js'
import { paintState, type Style } from '../style.js'
import { readJsonObject, readState } from '../usage.js'

interface FilterOptions {
  worker?: string
  state?: JobState
  key?: string
  error?: string
  createdAfter?: string
  createdBefore?: string
}

interface ChangeOptions extends CallOptions, FilterOptions {
  dryRun?: true
  yes?: true
  args?: string
  now?: true
}

interface Change {
  name: 'cancel' | 'retry' | 'replay'
  /** `Retrying`, and `retried`. */
  doing: string
  done: string
  description: string
  /** Of the filter, where none is named. */
  states: string
  /** One by its id. */
  one: (router: RouterClient) => Procedure<OneRequest, Changed>
  examples: Examples
}

interface OneRequest {
  id: string
  /** Of a replay. */
  args?: Record<string, unknown>
  /** Of a retry. */
  now?: true
}

interface Changed {
  id: string
  state: JobState
  replayOf?: string
}

const changes: Change[] = [
  {
    name: 'cancel',
    doing: 'Cancelling',
    done: 'cancelled',
    description: 'cancel jobs; of one that runs, the function is told to stop',
    states: 'scheduled, queued, blocked or running (default: all of them)',
    one: (router) => router.jobs.cancel.mutate,
    examples: [
      ['errand jobs cancel 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
      ['errand jobs cancel --worker mail.send --state scheduled', 'all of them, after a question'],
    ],
  },
  {
    name: 'retry',
    doing: 'Retrying',
    done: 'retried',
    description: 'run jobs that are final once more; their receipts stay',
    states: 'failed, cancelled or succeeded (default: failed)',
    one: (router) => router.jobs.retry.mutate,
    examples: [
      ['errand jobs retry 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
      ['errand jobs retry 019ab2c4-5d6e-7f80-8123-456789abcdef --now', 'one that waits for its next attempt'],
      ['errand jobs retry --worker mail.send --error TIMEOUT --dry-run', 'how many there are'],
      ['errand jobs retry --worker mail.send --yes', 'all that failed, without a question'],
    ],
  },
  {
    name: 'replay',
    doing: 'Replaying',
    done: 'replayed',
    description: 'make new jobs from jobs that are final, with their args or others; the old ones stay as they are',
    states: 'failed, cancelled or succeeded (default: failed)',
    one: (router) => router.jobs.replay.mutate,
    examples: [
      ['errand jobs replay 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
      [`errand jobs replay 019ab2c4-5d6e-7f80-8123-456789abcdef --args '{"to":"ada@example.org"}'`, ''],
      ['errand jobs replay --worker mail.send --state succeeded --created-after 2030-01-31T00:00:00Z', ''],
    ],
  },
]

export function addChanges(jobs: Command, cli: Cli): void {
  for (const change of changes) addChange(jobs, cli, change)
}

function addChange(jobs: Command, cli: Cli, change: Change): void {
  const command = jobs.command(`${change.name} [id...]`).description(change.description)
  if (change.name === 'replay') {
    command.option('--args <json>', 'with these args, for one id; - reads them from standard input')
  }
  if (change.name === 'retry') {
    command.option('--now', 'also those that wait for their next attempt, or for their time; by ids alone')
  }
  command
    .option('--worker <name>', 'instead of ids: jobs of this worker')
    .option('--state <state>', `instead of ids: jobs in this state: ${change.states}`, readState)
    .option('--key <key>', 'of the worker, those with this throttle key, concurrency key or unique key')
    .option('--error <code>', 'those that failed with this code, or with an error of this name')
    .option('--created-after <time>', 'ISO 8601 with an offset')
    .option('--created-before <time>', 'ISO 8601 with an offset')
    .option('--dry-run', 'only count what the filter takes')
    .option('--yes', 'do not ask')
  asCaller(command, change.examples).action((ids: string[], options: ChangeOptions) => run(cli, change, ids, options))
}

async function run(cli: Cli, change: Change, ids: string[], options: ChangeOptions): Promise<void> {
  const filter = filterOf(options)
  const filtered = Object.keys(filter).length > 0
  if (filtered === ids.length > 0) {
    throw new UsageError(
      filtered
        ? 'Ids and a filter exclude each other. Give one of them.'
        : `Name jobs by their ids, or by a filter such as --worker or --state.`,
    )
  }
  if (filtered) {
    if (options.args !== undefined) throw new UsageError('--args takes one id. Jobs of a filter keep their args.')
    if (options.now) throw new UsageError('--now takes ids, not a filter.')
    return changeMany(cli, { ...change, operation: `${change.name}Many` }, filter, options)
  }
  if (options.dryRun) throw new UsageError('--dry-run goes with a filter, such as --worker or --state.')
  if (options.args !== undefined && ids.length > 1) throw new UsageError('--args takes one id.')
  const { args: text } = options
  const other = {
    ...(text === undefined ? {} : { args: readJsonObject(text === '-' ? await cli.readInput() : text, '--args') }),
    ...(options.now ? { now: options.now } : {}),
  }
  return callForEach(cli, options, ids, {
    roles: ['operate'],
    doing: change.doing,
    call:
      (router) =>
      ({ id }, options) =>
        change.one(router)({ id, ...other }, options),
    text: jobLine,
  })
}

const jobLine = (style: Style, { id, state, replayOf }: Changed): string =>
  `${id}  ${paintState(style, state)}${replayOf === undefined ? '' : style.dim(`  a replay of ${replayOf}`)}`

function filterOf({ worker, state, key, error, createdAfter, createdBefore }: FilterOptions) {
  return {
    ...(worker === undefined ? {} : { worker }),
    ...(state === undefined ? {} : { state }),
    ...(key === undefined ? {} : { key }),
    ...(error === undefined ? {} : { errorCode: error }),
    ...(createdAfter === undefined ? {} : { createdAfter }),
    ...(createdBefore === undefined ? {} : { createdBefore }),
  }
}
