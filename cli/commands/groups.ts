/** `errand groups`: jobs that belong together, and the callback that runs when all of them are final. */
import type { GroupEnd } from '../../core/views/answers.gen.js'
import { longestWaitMs } from '../../core/limits.js'
import type { Command } from 'commander'
import { parseDuration, type Duration } from '../../core/time/duration.js'
import type { GroupJobsRequest, GroupRequest } from '../../core/requests/groups.js'
import type { JobState } from '../../core/states.js'
import type { Cli } from '../cli.js'
import { callCoordinator, connect, type CallOptions } from '../connection.js'
import { callForEach } from '../each.js'
import { count } from '../format.js'
import { describeGroup, groupLine } from '../groupText.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { readInputFile } from '../inputFile.js'
import { jobTable } from '../jobTable.js'
import type { Output } from '../output.js'
import { Told } from '../problem.js'
import { tellEnd } from '../tellEnd.js'
import { jsonOption, readDuration, readInteger, readJsonObject, readState, urlOption } from '../usage.js'
import { waitForEnd } from '../waitForEnd.js'

interface AddOptions extends CallOptions {
  wait?: Duration | true
}

interface JobsOptions extends CallOptions {
  state?: JobState
  limit?: number
  cursor?: string
}

const someId = '019ab2c4-5d6e-7f80-8123-456789abcdef'

export function addGroups(program: Command, cli: Cli): void {
  const groups = program.command('groups').description('make groups of jobs, look at them, cancel them')
  addExamples(groups, [
    ['errand groups add group.json --wait', 'all or none; prints the receipt of the callback'],
    ['errand groups get <id>', 'how many of its jobs are in each state'],
    ['errand groups cancel <id>', 'what is left of it'],
  ])

  const adding = groups
    .command('add <file>')
    .description('make a group from a JSON file, as POST /group takes it; - reads standard input')
    .option('--wait [duration]', 'wait for its callback and print the receipt; exit code 1 if it failed', readDuration)
    .option(...urlOption)
    .option(...jsonOption)
    .action((file: string, options: AddOptions) => add(cli, file, options))
  addSettings(adding, callerSettings)
  addExamples(adding, [
    ['errand groups add group.json', '{"jobs":[{"worker":"report.page","args":{"page":1}}],"then":"report.merge"}'],
    ['make-group | errand groups add - --wait 10m', ''],
  ])

  const getting = groups
    .command('get <id>')
    .description('show a group')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: CallOptions) => get(cli, id, options))
  addSettings(getting, callerSettings)
  addExamples(getting, [[`errand groups get ${someId}`, '']])

  const listing = groups
    .command('jobs <id>')
    .description('list the jobs of a group, in the order in which they were given')
    .option(
      '--state <state>',
      'in this state only: scheduled, queued, blocked, running, succeeded, failed or cancelled',
      readState,
    )
    .option('--limit <number>', 'at most so many, up to 500 (default: 50)', readInteger(1, 500))
    .option('--cursor <cursor>', 'from where the last page ended')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: JobsOptions) => jobs(cli, id, options))
  addSettings(listing, callerSettings)
  addExamples(listing, [
    [`errand groups jobs ${someId} --state failed`, ''],
    [`errand groups jobs ${someId} --state failed --json | jq -r .jobs[].id | xargs errand jobs retry`, ''],
  ])

  const cancelling = groups
    .command('cancel <id...>')
    .description('cancel what is left of groups; they get no callback')
    .option(...urlOption)
    .option(...jsonOption)
    .action((ids: string[], options: CallOptions) =>
      callForEach(cli, options, {
        ids,
        role: 'operate',
        doing: 'Cancelling',
        call: (router, id, options) => router.groups.cancel.mutate({ id }, options),
        text: groupLine,
      }),
    )
  addSettings(cancelling, callerSettings)
  addExamples(cancelling, [[`errand groups cancel ${someId}`, '']])

  const retrying = groups
    .command('retry <id...>')
    .description('try again to make the callback of groups that are stuck')
    .option(...urlOption)
    .option(...jsonOption)
    .action((ids: string[], options: CallOptions) =>
      callForEach(cli, options, {
        ids,
        role: 'operate',
        doing: 'Retrying',
        call: (router, id, options) => router.groups.retry.mutate({ id }, options),
        text: groupLine,
      }),
    )
  addSettings(retrying, callerSettings)
  addExamples(retrying, [[`errand groups retry ${someId}`, '']])
}

