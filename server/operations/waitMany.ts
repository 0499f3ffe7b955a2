/**
 * Waits for many jobs, and tells how each ended, as it does. Each answer comes from the database; a signal
 * (server/operations/wait) only says where to look. So a stream that was cut goes on with a new one that asks for the
 * jobs that are left, on any coordinator.
 */
import type { JobEnd, NoJob, WaitManyAnswer } from '../../core/views/answers.gen.js'
import { matchesWorker } from '../../core/roles.js'
import { isFinal, type FinalState } from '../../core/states.js'
import type { Follower } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { delivered, disclosuresOf, type Disclosure } from '../access/disclosure.js'
import { jobOfReceipt, resultLength, type JobDocument, type ReceiptDocument } from '../store/documents.js'
import type { JobAsItIs } from '../store/jobs/read.js'
import { maxPageLength } from '../store/page.js'
import { receiptView } from './view.js'
import type { Waits } from './wait.js'

/** Jobs that end together are read, and told, so many at a time. */
const pageSize = 100
/**
 * Characters of results that a stream holds until its caller has taken them: there may be many streams, and slow
 * callers.
 */
const maxStreamedLength = 1_000_000
/**
 * A poll that has something to tell waits so long for more, so that a thousand jobs that end one by one make no
 * thousand polls.
 */
const gatherMs = 100

/** One after the other, each once, until all have ended or `signal` aborts. */
export async function* streamEnds(
  deps: Deps,
  waits: Waits,
  ids: readonly string[],
  follower: Follower,
  signal: AbortSignal,
): AsyncGenerator<JobEnd | NoJob> {
  const watch = waits.watch(ids, follower, signal)
  const open = new Set(ids)
  try {
    // watching first and looking then: a job that ends in between is not missed
    let looking: Iterable<string> = open
    while (open.size > 0 && !watch.over) {
      for (const some of inPages([...looking].filter((id) => open.has(id)))) {
        // one page mostly; of large results no more are read at a time than are told at a time
        for (let left = some, most = pageSize; left.length > 0 && !watch.over;) {
          const look = await lookAt(deps, left.slice(0, most), follower, maxStreamedLength)
          for (const end of look.ended) {
            open.delete(end.id)
            watch.leave(end.id)
            yield end
          }
          left = [...look.left, ...left.slice(most)]
          if (look.left.length > 0) most = 2 * look.ended.length
        }
      }
      if (open.size > 0) looking = await watch.next()
    }
  } finally {
    watch.stop()
  }
}

/** Answers as soon as some of the jobs have ended, or when the time is over. */
export async function waitMany(
  deps: Deps,
  waits: Waits,
  { ids, timeoutMs }: { ids: readonly string[]; timeoutMs: number },
  follower: Follower,
  signal: AbortSignal,
): Promise<WaitManyAnswer> {
  const over = new AbortController()
  const end = () => over.abort()
  signal.addEventListener('abort', end, { once: true })
  const watch = waits.watch(ids, follower, over.signal)
  try {
    const first = await lookAt(deps, ids, follower)
    if (first.ended.length > 0 || timeoutMs === 0) return answerOf(first)
    const cancelAlarm = deps.clock.alarm(timeoutMs, end)
    const hinted = new Set(await watch.next())
    cancelAlarm()
    if (hinted.size < ids.length && !watch.over) await deps.clock.sleep(gatherMs, over.signal)
    return answerOf(await lookAt(deps, ids, follower))
  } finally {
    watch.stop()
    signal.removeEventListener('abort', end)
  }
}

const answerOf = ({ ended, waiting }: Look): WaitManyAnswer => ({ ended, waiting })

interface Look extends WaitManyAnswer {
  /** These have ended as well, and are told the next time. */
  left: string[]
}

async function lookAt(
  deps: Deps,
  ids: readonly string[],
  follower: Follower,
  maxLength = maxPageLength,
): Promise<Look> {
  const found = await deps.store.jobs.statesOf(ids)
  const jobs = found.filter(({ worker }) => matchesWorker(follower.workers, worker))
  const known = new Set(jobs.map(({ _id }) => _id))
  const ended = jobs.filter(({ state }) => isFinal(state))
  const { told, last } = await readEnds(deps, ended.slice(0, pageSize), maxLength)
  const isTold = new Set(told)
  const disclosures = await disclosuresTo(deps, told, follower)
  return {
    ended: [
      ...told.map((job) => endOf(job, last.get(job._id), disclosures(job.worker))),
      ...ids.filter((id) => !known.has(id)).map((id): NoJob => ({ id, state: null })),
    ],
    waiting: jobs.filter(({ state }) => !isFinal(state)).map(({ _id: id, state }) => ({ id, state })),
    left: ended.filter((job) => !isTold.has(job)).map(({ _id }) => _id),
  }
}

/** As many of these as may be told at once, and one at least: results may be large. */
async function readEnds(
  deps: Deps,
  ended: readonly JobAsItIs[],
  maxLength: number,
): Promise<{ told: readonly JobAsItIs[]; last: Map<string, ReceiptDocument> }> {
  const last = new Map<string, ReceiptDocument>()
  const withReceipt = new Map(ended.filter(({ state }) => state !== 'cancelled').map((job) => [job._id, job]))
  if (withReceipt.size === 0) return { told: ended, last }
  /** Those whose last receipt is among what was read. */
  const known = new Set<string>()
  let length = 0
  const isFull = () => length > maxLength && known.size > 0
  await deps.store.receipts.eachOfJobs([...withReceipt.keys()], (receipt) => {
    const jobId = jobOfReceipt(receipt)
    if (receipt.attempt >= (last.get(jobId)?.attempt ?? 0)) last.set(jobId, receipt)
    if (receipt.attempt === withReceipt.get(jobId)!.attempt) known.add(jobId)
    length += resultLength(receipt)
    return !isFull()
  })
  return { told: isFull() ? ended.filter(({ _id }) => !withReceipt.has(_id) || known.has(_id)) : ended, last }
}

type ReceiptDisclosure = Pick<Disclosure, 'result' | 'seesResults'>

/** Those who may ask for jobs get the receipts as they are; to those who only look they are shown. */
const disclosuresTo = async (
  deps: Deps,
  jobs: readonly FinalJob[],
  follower: Follower,
): Promise<(worker: string) => ReceiptDisclosure> =>
  follower.role === 'observe'
    ? disclosuresOf(
        deps.contracts,
        jobs.map(({ worker }) => worker),
        follower,
      )
    : () => delivered

type FinalJob = Pick<JobDocument, '_id' | 'worker' | 'state' | 'finishedAt'>

const endOf = (
  { _id: id, state, finishedAt }: FinalJob,
  receipt: ReceiptDocument | undefined,
  disclosure: ReceiptDisclosure,
): JobEnd => ({
  id,
  state: state as FinalState,
  finishedAt: finishedAt!.toISOString(),
  ...(receipt === undefined ? {} : { receipt: receiptView(receipt, disclosure) }),
})

function* inPages(ids: string[]): Generator<string[]> {
  for (let at = 0; at < ids.length; at += pageSize) yield ids.slice(at, at + pageSize)
}
