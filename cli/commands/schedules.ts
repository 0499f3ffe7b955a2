/** `errand schedules`: rules that make jobs again and again. */
import type { Command } from 'commander'
import type { ScheduleRequest } from '../../core/requests/schedules.js'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { formatMoment, formatTable } from '../format.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { UsageError } from '../problem.js'
import { addRuleOptions, pickRule, type RuleOptions } from '../scheduleOptions.js'
import { describeSchedule, scheduleHead, scheduleRow } from '../scheduleText.js'
import { jsonOption, readInteger, readJsonObject, urlOption } from '../usage.js'
import { addScheduleOperations } from './scheduleOperate.js'
import { addSchedulePreview } from './schedulePreview.js'

interface AddOptions extends CallOptions, RuleOptions {
  args?: string
  id?: string
  priority?: number
}

export function addSchedules(program: Command, cli: Cli): void {
  const schedules = program.command('schedules').description('rules that make jobs again and again')
  addExamples(schedules, [
    ['errand schedules list', ''],
    [`errand schedules add report.daily --cron "0 9 * * *" --timezone Europe/Berlin`, 'every day at nine'],
    ['errand schedules preview nightly', 'when it fires next'],
    ['errand schedules pause nightly', ''],
  ])

  const listing = schedules
    .command('list')
    .description('list schedules, those made in code too')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: CallOptions) => list(cli, options))
  addSettings(listing, callerSettings)
  addExamples(listing, [['errand schedules list', '']])

  const getting = schedules
    .command('get <id>')
    .description('show a schedule with its policies and args')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: CallOptions) => get(cli, id, options))
  addSettings(getting, callerSettings)
  addExamples(getting, [['errand schedules get nightly', '']])

  const adding = addRuleOptions(schedules.command('add <worker>').description('make jobs of a worker by a rule'))
    .option('--priority <number>', 'of its jobs, from -1000 to 1000', readInteger(-1000, 1000))
    .option('--args <json>', 'the args of each job; - reads them from standard input (default: {})')
    .option('--id <id>', 'names the schedule; the same id again replaces it (default: one is made)')
    .option(...urlOption)
    .option(...jsonOption)
    .action((worker: string, options: AddOptions) => add(cli, worker, options))
  addSettings(adding, callerSettings)
  addExamples(adding, [
    [`errand schedules add report.daily --cron "0 9 * * *" --timezone America/Montreal`, 'every day at nine'],
    ['errand schedules add shop.sync --id sync-all --every 10m --overlap skip', 'unless the last one still runs'],
    [`errand schedules add shop.sync --id sync-a --cron "*/5 * * * *" --args '{"shop":"a"}'`, 'every five minutes'],
  ])

  addSchedulePreview(schedules, cli)

  addScheduleOperations(schedules, cli)
}

async function list(cli: Cli, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['observe'] as const, doing: 'Looking for schedules' }
  const { schedules } = await callCoordinator(cli, out, call, (router, options) =>
    router.schedules.list.query(undefined, options),
  )
  out.result(schedules, (style) =>
    schedules.length === 0
      ? 'No schedules yet.'
      : formatTable(
          style,
          scheduleHead,
          schedules.map((schedule) => scheduleRow(style, schedule, cli.now())),
        ),
  )
}

async function get(cli: Cli, id: string, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['observe'] as const, doing: 'Looking for the schedule' }
  const schedule = await callCoordinator(cli, out, call, (router, options) =>
    router.schedules.get.query({ id }, options),
  )
  out.result(schedule, (style) => describeSchedule(style, schedule, cli.now()))
}

async function add(cli: Cli, worker: string, options: AddOptions): Promise<void> {
  const out = cli.output(options)
  const { args, id, priority } = options
  const rule = pickRule(options)
  if (rule.cron === undefined && rule.every === undefined) {
    throw new UsageError('A schedule needs --cron, such as --cron "0 9 * * *", or --every, such as --every 10m.')
  }
  const request: ScheduleRequest = {
    worker,
    ...rule,
    args: args === undefined ? {} : readJsonObject(args === '-' ? await cli.readInput() : args, '--args'),
    ...(priority === undefined ? {} : { priority }),
    ...(id === undefined ? {} : { id }),
  }
  const call = { ...options, roles: ['enqueue'] as const, doing: `Adding a schedule for ${worker}` }
  const { scheduleId, nextRunAt } = await callCoordinator(cli, out, call, (router, options) =>
    router.schedule.mutate(request, options),
  )
  out.result({ scheduleId, nextRunAt: nextRunAt?.toISOString() ?? null }, () =>
    nextRunAt === null
      ? `${scheduleId}  ${worker}  has no next time`
      : `${scheduleId}  ${worker}  next ${formatMoment(nextRunAt, cli.now())}`,
  )
}
