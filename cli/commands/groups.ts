/** `errand groups`: jobs that belong together, and the callback that runs when all of them are final. */
import type { GroupEnd } from '../../core/views/answers.gen.js'
import { longestWaitMs } from '../../core/limits.js'
import type { Command } from 'commander'
import { parseDuration, type Duration } from '../../core/time/duration.js'
import type { GroupJobsRequest, GroupRequest } from '../../core/requests/groups.js'
import type { Cli } from '../cli.js'
import { callCoordinator, connect, type CallOptions } from '../connection.js'
import { count } from '../format.js'
import { describeGroup, groupLine } from '../groupText.js'
import { addExamples } from '../help.js'
import { readInputFile } from '../inputFile.js'
import { jobTable } from '../jobTable.js'
import { addOperation, addOperationForEach, addPageOptions, asCaller, howToGoOn } from '../operation.js'
import type { Output } from '../output.js'
import { Told } from '../problem.js'
import { tellEnd } from '../tellEnd.js'
import { readDuration, readJsonObject, readState } from '../usage.js'
import { waitForEnd } from '../waitForEnd.js'

interface AddOptions extends CallOptions {
  wait?: Duration | true
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
  asCaller(adding, [
    ['errand groups add group.json', '{"jobs":[{"worker":"report.page","args":{"page":1}}],"then":"report.merge"}'],
    ['make-group | errand groups add - --wait 10m', ''],
  ]).action((file: string, options: AddOptions) => add(cli, file, options))

  addOperation(groups.command('get <id>').description('show a group'), cli, {
    roles: ['observe', 'enqueue'],
    doing: 'Looking for the group',
    request: (id: string) => ({ id }),
    call: (router) => router.groups.get.query,
    text: (style, group) => describeGroup(style, group, cli.now()),
    examples: [[`errand groups get ${someId}`, '']],
  })

  const listing = groups
    .command('jobs <id>')
    .description('list the jobs of a group, in the order in which they were given')
    .option(
      '--state <state>',
      'in this state only: scheduled, queued, blocked, running, succeeded, failed or cancelled',
      readState,
    )
  addOperation(addPageOptions(listing), cli, {
    roles: ['observe', 'enqueue'],
    doing: 'Looking for its jobs',
    request: (id: string, options: Omit<GroupJobsRequest, 'id'>) => ({ id, ...options }),
    call: (router) => router.groups.jobs.query,
    text: (style, { jobs }) => (jobs.length === 0 ? 'No such jobs.' : jobTable(style, jobs, cli.now())),
    note: howToGoOn,
    examples: [
      [`errand groups jobs ${someId} --state failed`, ''],
      [`errand groups jobs ${someId} --state failed --json | jq -r .jobs[].id | xargs errand jobs retry`, ''],
    ],
  })

  const cancelling = groups.command('cancel <id...>').description('cancel what is left of groups; they get no callback')
  addOperationForEach(cancelling, cli, {
    roles: ['operate'],
    doing: 'Cancelling',
    call: (router) => router.groups.cancel.mutate,
    text: groupLine,
    examples: [[`errand groups cancel ${someId}`, '']],
  })

  const retrying = groups
    .command('retry <id...>')
    .description('try again to make the callback of groups that are stuck')
  addOperationForEach(retrying, cli, {
    roles: ['operate'],
    doing: 'Retrying',
    call: (router) => router.groups.retry.mutate,
    text: groupLine,
    examples: [[`errand groups retry ${someId}`, '']],
  })
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
