/** `errand jobs`: shows jobs to an operator, and acts on them. */
import type { WorkerList } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import { parseDuration, type Duration } from '../../core/time/duration.js'
import { nearestName } from '../../core/nearest.js'
import type { ListJobsRequest } from '../../core/requests/wire.js'
import type { Cli } from '../cli.js'
import { addChanges } from './changeJobs.js'
import { addErase } from './eraseJobs.js'
import type { CallOptions } from '../connection.js'
import { jobTable } from '../jobTable.js'
import { describeJob, describeWhy } from '../jobText.js'
import { addOperation, addPageOptions, asCaller, howToGoOn } from '../operation.js'
import { tellEnd } from '../tellEnd.js'
import { waitForEnd } from '../waitForEnd.js'
import { addExamples } from '../help.js'
import { readDuration, readState } from '../usage.js'

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
  addOperation(addPageOptions(listing), cli, {
    roles: ['observe'],
    doing: 'Looking for jobs',
    request: (options: ListJobsRequest) => options,
    call: (router) => async (request, options) => {
      const page = await router.jobs.list.query(request, options)
      if (page.jobs.length > 0 || !request.worker) return { page, hint: '' }
      return { page, hint: workerHint(request.worker, await router.workers.list.query(undefined, options)) }
    },
    json: ({ page }) => page,
    text(style, { page }, { worker, state, parent }) {
      if (page.jobs.length === 0) return worker || state || parent ? 'No such jobs.' : 'No jobs yet.'
      return jobTable(style, page.jobs, cli.now())
    },
    hint: ({ hint }) => hint,
    note: ({ page }) => howToGoOn(page),
    examples: [
      ['errand jobs list', ''],
      ['errand jobs list --worker mail.send --state failed', ''],
      ['errand jobs list --json | jq -r .jobs[].id', ''],
    ],
  })

  const getting = jobs
    .command('get <id>')
    .description('show a job with its args, its progress, and every receipt with its log')
  addOperation(getting, cli, {
    roles: ['observe', 'enqueue'],
    doing: 'Looking for the job',
    request: (id: string) => ({ id }),
    call: (router) => router.jobs.get.query,
    text: (style, job) => describeJob(style, job, cli),
    examples: [
      ['errand jobs get 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
      ['errand jobs get 019ab2c4-5d6e-7f80-8123-456789abcdef --json | jq .receipts', ''],
    ],
  })

  const receiving = jobs
    .command('receipt <id>')
    .description('wait until a job has ended and print its receipt; exit code 1 if it failed')
    .option('--timeout <duration>', 'wait so long at most (default: 5m)', readDuration)
  asCaller(receiving, [
    ['errand jobs receipt 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
    ['errand jobs receipt 019ab2c4-5d6e-7f80-8123-456789abcdef --timeout 10s --json | jq .receipt.result', ''],
  ]).action((id: string, options: ReceiptOptions) => receipt(cli, id, options))

  addOperation(jobs.command('why <id>').description('say why a job does not run now'), cli, {
    roles: ['observe'],
    doing: 'Asking why',
    request: (id: string) => ({ id }),
    call: (router) => router.jobs.why.query,
    text: (style, answer) => describeWhy(style, answer, cli.now()),
    examples: [
      ['errand jobs why 019ab2c4-5d6e-7f80-8123-456789abcdef', ''],
      ['errand jobs why 019ab2c4-5d6e-7f80-8123-456789abcdef --json | jq .reasons[0].kind', ''],
    ],
  })
  addChanges(jobs, cli)
  addErase(jobs, cli)
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

async function receipt(cli: Cli, id: string, { timeout = '5m', ...options }: ReceiptOptions): Promise<void> {
  const out = cli.output(options)
  const limitMs = parseDuration(timeout)!
  tellEnd(cli, out, await waitForEnd(cli, out, options, { id, doing: 'Waiting for the job', limitMs }))
}
