/** What must be true of a run. Each check says what it wants and what it saw. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { JobDetails } from 'errand/client'
import type { Work } from './enqueue.js'
import type { SeededOrders } from './orders.js'
import { pictureSize } from './picture.js'
import { rivalName } from './rival.js'
import type { ApiCall, ShopApi } from './shopApi.js'
import type { MailServer } from './smtp.js'
import { sourceOf } from './table.js'

export interface Check {
  what: string
  seen: string
  ok: boolean
}

export interface Outcome {
  jobs: readonly JobDetails[]
  workers: readonly string[]
  mailServer: MailServer
  shopApi: ShopApi
  work: Work
  seeded: SeededOrders
  /** The shop whose budget somebody else used up. */
  disturbedShop: string
}

export async function checkAll(outcome: Outcome): Promise<Check[]> {
  return [
    ...coverageChecks(outcome),
    ...mailChecks(outcome),
    ...shopChecks(outcome),
    ...(await reportChecks(outcome)),
    ...(await thumbnailChecks(outcome)),
    ...whaleChecks(outcome),
  ]
}

const equal = (what: string, seen: string | number, wanted: string | number): Check => ({
  what: `${what}: ${wanted}`,
  seen: String(seen),
  ok: seen === wanted,
})

const jobsOf = ({ jobs }: Outcome, worker: string): JobDetails[] => jobs.filter((job) => job.worker === worker)

/** `succeeded`, or `failed, succeeded` where they differ. */
const statesOf = (jobs: readonly JobDetails[]): string =>
  [...new Set(jobs.map(({ state }) => state))].toSorted().join(', ')

function coverageChecks({ jobs, workers }: Outcome): Check[] {
  const ran = new Set(jobs.map(({ worker }) => worker))
  const disordered = jobs.filter(({ receipts }) => receipts.some(({ attempt }, index) => attempt !== index + 1))
  return [
    equal('workers whose jobs ran', ran.size, workers.length),
    equal('jobs whose receipts are not one for each attempt', disordered.length, 0),
  ]
}

function mailChecks(outcome: Outcome): Check[] {
  const { mails } = outcome.mailServer
  const jobs = jobsOf(outcome, 'mail.send')
  const to = (name: string) => jobs.find(({ args }) => (args as { to: string }).to.startsWith(name))!
  const taken = mails.filter(({ accepted }) => accepted)
  const busy = mails.filter((mail) => mail.to.startsWith('busy@'))
  return [
    equal('mails the mail server took', taken.length, 3),
    equal('Message-IDs of these mails, each its own', new Set(taken.map(({ messageId }) => messageId)).size, 3),
    equal('attempts for the mailbox that was busy once', to('busy@').receipts.length, 2),
    equal('Message-IDs in these attempts', new Set(busy.map(({ messageId }) => messageId)).size, 1),
    equal('attempts for the mailbox that does not exist', to('unknown@').receipts.length, 1),
    equal('state of its job', to('unknown@').state, 'failed'),
  ]
}

function shopChecks(outcome: Outcome): Check[] {
  const { shopApi, work, disturbedShop } = outcome
  const { bucket } = shopApi.limit
  const ours = shopApi.calls.filter(({ caller }) => caller !== rivalName)
  const refused = ours.filter(({ status }) => status === 429)
  const busiest = Object.entries(work.orders).toSorted(([, a], [, b]) => b - a)[0]![0]
  const orders = Object.values(work.orders).reduce((sum, count) => sum + count, 0)
  return [
    equal('state of the orders', statesOf(jobsOf(outcome, 'shop.syncOrder')), 'succeeded'),
    equal('orders the API took, each once', new Set(ours.filter(isTaken).map(orderOf)).size, orders),
    ...Object.keys(work.orders)
      .filter((shop) => shop !== disturbedShop)
      .map((shop) =>
        equal(`429s provoked by our throttle for ${shop}`, refused.filter((call) => call.shop === shop).length, 0),
      ),
    throttleBit(busiest, work.orders[busiest]!, ours, bucket),
    atLeast(`429s for ${disturbedShop}, whose budget somebody else had used up`, refused.length, 1),
    equal('calls that came back before Retry-After said', refused.filter((call) => !isObeyed(call, ours)).length, 0),
  ]
}

const isTaken = ({ status }: ApiCall): boolean => status === 200
const orderOf = ({ shop, order }: ApiCall): string => `${shop}/${order}`

