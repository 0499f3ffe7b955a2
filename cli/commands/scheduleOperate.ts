/** `errand schedules update`, `pause`, `resume`, `run`, `remove`: an operator's actions on schedules. */
import { Option, type Command } from 'commander'
import type { ScheduleChange } from '../../core/requests/schedules.js'
import type { Cli } from '../cli.js'
import { addOperation, addOperationForEach } from '../operation.js'
import { UsageError } from '../problem.js'
import { addRuleOptions, type RuleOptions } from '../scheduleOptions.js'
import { scheduleLine } from '../scheduleText.js'
import { paintState } from '../style.js'
import { readInteger, readJsonObject } from '../usage.js'

const resettable = ['timezone', 'dstGap', 'dstOverlap', 'spread', 'missed', 'overlap', 'priority'] as const

interface UpdateOptions extends RuleOptions {
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
  addOperation(updating, cli, {
    roles: ['operate'],
    doing: ({ id }) => `Updating ${id}`,
    request: async (id: string, options: UpdateOptions) => ({ id, ...(await changeOf(cli, options)) }),
    call: (router) => router.schedules.update.mutate,
    text: (style, schedule) => scheduleLine(style, schedule, cli.now()),
    examples: [
      [`errand schedules update nightly --cron "30 2 * * *" --dst-gap skip`, ''],
      ['errand schedules update nightly --every 6h --reset spread', 'in place of its cron'],
    ],
  })

  const pausing = schedules
    .command('pause <id...>')
    .description('make no jobs until they are resumed; holds for those made in code too')
  addOperationForEach(pausing, cli, {
    roles: ['operate'],
    doing: 'Pausing',
    call: (router) => router.schedules.pause.mutate,
    text: (style, schedule) => scheduleLine(style, schedule, cli.now()),
    examples: [['errand schedules pause nightly code:report.daily', '']],
  })

  const resuming = schedules
    .command('resume <id...>')
    .description('go on with the next occurrence; those of the pause are left out')
  addOperationForEach(resuming, cli, {
    roles: ['operate'],
    doing: 'Resuming',
    call: (router) => router.schedules.resume.mutate,
    text: (style, schedule) => scheduleLine(style, schedule, cli.now()),
    examples: [['errand schedules resume nightly', '']],
  })

  const running = schedules
    .command('run <id>')
    .description('make a job of a schedule at once; its occurrences stay as they are')
  addOperation(running, cli, {
    roles: ['operate'],
    doing: ({ id }) => `Running ${id}`,
    request: (id: string) => ({ id }),
    call: (router) => router.schedules.run.mutate,
    json: ({ runAt, ...job }) => ({ ...job, runAt }),
    text(style, { id, state, existing }, schedule) {
      const there = existing ? ', holds the key already' : ''
      return `${id}  of ${schedule.id}  ${paintState(style, state)}${there}`
    },
    examples: [
      ['errand schedules run nightly', 'says the id of the job'],
      ['errand jobs get "$(errand schedules run nightly --json | jq -r .id)"', ''],
    ],
  })

  addOperationForEach(
    schedules.command('remove <id...>').description('remove schedules; the jobs they made stay'),
    cli,
    {
      roles: ['operate'],
      doing: 'Removing',
      call: (router) => router.schedules.remove.mutate,
      text: (_style, { id }) => `${id}  removed`,
      examples: [['errand schedules remove sync-a', '']],
    },
  )
}

async function changeOf(cli: Cli, { args, reset = [], ...changed }: UpdateOptions): Promise<ScheduleChange> {
  const change: ScheduleChange = {
    ...Object.fromEntries(reset.map((field) => [field, null])),
    ...changed,
    ...(args === undefined ? {} : { args: readJsonObject(args === '-' ? await cli.readInput() : args, '--args') }),
  }
  if (Object.keys(change).length === 0) throw new UsageError('Say what shall change, such as --cron "0 9 * * *".')
  return change
}
