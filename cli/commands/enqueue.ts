/** `errand enqueue`: asks for one job, and with `--wait` for its receipt. */
import type { Command } from 'commander'
import { parseDuration, type Duration } from '../../core/time/duration.js'
import type { JobState } from '../../core/states.js'
import type { EnqueueRequest } from '../../core/requests/wire.js'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { formatAgo } from '../format.js'
import { asCaller } from '../operation.js'
import type { Output } from '../output.js'
import { paintState } from '../style.js'
import { tellEnd } from '../tellEnd.js'
import { waitForEnd } from '../waitForEnd.js'
import type { OnConflict, UniqueUntil } from '../../core/job/uniqueOptions.js'
import { readDuration, readInteger, readJsonObject, readOnConflict, readUntil } from '../usage.js'

interface EnqueueOptions extends CallOptions {
  id?: string
  delay?: Duration
  runAt?: string
  timezone?: string
  priority?: number
  key?: string
  uniqueKey?: string
  until?: UniqueUntil
  onConflict?: OnConflict
  maxWait?: Duration
  wait?: Duration | true
}

export function addEnqueue(program: Command, cli: Cli): void {
  const command = program
    .command('enqueue <worker> <json>')
    .description('enqueue a job with its args; - reads them from standard input')
    .option('--id <uuid>', 'asked for again under the same id, it is the same job')
    .option('--delay <duration>', 'start so long from now, such as 10m', readDuration)
    .option('--run-at <time>', 'start then: ISO 8601, or a local time such as "2030-01-31 10:00"')
    .option('--timezone <zone>', 'the zone of a --run-at without an offset (default: UTC)')
    .option('--priority <number>', 'higher runs first, from -1000 to 1000', readInteger(-1000, 1000))
    .option('--key <key>', 'no other job of this worker with this key while this one is not final')
    .option('--unique-key <key>', 'one job of this key (default: what the worker makes of the args)')
    .option(
      '--until <when>',
      'how long it holds its key: started, finished, or a duration (default: finished)',
      readUntil,
    )
    .option(
      '--on-conflict <what>',
      'when the key is held: return its job, reject, replace, or debounce (default: return)',
      readOnConflict,
    )
    .option('--max-wait <duration>', 'how long debounce moves a job on at most (default: 1h)', readDuration)
    .option(
      '--wait [duration]',
      'wait for the end of the job and print its receipt; exit code 1 if it failed',
      readDuration,
    )
  command.options.find(({ long }) => long === '--delay')?.conflicts('runAt')
  command.options.find(({ long }) => long === '--key')?.conflicts(['uniqueKey', 'until', 'onConflict', 'maxWait'])
  asCaller(command, [
    [`errand enqueue mail.send '{"to":"ada@example.org"}'`, 'now'],
    [`errand enqueue mail.send '{"to":"ada@example.org"}' --delay 10m`, 'in ten minutes'],
    [`errand enqueue report.daily '{}' --run-at "2030-01-31 09:00" --timezone Europe/Berlin`, ''],
    [`errand enqueue search.reindex '{}' --unique-key books --on-conflict debounce --delay 1m`, 'one job of the key'],
    [`errand enqueue mail.send - --wait 1m < args.json`, 'and wait for the receipt'],
  ]).action((worker: string, json: string, options: EnqueueOptions) => enqueue(cli, worker, json, options))
}

async function enqueue(cli: Cli, worker: string, json: string, options: EnqueueOptions): Promise<void> {
  const out = cli.output(options)
  const args = readJsonObject(json === '-' ? await cli.readInput() : json, json === '-' ? 'Standard input' : 'The args')
  const { id, delay, runAt, timezone, priority, key, wait } = options
  const request: EnqueueRequest = {
    worker,
    args,
    ...(id === undefined ? {} : { id }),
    ...(delay === undefined ? {} : { delay }),
    ...(runAt === undefined ? {} : { runAt }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(priority === undefined ? {} : { priority }),
    ...(key === undefined ? {} : { key }),
    ...uniqueOf(options),
  }
  const call = { ...options, roles: ['enqueue'] as const, doing: `Enqueueing ${worker}` }
  const job = await callCoordinator(cli, out, call, (router, options) => router.enqueue.mutate(request, options))
  if (wait === undefined)
    return tellEnqueued(cli, out, worker, { ...job, ...(id === undefined ? {} : { hadId: true }) })

  const limitMs = wait === true ? Number.POSITIVE_INFINITY : parseDuration(wait)!
  const ended = await waitForEnd(cli, out, options, { id: job.id, doing: `${worker} ${job.id} was enqueued`, limitMs })
  tellEnd(cli, out, ended)
}

function uniqueOf({ uniqueKey: key, until, onConflict, maxWait }: EnqueueOptions): Pick<EnqueueRequest, 'unique'> {
  const unique = {
    ...(key === undefined ? {} : { key }),
    ...(until === undefined ? {} : { until }),
    ...(onConflict === undefined ? {} : { onConflict }),
    ...(maxWait === undefined ? {} : { maxWait }),
  }
  return Object.keys(unique).length === 0 ? {} : { unique }
}

interface Enqueued {
  id: string
  state: JobState
  runAt: Date
  existing?: true
  /** The request had an id. */
  hadId?: boolean
}

function tellEnqueued(cli: Cli, out: Output, worker: string, { runAt, hadId, ...job }: Enqueued): void {
  const { id, state, existing } = job
  out.result({ ...job, runAt: runAt.toISOString() }, (style) => {
    const when = state === 'scheduled' ? `, runs ${formatAgo(runAt, cli.now())}` : ''
    const there = existing ? (hadId ? ', is there already' : ', holds the key already') : ''
    return `${id}  ${worker}  ${paintState(style, state)}${when}${there}`
  })
}