async function add(cli: Cli, file: string, options: AddOptions): Promise<void> {
  const out = cli.output(options)
  const { name, text } = await readInputFile(cli, file)
  const request = readJsonObject(text, name.charAt(0).toUpperCase() + name.slice(1)) as unknown as GroupRequest
  const call = { ...options, roles: ['enqueue'] as const, doing: 'Making the group' }
  const made = await callCoordinator(cli, out, call, (router, options) => router.group.mutate(request, options))
  if (options.wait === undefined) {
    return out.result(made, (style) => `${groupLine(style, made)}  ${count(made.total, 'member')}`)
  }
  const limitMs = options.wait === true ? Number.POSITIVE_INFINITY : parseDuration(options.wait)!
  await tellCallback(cli, out, options, made.id, cli.now().getTime() + limitMs)
}

/** Waits until the group is over, and then for its callback, if it has one. */
async function tellCallback(cli: Cli, out: Output, options: CallOptions, id: string, giveUpAt: number): Promise<void> {
  const coordinator = await connect(cli, options, ['enqueue', 'observe'])
  const leftMs = () => Math.max(0, giveUpAt - cli.now().getTime())
  const look = () =>
    coordinator.call((router, options) =>
      router.groups.wait.query({ id, timeoutMs: Math.min(longestWaitMs, leftMs()) }, options),
    )
  const group = await out.during(`Waiting for group ${id}`, async () => {
    let group = await look()
    while (group.state === 'open' && leftMs() > 0) group = await look()
    return group
  })
  const jobId = group.then?.jobId
  if (jobId === undefined) return tellGroupEnd(out, group)
  tellEnd(
    cli,
    out,
    await waitForEnd(cli, out, options, { id: jobId, doing: `Waiting for job ${jobId}`, limitMs: leftMs() }),
  )
}

/** Exit code 0 is for a group that is over and has no callback. */
function tellGroupEnd(out: Output, group: GroupEnd): void {
  const { id, state, problem } = group
  out.result(group, (style) => groupLine(style, group))
  if (state === 'closed') return
  if (problem)
    out.problem({ code: 'GROUP_STUCK', message: `The callback of group ${id} cannot be made. ${problem.message}` })
  else if (state === 'cancelled') out.problem({ code: 'GROUP_CANCELLED', message: `Group ${id} was cancelled.` })
  else
    out.problem({
      code: 'GROUP_TIMEOUT',
      message: `Group ${id} is not over yet, and goes on. See it with: errand groups get ${id}`,
    })
  throw new Told()
}

async function get(cli: Cli, id: string, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['observe', 'enqueue'] as const, doing: 'Looking for the group' }
  const group = await callCoordinator(cli, out, call, (router, options) => router.groups.get.query({ id }, options))
  out.result(group, (style) => describeGroup(style, group, cli.now()))
}

async function jobs(cli: Cli, id: string, options: JobsOptions): Promise<void> {
  const out = cli.output(options)
  const { state, limit, cursor } = options
  const request: GroupJobsRequest = {
    id,
    ...(state === undefined ? {} : { state }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  }
  const call = { ...options, roles: ['observe', 'enqueue'] as const, doing: 'Looking for its jobs' }
  const page = await callCoordinator(cli, out, call, (router, options) => router.groups.jobs.query(request, options))
  out.result(page, (style) => (page.jobs.length === 0 ? 'No such jobs.' : jobTable(style, page.jobs, cli.now())))
  if (page.cursor !== null && !out.json) out.note(`There are more: add --cursor ${page.cursor}`)
}