const atLeast = (what: string, seen: number, wanted: number): Check => ({
  what: `${what}: ${wanted} or more`,
  seen: String(seen),
  ok: seen >= wanted,
})

/**
 * At 2 a second, all orders beyond the API's bucket would have been refused if they had come at once, so they must have
 * come later.
 */
function throttleBit(shop: string, orders: number, ours: readonly ApiCall[], bucket: number): Check {
  const calls = ours.filter((call) => call.shop === shop)
  const spreadMs = calls.length === 0 ? 0 : calls.at(-1)!.at - calls[0]!.at
  const what = `${orders} orders for ${shop} at once, ${orders - bucket} more than the API takes, were spread over seconds`
  return atLeast(what, Number((spreadMs / 1_000).toFixed(1)), 5)
}

/** The next call for the same order came no earlier than the 429 allowed, and there was one. */
function isObeyed(refused: ApiCall, ours: readonly ApiCall[]): boolean {
  const next = ours.find((call) => call.at > refused.at && orderOf(call) === orderOf(refused))
  return next !== undefined && next.at >= refused.at + refused.retryAfter! * 1_000
}

async function reportChecks(outcome: Outcome): Promise<Check[]> {
  const { seeded } = outcome
  const jobs = jobsOf(outcome, 'report.daily')
  const scheduled = jobs.filter(({ scheduleId }) => scheduleId !== undefined)
  const rows = jobs.map((job) => (resultOf(job) as { rows?: number } | undefined)?.rows ?? 0)
  const file = reportFile(outcome)
  const text = file === undefined ? '' : await readFile(file, 'utf8')
  const left = file === undefined ? [] : (await readdir(dirname(file))).filter((name) => name.endsWith('.tmp'))
  return [
    atLeast(
      'reports made by the client, and by a schedule',
      Math.min(jobs.length - scheduled.length, scheduled.length),
      1,
    ),
    equal('state of the reports', statesOf(jobs), 'succeeded'),
    equal(
      `rows, which is the orders of ${seeded.day} in Montreal`,
      [...new Set(rows)].join(', '),
      String(seeded.count),
    ),
    equal('lines of the report', text.split('\r\n').length - 1, seeded.count + 1),
    equal('customers whose commas, quotes or line breaks are not right in it', missing(text, seeded.quoted), 0),
    equal('unfinished files left behind', left.length, 0),
  ]
}

const missing = (text: string, parts: readonly string[]): number => parts.filter((part) => !text.includes(part)).length

export function reportFile(outcome: Outcome): string | undefined {
  const results = jobsOf(outcome, 'report.daily').map((job) => resultOf(job) as { file: string } | undefined)
  return results.find((result) => result !== undefined)?.file
}

export function thumbnailFile(outcome: Outcome): string | undefined {
  return (resultOf(jobsOf(outcome, 'image.thumbnail')[0]!) as { file: string } | undefined)?.file
}

/** What `run` returned, if the job succeeded. */
function resultOf({ receipts }: JobDetails): unknown {
  const last = receipts.at(-1)
  return last?.status === 'success' ? last.result : undefined
}

async function thumbnailChecks(outcome: Outcome): Promise<Check[]> {
  const file = thumbnailFile(outcome)
  return [equal('size of the thumbnail', file === undefined ? 'no file' : await pictureSize(file), '320 × 240')]
}

function whaleChecks(outcome: Outcome): Check[] {
  const whale = jobsOf(outcome, 'failWhale')[0]!
  const thrownAt = new Set(whale.receipts.map((receipt) => sourceFile(receipt)))
  return [
    equal('state of the job that always fails', whale.state, 'failed'),
    equal('its receipts', whale.receipts.map(({ status }) => status).join(', '), 'failure, failure, failure'),
    equal('pauses of half a second and a second kept', pausesKept(whale, [500, 1_000]), 2),
    equal('source its errors point to', [...thrownAt].join(', '), join('jobs', 'failWhale.ts')),
  ]
}

function pausesKept({ receipts }: JobDetails, pausesMs: readonly number[]): number {
  return pausesMs.filter((pauseMs, index) => {
    const [before, after] = [receipts[index], receipts[index + 1]]
    return before && after && after.startedAt.getTime() - before.finishedAt.getTime() >= pauseMs
  }).length
}

function sourceFile(receipt: JobDetails['receipts'][number]): string {
  const place = receipt.status === 'failure' ? sourceOf(receipt.error.stack) : ''
  return place === '' ? 'none' : join('jobs', basename(place).replace(/:.*/, ''))
}
