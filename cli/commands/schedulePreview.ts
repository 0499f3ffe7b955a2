/**
 * `errand schedules preview`: tells when a schedule fires next, or when a rule would. A rule that is not stored needs
 * no coordinator.
 */
import type { SchedulePreview } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { formatAgo, formatTable } from '../format.js'
import { asCaller } from '../operation.js'
import { UsageError } from '../problem.js'
import { addTimingOptions, pickRule, type TimingOptions } from '../scheduleOptions.js'
import type { Style } from '../style.js'
import { readInteger } from '../usage.js'
import { mostPreviewed } from '../../core/views/schedulePreview.js'

interface PreviewOptions extends CallOptions, TimingOptions {
  id?: string
  from?: string
  count?: number
}

export function addSchedulePreview(schedules: Command, cli: Cli): void {
  const previewing = addTimingOptions(
    schedules
      .command('preview [id]')
      .description('show the next occurrences of a schedule, or of a rule that is not stored'),
  )
    .option('--id <id>', 'the id that --spread is made of, for a rule that is not stored')
    .option('--from <time>', 'ISO 8601, or a local time in --timezone; an occurrence then is shown (default: now)')
    .option('--count <number>', `how many, up to ${mostPreviewed} (default: 10)`, readInteger(1, mostPreviewed))
  asCaller(previewing, [
    ['errand schedules preview nightly', 'of a stored schedule'],
    [`errand schedules preview --cron "0 9 * * 1-5" --timezone Europe/Berlin`, ''],
    [
      `errand schedules preview --cron "30 2 * * *" --timezone Europe/Berlin --dst-gap skip --from 2027-03-27 --count 3 --json`,
      '',
    ],
  ]).action((id: string | undefined, options: PreviewOptions) => preview(cli, id, options))
}

async function preview(cli: Cli, stored: string | undefined, options: PreviewOptions): Promise<void> {
  const out = cli.output(options)
  const { id, from, count = 10 } = options
  const rule = pickRule(options)
  const isRule = rule.cron !== undefined || rule.every !== undefined
  if (isRule === (stored !== undefined)) {
    throw new UsageError('A preview takes the id of a schedule, or --cron or --every of a rule that is not stored.')
  }
  if (stored !== undefined) {
    if (Object.keys(rule).length > 0)
      throw new UsageError('A stored schedule is shown as it is, without other options.')
    const request = { id: stored, count, ...(from === undefined ? {} : { from }) }
    const call = { ...options, roles: ['observe'] as const, doing: 'Looking ahead' }
    const found = await callCoordinator(cli, out, call, (router, options) =>
      router.schedules.preview.query(request, options),
    )
    return out.result(found, (style) => previewText(style, found, cli.now()))
  }
  if (rule.spread !== undefined && id === undefined) {
    throw new UsageError('--spread is made of the id of the schedule. Give the one it shall have with --id.')
  }
  const { previewOf } = await import('../../core/time/preview.js')
  const found = previewOf(rule, { id: id ?? '', from: from ?? cli.now(), count })
  out.result(found, (style) => previewText(style, found, cli.now()))
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

function previewText(style: Style, { timezone, occurrences }: SchedulePreview, now: Date): string {
  if (occurrences.length === 0) return 'No occurrences within a century.'
  return formatTable(
    style,
    ['', timezone.toUpperCase(), 'UTC', ''],
    occurrences.map(({ at, local }) => [
      weekdays[new Date(local.slice(0, 10)).getUTCDay()]!,
      local.replace('T', ' ').replace(/([+-]\d\d:\d\d)$/, ' $1'),
      at.replace('T', ' ').replace(/(\.000)?Z$/, ''),
      style.dim(formatAgo(at, now)),
    ]),
  )
}
