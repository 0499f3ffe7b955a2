/** `errand pause`, `errand resume`, `errand pauses`: what does not start until an operator resumes it. */
import type { ListedPause, PauseView } from '../../core/views/answers.gen.js'
import { mostCounted } from '../../core/limits.js'
import type { Command } from 'commander'
import type { PauseTarget } from '../../core/requests/pauses.js'
import type { Cli } from '../cli.js'
import { pausedBy } from '../jobText.js'
import { count, formatAgo, formatTable, plain } from '../format.js'
import { addOperation } from '../operation.js'
import { UsageError } from '../problem.js'

interface TargetOptions {
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
  addOperation(pausing, cli, {
    roles: ['operate'],
    doing: 'Pausing',
    request: (worker: string | undefined, { reason, ...target }: PauseOptions) => ({
      ...targetOf(worker, target),
      ...(reason === undefined ? {} : { reason }),
    }),
    call: (router) => router.pauses.add.mutate,
    text: (style, paused) => `${style.yellow('paused')}  ${thing(paused)}  ${pausedBy(paused, cli.now())}`,
    examples: [
      ['errand pause mail.send --reason "the relay is down"', ''],
      ['errand pause shop.sync --key shop-a', 'this shop only'],
      ['errand pause --all', 'every worker'],
    ],
  })

  const resuming = program
    .command('resume [worker]')
    .description('end a pause; its jobs start as if they had been enqueued now')
    .option('--key <key>', 'the pause of this key')
    .option('--all', 'the pause of everything')
  addOperation(resuming, cli, {
    roles: ['operate'],
    doing: 'Resuming',
    request: targetOf,
    call: (router) => router.pauses.remove.mutate,
    text(style, resumed) {
      const waited = resumed.scope === 'all' ? '' : `  ${count(resumed.released, 'job')} may start`
      return `${style.green('resumed')}  ${thing(resumed)}${waited}`
    },
    examples: [
      ['errand resume mail.send', ''],
      ['errand resume shop.sync --key shop-a', ''],
      ['errand resume --all', 'pauses of single workers and keys stay'],
    ],
  })

  addOperation(program.command('pauses').description('list what is paused, by whom, since when and why'), cli, {
    roles: ['observe'],
    doing: 'Looking for pauses',
    call: (router) => router.pauses.list.query,
    json: ({ pauses }) => pauses,
    text: (style, { pauses }) =>
      pauses.length === 0
        ? 'Nothing is paused.'
        : formatTable(
            style,
            ['PAUSED', 'KEY', 'BY', 'SINCE', 'WAITING', 'REASON'],
            pauses.map((pause) => pauseRow(pause, cli.now())),
          ),
    examples: [['errand pauses', '']],
  })
}

/** Pausing everything must be said, so that a name that got lost does not do it. */
function targetOf(worker: string | undefined, { all, key }: TargetOptions): PauseTarget {
  if (worker === undefined && !all) throw new UsageError('Name a worker, or say --all for everything.')
  if (worker !== undefined && all) throw new UsageError('A worker and --all exclude each other. Give one of them.')
  if (key !== undefined && worker === undefined) throw new UsageError('A key belongs to a worker. Name it.')
  return { ...(all ? { all } : {}), ...(worker === undefined ? {} : { worker }), ...(key === undefined ? {} : { key }) }
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
