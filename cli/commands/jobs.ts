/** `errand jobs`: shows jobs to an operator, and acts on them. */
import type { WorkerList } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import { parseDuration, type Duration } from '../../core/time/duration.js'
import { nearestName } from '../../core/nearest.js'
import type { JobState } from '../../core/states.js'
import type { ListJobsRequest } from '../../core/requests/wire.js'
import type { Cli } from '../cli.js'
import { addChanges } from './changeJobs.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { jobTable } from '../jobTable.js'
import { describeJob, describeWhy } from '../jobText.js'
import { tellEnd } from '../tellEnd.js'
import { waitForEnd } from '../waitForEnd.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { jsonOption, readDuration, readInteger, readState, urlOption } from '../usage.js'

interface ListOptions extends CallOptions {
  worker?: string
  state?: JobState
  parent?: string
  limit?: number
  cursor?: string
}

interface ReceiptOptions extends CallOptions {
  timeout?: Duration
}

export function addJobs(program: Command, cli: Cli): void {
  const jobs = program.command('jobs').description('look at jobs, cancel them, retry them, replay them')
  addExamples(jobs, [
    ['errand jobs list --state failed', 'newest first'],
    ['errand jobs get <id>', 'one job with all its receipts'],
    ['errand jobs why <id>', 'what keeps it from running'],
    ['errand jobs retry <id> <id>', 'as many attempts again'],
    ['errand jobs retry --worker mail.send --dry-run', 'how many there are to retry'],
  ])

  const listing = jobs
    .command('list')
    .description('list jobs, newest first')
    .option('--worker <name>', 'of this worker only')
    .option(
      '--state <state>',
      'in this state only: scheduled, queued, blocked, running, succeeded, failed or cancelled',
      readState,
    )
    .option('--parent <id>', 'only those that this job enqueued while it ran')
    .option('--limit <number>', 'at most so many, up to 500 (default: 50)', readInteger(1, 500))
    .option('--cursor <cursor>', 'from where the last page ended')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: ListOptions) => list(cli, options))
  addSettings(listing, callerSettings)
  addExamples(listing, [
    ['errand jobs list', ''],
    ['errand jobs list --worker mail.send --state failed', ''],
    ['errand jobs list --json | jq -r .jobs[].id', ''],
  ])

  const getting = jobs
    .command('get <id>')
    .description('show a job with its args, its progress, and every receipt with its log')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: CallOptions) => get(cli, id, options))
  addSettings(getting, callerSettings)
  addExamples(getting, [
    ['errand jobs get 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
    ['errand jobs get 019ab2c4-5d6e-7f80-8123-456789abcdef --json | jq .receipts', ''],
  ])

  const receiving = jobs
    .command('receipt <id>')
    .description('wait until a job has ended and print its receipt; exit code 1 if it failed')
    .option('--timeout <duration>', 'wait so long at most (default: 5m)', readDuration)
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: ReceiptOptions) => receipt(cli, id, options))
  addSettings(receiving, callerSettings)
  addExamples(receiving, [
    ['errand jobs receipt 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
    ['errand jobs receipt 019ab2c4-5d6e-7f80-8123-456789abcdef --timeout 10s --json | jq .receipt.result', ''],
  ])

  const asking = jobs
    .command('why <id>')
    .description('say why a job does not run now')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: string, options: CallOptions) => why(cli, id, options))
  addSettings(asking, callerSettings)
  addExamples(asking, [
    ['errand jobs why 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
    ['errand jobs why 019ab2c4-5d6e-7f80-8123-456789abcdef --json | jq .reasons[0].kind', ''],
  ])
  addChanges(jobs, cli)
}

async function list(cli: Cli, options: ListOptions): Promise<void> {
  const out = cli.output(options)
  const { worker, state, parent, limit, cursor } = options
  const request: ListJobsRequest = {
    ...(worker === undefined ? {} : { worker }),
    ...(state === undefined ? {} : { state }),
    ...(parent === undefined ? {} : { parent }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  }
  const call = { ...options, roles: ['observe'] as const, doing: 'Looking for jobs' }
  const { page, hint } = await callCoordinator(cli, out, call, async (router, options) => {
    const page = await router.jobs.list.query(request, options)
    return {
      page,
      hint:
        page.jobs.length === 0 && worker ? workerHint(worker, await router.workers.list.query(undefined, options)) : '',
    }
  })
  out.result(page, (style) => {
    if (page.jobs.length === 0) return worker || state || parent ? 'No such jobs.' : 'No jobs yet.'
    return jobTable(style, page.jobs, cli.now())
  })
  if (hint !== '') out.note(hint)
  if (page.cursor !== null && !out.json) out.note(`There are more: add --cursor ${page.cursor}`)
}

/**
 * Jobs of a worker that was removed are listed too, so an unknown name is only worth a word where nothing was found.
 */
function workerHint(worker: string, { workers }: WorkerList): string {
  const names = workers.map(({ name }) => name)
  if (names.includes(worker)) return ''
  const nearest = nearestName(worker, names)
  return `No worker is named "${worker}".${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`
}

async function get(cli: Cli, id: string, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['observe', 'enqueue'] as const, doing: 'Looking for the job' }
  const job = await callCoordinator(cli, out, call, (router, options) => router.jobs.get.query({ id }, options))
  out.result(job, (style) => describeJob(style, job, cli))
}

async function receipt(cli: Cli, id: string, { timeout = '5m', ...options }: ReceiptOptions): Promise<void> {
  const out = cli.output(options)
  const limitMs = parseDuration(timeout)!
  tellEnd(cli, out, await waitForEnd(cli, out, options, { id, doing: 'Waiting for the job', limitMs }))
}

async function why(cli: Cli, id: string, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['observe'] as const, doing: 'Asking why' }
  const answer = await callCoordinator(cli, out, call, (router, options) => router.jobs.why.query({ id }, options))
  out.result(answer, (style) => describeWhy(style, answer, cli.now()))
}
