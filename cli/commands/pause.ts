/** `errand pause`, `errand resume`, `errand pauses`: what does not start until an operator resumes it. */
import type { PauseView } from '../../core/views/answers.gen.js'
import { mostCounted } from '../../core/limits.js'
import type { Command } from 'commander'
import type { ListedPause } from '../../core/views/answers.gen.js'
import type { PauseTarget } from '../../core/requests/pauses.js'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { pausedBy } from '../jobText.js'
import { count, formatAgo, formatTable, plain } from '../format.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { UsageError } from '../problem.js'
import { jsonOption, urlOption } from '../usage.js'

interface TargetOptions extends CallOptions {
  all?: true
  key?: string
}

interface PauseOptions extends TargetOptions {
  reason?: string
}

export function addPauses(program: Command, cli: Cli): void {
  const pausing = program
    .command('pause [worker]')
    .description('start no job of a worker, of one of its keys, or at all; what runs, runs on')
    .option('--key <key>', 'only jobs with this throttle key, concurrency key or unique key')
    .option('--all', 'everything')
    .option('--reason <text>', 'for whoever finds it paused')
    .option(...urlOption)
    .option(...jsonOption)
    .action((worker: string | undefined, options: PauseOptions) => pause(cli, worker, options))
  addSettings(pausing, callerSettings)
  addExamples(pausing, [
    ['errand pause mail.send --reason "the relay is down"', ''],
    ['errand pause shop.sync --key shop-a', 'this shop only'],
    ['errand pause --all', 'every worker'],
  ])

  const resuming = program
    .command('resume [worker]')
    .description('end a pause; its jobs start as if they had been enqueued now')
    .option('--key <key>', 'the pause of this key')
    .option('--all', 'the pause of everything')
    .option(...urlOption)
    .option(...jsonOption)
    .action((worker: string | undefined, options: TargetOptions) => resume(cli, worker, options))
  addSettings(resuming, callerSettings)
  addExamples(resuming, [
    ['errand resume mail.send', ''],
    ['errand resume shop.sync --key shop-a', ''],
    ['errand resume --all', 'pauses of single workers and keys stay'],
  ])

  const listing = program
    .command('pauses')
    .description('list what is paused, by whom, since when and why')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: CallOptions) => list(cli, options))
  addSettings(listing, callerSettings)
  addExamples(listing, [['errand pauses', '']])
}

/** Pausing everything must be said, so that a name that got lost does not do it. */
function targetOf(worker: string | undefined, { all, key }: TargetOptions): PauseTarget {
  if (worker === undefined && !all) throw new UsageError('Name a worker, or say --all for everything.')
  if (worker !== undefined && all) throw new UsageError('A worker and --all exclude each other. Give one of them.')
  if (key !== undefined && worker === undefined) throw new UsageError('A key belongs to a worker. Name it.')
  return { ...(all ? { all } : {}), ...(worker === undefined ? {} : { worker }), ...(key === undefined ? {} : { key }) }
}

async function pause(cli: Cli, worker: string | undefined, options: PauseOptions): Promise<void> {
  const { reason } = options
  const target = { ...targetOf(worker, options), ...(reason === undefined ? {} : { reason }) }
  const out = cli.output(options)
  const call = { ...options, roles: ['operate'] as const, doing: 'Pausing' }
  const paused = await callCoordinator(cli, out, call, (router, options) => router.pauses.add.mutate(target, options))
  out.result(paused, (style) => `${style.yellow('paused')}  ${thing(paused)}  ${pausedBy(paused, cli.now())}`)
}

async function resume(cli: Cli, worker: string | undefined, options: TargetOptions): Promise<void> {
  const target = targetOf(worker, options)
  const out = cli.output(options)
  const call = { ...options, roles: ['operate'] as const, doing: 'Resuming' }
  const resumed = await callCoordinator(cli, out, call, (router, options) =>
    router.pauses.remove.mutate(target, options),
  )
  out.result(resumed, (style) => {
    const waited = resumed.scope === 'all' ? '' : `  ${count(resumed.released, 'job')} may start`
    return `${style.green('resumed')}  ${thing(resumed)}${waited}`
  })
}

async function list(cli: Cli, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['observe'] as const, doing: 'Looking for pauses' }
  const { pauses } = await callCoordinator(cli, out, call, (router, options) =>
    router.pauses.list.query(undefined, options),
  )
  out.result(pauses, (style) =>
    pauses.length === 0
      ? 'Nothing is paused.'
      : formatTable(
          style,
          ['PAUSED', 'KEY', 'BY', 'SINCE', 'WAITING', 'REASON'],
          pauses.map((pause) => pauseRow(pause, cli.now())),
        ),
  )
}

const pauseRow = ({ worker, key, keyHidden, by, at, waiting, reason }: ListedPause, now: Date): string[] => [
  worker ?? 'everything',
  keyHidden ? 'hidden' : plain(key ?? ''),
  plain(by),
  formatAgo(at, now),
  waiting === undefined ? '' : waiting < mostCounted ? String(waiting) : `${mostCounted} or more`,
  plain(reason ?? ''),
]

const thing = ({ worker, key }: PauseView): string =>
  worker === undefined ? 'everything' : key === undefined ? worker : `${worker}, key ${plain(key)}`
