/** `errand schedules`: rules that make jobs again and again. */
import type { Command } from 'commander'
import type { ScheduleRequest } from '../../core/requests/schedules.js'
import type { Cli } from '../cli.js'
import { formatMoment, formatTable } from '../format.js'
import { addExamples } from '../help.js'
import { addOperation } from '../operation.js'
import { UsageError } from '../problem.js'
import { addRuleOptions, type RuleOptions } from '../scheduleOptions.js'
import { describeSchedule, scheduleHead, scheduleRow } from '../scheduleText.js'
import { readInteger, readJsonObject } from '../usage.js'
import { addScheduleOperations } from './scheduleOperate.js'
import { addSchedulePreview } from './schedulePreview.js'

interface AddOptions extends RuleOptions {
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

  addOperation(schedules.command('list').description('list schedules, those made in code too'), cli, {
    roles: ['observe'],
    doing: 'Looking for schedules',
    call: (router) => router.schedules.list.query,
    json: ({ schedules }) => schedules,
    text: (style, { schedules }) =>
      schedules.length === 0
        ? 'No schedules yet.'
        : formatTable(
            style,
            scheduleHead,
            schedules.map((schedule) => scheduleRow(style, schedule, cli.now())),
          ),
    examples: [['errand schedules list', '']],
  })

  addOperation(schedules.command('get <id>').description('show a schedule with its policies and args'), cli, {
    roles: ['observe'],
    doing: 'Looking for the schedule',
    request: (id: string) => ({ id }),
    call: (router) => router.schedules.get.query,
    text: (style, schedule) => describeSchedule(style, schedule, cli.now()),
    examples: [['errand schedules get nightly', '']],
  })

  const adding = addRuleOptions(schedules.command('add <worker>').description('make jobs of a worker by a rule'))
    .option('--priority <number>', 'of its jobs, from -1000 to 1000', readInteger(-1000, 1000))
    .option('--args <json>', 'the args of each job; - reads them from standard input (default: {})')
    .option('--id <id>', 'names the schedule; the same id again replaces it (default: one is made)')
  addOperation(adding, cli, {
    roles: ['enqueue'],
    doing: ({ worker }) => `Adding a schedule for ${worker}`,
    request: async (worker: string, { args = '{}', ...rule }: AddOptions): Promise<ScheduleRequest> => {
      if (rule.cron === undefined && rule.every === undefined) {
        throw new UsageError('A schedule needs --cron, such as --cron "0 9 * * *", or --every, such as --every 10m.')
      }
      return { worker, ...rule, args: readJsonObject(args === '-' ? await cli.readInput() : args, '--args') }
    },
    call: (router) => router.schedule.mutate,
    text: (_style, { scheduleId, nextRunAt }, { worker }) =>
      nextRunAt === null
        ? `${scheduleId}  ${worker}  has no next time`
        : `${scheduleId}  ${worker}  next ${formatMoment(nextRunAt, cli.now())}`,
    examples: [
      [`errand schedules add report.daily --cron "0 9 * * *" --timezone America/Montreal`, 'every day at nine'],
      ['errand schedules add shop.sync --id sync-all --every 10m --overlap skip', 'unless the last one still runs'],
      [`errand schedules add shop.sync --id sync-a --cron "*/5 * * * *" --args '{"shop":"a"}'`, 'every five minutes'],
    ],
  })

  addSchedulePreview(schedules, cli)

  addScheduleOperations(schedules, cli)
}
