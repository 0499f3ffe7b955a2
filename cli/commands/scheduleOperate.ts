/** `errand schedules update`, `pause`, `resume`, `run`, `remove`: an operator's actions on schedules. */
import { Option, type Command } from 'commander'
import type { ScheduleChange } from '../../core/requests/schedules.js'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { callForEach } from '../each.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { UsageError } from '../problem.js'
import { addRuleOptions, pickRule, type RuleOptions } from '../scheduleOptions.js'
import { scheduleLine } from '../scheduleText.js'
import { paintState } from '../style.js'
import { jsonOption, readInteger, readJsonObject, urlOption } from '../usage.js'

const resettable = ['timezone', 'dstGap', 'dstOverlap', 'spread', 'missed', 'overlap', 'priority'] as const

interface UpdateOptions extends CallOptions, RuleOptions {
  args?: string
  priority?: number
  reset?: (typeof resettable)[number][]
}

export function addScheduleOperations(schedules: Command, cli: Cli): void {
  const updating = addRuleOptions(
    schedules.command('update <id>').description('change a part of a schedule; the rest stays as it is'),
  )
    .option('--priority <number>', 'of its jobs, from -1000 to 1000', readInteger(-1000, 1000))
    .option('--args <json>', 'the args of each job; - reads them from standard input')
    .addOption(new Option('--reset <field...>', 'take fields back to their defaults').choices(resettable))
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: UpdateOptions) => update(cli, id, options))
  addSettings(updating, callerSettings)
  addExamples(updating, [
    [`errand schedules update nightly --cron "30 2 * * *" --dst-gap skip`, ''],
    ['errand schedules update nightly --every 6h --reset spread', 'in place of its cron'],
  ])

  const pausing = schedules
    .command('pause <id...>')
    .description('make no jobs until they are resumed; holds for those made in code too')
    .option(...urlOption)
    .option(...jsonOption)
    .action((ids: string[], options: CallOptions) =>
      callForEach(cli, options, {
        ids,
        role: 'operate',
        doing: 'Pausing',
        call: (router, id, options) => router.schedules.pause.mutate({ id }, options),
        text: (style, schedule) => scheduleLine(style, schedule, cli.now()),
      }),
    )
  addSettings(pausing, callerSettings)
  addExamples(pausing, [['errand schedules pause nightly code:report.daily', '']])

  const resuming = schedules
    .command('resume <id...>')
    .description('go on with the next occurrence; those of the pause are left out')
    .option(...urlOption)
    .option(...jsonOption)
    .action((ids: string[], options: CallOptions) =>
      callForEach(cli, options, {
        ids,
        role: 'operate',
        doing: 'Resuming',
        call: (router, id, options) => router.schedules.resume.mutate({ id }, options),
        text: (style, schedule) => scheduleLine(style, schedule, cli.now()),
      }),
    )
  addSettings(resuming, callerSettings)
  addExamples(resuming, [['errand schedules resume nightly', '']])

  const running = schedules
    .command('run <id>')
    .description('make a job of a schedule at once; its occurrences stay as they are')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: CallOptions) => run(cli, id, options))
  addSettings(running, callerSettings)
  addExamples(running, [
    ['errand schedules run nightly', 'says the id of the job'],
    ['errand jobs get "$(errand schedules run nightly --json | jq -r .id)"', ''],
  ])

  const removing = schedules
    .command('remove <id...>')
    .description('remove schedules; the jobs they made stay')
    .option(...urlOption)
    .option(...jsonOption)
    .action((ids: string[], options: CallOptions) =>
      callForEach(cli, options, {
        ids,
        role: 'operate',
        doing: 'Removing',
        async call(router, id, options) {
          await router.schedules.remove.mutate({ id }, options)
          return { id, removed: true }
        },
        text: (_style, { id }) => `${id}  removed`,
      }),
    )
  addSettings(removing, callerSettings)
  addExamples(removing, [['errand schedules remove sync-a', '']])
}

async function update(cli: Cli, id: string, options: UpdateOptions): Promise<void> {
  const out = cli.output(options)
  const { args, priority, reset = [] } = options
  const change: ScheduleChange = {
    ...Object.fromEntries(reset.map((field) => [field, null])),
    ...pickRule(options),
    ...(args === undefined ? {} : { args: readJsonObject(args === '-' ? await cli.readInput() : args, '--args') }),
    ...(priority === undefined ? {} : { priority }),
  }
  if (Object.keys(change).length === 0) throw new UsageError('Say what shall change, such as --cron "0 9 * * *".')
  const call = { ...options, roles: ['operate'] as const, doing: `Updating ${id}` }
  const schedule = await callCoordinator(cli, out, call, (router, options) =>
    router.schedules.update.mutate({ id, ...change }, options),
  )
  out.result(schedule, (style) => scheduleLine(style, schedule, cli.now()))
}

async function run(cli: Cli, id: string, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['operate'] as const, doing: `Running ${id}` }
  const { runAt, ...job } = await callCoordinator(cli, out, call, (router, options) =>
    router.schedules.run.mutate({ id }, options),
  )
  out.result({ ...job, runAt: runAt.toISOString() }, (style) => {
    const there = job.existing ? ', holds the key already' : ''
    return `${job.id}  of ${id}  ${paintState(style, job.state)}${there}`
  })
}
