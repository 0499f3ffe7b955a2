/** `errand enqueue`: asks for one job, and with `--wait` for its receipt. */
import type { Command } from 'commander'
import { parseDuration, type Duration } from '../../core/duration.js'
import { isFinal, type JobState } from '../../core/states.js'
import type { EnqueueRequest, JobView } from '../../core/wire.js'
import type { Cli } from '../cli.js'
import { callCoordinator } from '../connection.js'
import { formatAgo } from '../format.js'
import { describeReceipt } from '../jobText.js'
import type { Output } from '../output.js'
import { Told, type Problem } from '../problem.js'
import { paintState } from '../style.js'
import { waitForEnd } from '../waitForEnd.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { jsonOption, readDuration, readInteger, readJsonObject, urlOption } from '../usage.js'

interface EnqueueOptions {
  delay?: Duration
  runAt?: string
  timezone?: string
  priority?: number
  key?: string
  wait?: Duration | true
  url?: string
  json?: boolean
}

export function addEnqueue(program: Command, cli: Cli): void {
  const command = program
    .command('enqueue <worker> <json>')
    .description('enqueue a job with its args; - reads them from standard input')
    .option('--delay <duration>', 'start so long from now, such as 10m', readDuration)
    .option('--run-at <time>', 'start then: ISO 8601, or a local time such as "2030-01-31 10:00"')
    .option('--timezone <zone>', 'the zone of a --run-at without an offset (default: UTC)')
    .option('--priority <number>', 'higher runs first, from -1000 to 1000', readInteger(-1000, 1000))
    .option('--key <key>', 'no other job of this worker with this key while this one is not final')
    .option(
      '--wait [duration]',
      'wait for the end of the job and print its receipt; exit code 1 if it failed',
      readDuration,
    )
    .option(...urlOption)
    .option(...jsonOption)
    .action((worker: string, json: string, options: EnqueueOptions) => enqueue(cli, worker, json, options))
  command.options.find(({ long }) => long === '--delay')?.conflicts('runAt')
  addSettings(command, callerSettings)
  addExamples(command, [
    [`errand enqueue mail.send '{"to":"ada@example.org"}'`, 'now'],
    [`errand enqueue mail.send '{"to":"ada@example.org"}' --delay 10m`, 'in ten minutes'],
    [`errand enqueue report.daily '{}' --run-at "2030-01-31 09:00" --timezone Europe/Berlin`, ''],
    [`errand enqueue mail.send - --wait 1m < args.json`, 'and wait for the receipt'],
  ])
}

async function enqueue(cli: Cli, worker: string, json: string, options: EnqueueOptions): Promise<void> {
  const out = cli.output(options)
  const args = readJsonObject(json === '-' ? await cli.readInput() : json, json === '-' ? 'Standard input' : 'The args')
  const { delay, runAt, timezone, priority, key, wait } = options
  const request: EnqueueRequest = {
    worker,
    args,
    ...(delay === undefined ? {} : { delay }),
    ...(runAt === undefined ? {} : { runAt }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(priority === undefined ? {} : { priority }),
    ...(key === undefined ? {} : { key }),
  }
  const call = { ...options, roles: ['enqueue'] as const, doing: `Enqueueing ${worker}` }
  const job = await callCoordinator(cli, out, call, (router, options) => router.enqueue.mutate(request, options))
  if (wait === undefined) return tellEnqueued(cli, out, worker, job)

  const limitMs = wait === true ? Number.POSITIVE_INFINITY : parseDuration(wait)!
  const ended = await waitForEnd(cli, out, options, { worker, id: job.id, limitMs })
  tellEnd(cli, out, ended)
}

type Enqueued = { id: string; state: JobState; runAt: Date }

function tellEnqueued(cli: Cli, out: Output, worker: string, { id, state, runAt }: Enqueued): void {
  out.result({ id, state, runAt: runAt.toISOString() }, (style) => {
    const when = state === 'scheduled' ? `, runs ${formatAgo(runAt, cli.now())}` : ''
    return `${id}  ${worker}  ${paintState(style, state)}${when}`
  })
}

/** Exit code 0 is for success alone. */
function tellEnd(cli: Cli, out: Output, job: JobView): void {
  const { id, worker, state, attempt } = job
  const receipt = isFinal(state) ? (job.receipts.at(-1) ?? null) : null
  out.result({ id, worker, state, attempt, receipt }, (style) =>
    [
      `${id}  ${worker}  ${paintState(style, state)}`,
      ...(receipt === null ? [] : [describeReceipt(style, receipt, cli)]),
    ].join('\n'),
  )
  if (state === 'succeeded') return
  out.problem(whyNotSucceeded(job))
  throw new Told()
}

/** With the codes that the client gives. */
function whyNotSucceeded({ id, state, attempt }: JobView): Problem {
  if (state === 'failed') return { code: 'JOB_FAILED', message: `Job ${id} failed at attempt ${attempt}.` }
  if (state === 'cancelled') return { code: 'JOB_CANCELLED', message: `Job ${id} was cancelled.` }
  const message = `Job ${id} is not over yet, it is ${state}, and goes on. See it with: errand jobs get ${id}`
  return { code: 'RECEIPT_TIMEOUT', message }
}
