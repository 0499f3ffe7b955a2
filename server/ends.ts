/**
 * Ends: tells of many jobs how they ended, as they do. What is told comes from the database, each time; a signal (server/wait) only says where to look.
 * So a stream that was cut goes on with a new one that asks for the jobs that are left, whichever coordinator it reaches.
 */
import { matchesWorker } from '../core/roles.js'
import { isFinal, type FinalState } from '../core/states.js'
import type { JobEnd, NoJob, WaitManyAnswer } from '../core/ends.js'
import type { Follower } from './auth.js'
import type { Deps } from './deps.js'
import { delivered, disclosuresOf, type Disclosure } from './disclosure.js'
import type { JobDocument, ReceiptDocument } from './store/documents.js'
import { receiptView } from './view.js'
import type { Waits } from './wait.js'

/** Jobs that end together are read, and told, so many at a time. */
const batch = 100
/** A poll that has something to tell waits so long for more, so that a thousand jobs that end one by one make no thousand polls. */
const gatherMs = 100

/** One after the other, each once, until all have ended or `signal` aborts. */
export async function* streamEnds(
  deps: Deps,
  waits: Waits,
  ids: readonly string[],
  follower: Follower,
  signal: AbortSignal,
): AsyncGenerator<JobEnd | NoJob> {
  const watch = waits.watch(ids, signal)
  const open = new Set(ids)
  try {
    // watching first and looking then: a job that ends in between is not missed
    let looking: Iterable<string> = open
    while (open.size > 0 && !watch.over) {
      for (const some of inBatches([...looking].filter((id) => open.has(id)))) {
        for (const end of (await lookAt(deps, some, follower)).ended) {
          open.delete(end.id)
          watch.leave(end.id)
          yield end
        }
      }
      if (open.size > 0) looking = await watch.next()
    }
  } finally {
    watch.stop()
  }
}

/** Answers as soon as some of the jobs have ended, or when the time is over. */
export async function waitForSome(
  deps: Deps,
  waits: Waits,
  { ids, timeoutMs }: { ids: readonly string[]; timeoutMs: number },
  follower: Follower,
  signal: AbortSignal,
): Promise<WaitManyAnswer> {
  const over = new AbortController()
  const end = () => over.abort()
  signal.addEventListener('abort', end, { once: true })
  const watch = waits.watch(ids, over.signal)
  try {
    const first = await lookAt(deps, ids, follower)
    if (first.ended.length > 0 || timeoutMs === 0) return first
    const cancelAlarm = deps.clock.alarm(timeoutMs, end)
    const hinted = new Set(await watch.next())
    cancelAlarm()
    if (hinted.size < ids.length && !watch.over) await deps.clock.sleep(gatherMs, over.signal)
    return await lookAt(deps, ids, follower)
  } finally {
    watch.stop()
    signal.removeEventListener('abort', end)
  }
}

async function lookAt(deps: Deps, ids: readonly string[], follower: Follower): Promise<WaitManyAnswer> {
  const found = await deps.store.jobs.statesOf(ids)
  const jobs = found.filter(({ worker }) => matchesWorker(follower.workers, worker))
  const known = new Set(jobs.map(({ _id }) => _id))
  // results may be large, so whoever has more that ended is told of them the next time
  const final = jobs.filter(({ state }) => isFinal(state)).slice(0, batch)
  const withReceipt = final.filter(({ state }) => state !== 'cancelled').map(({ _id }) => _id)
  const last = lastOf(withReceipt.length === 0 ? [] : await deps.store.receipts.ofJobs(withReceipt))
  const disclosures = await disclosuresTo(deps, final, follower)
  return {
    ended: [
      ...final.map((job) => endOf(job, last.get(job._id), disclosures(job.worker))),
      ...ids.filter((id) => !known.has(id)).map((id): NoJob => ({ id, state: null })),
    ],
    waiting: jobs.filter(({ state }) => !isFinal(state)).map(({ _id: id, state }) => ({ id, state })),
  }
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

/** The receipt of each job's last attempt. */
function lastOf(receipts: ReceiptDocument[]): Map<string, ReceiptDocument> {
  const last = new Map<string, ReceiptDocument>()
  for (const receipt of receipts) {
    const jobId = receipt._id.slice(0, receipt._id.indexOf(':'))
    if (receipt.attempt >= (last.get(jobId)?.attempt ?? 0)) last.set(jobId, receipt)
  }
  return last
}

function* inBatches(ids: string[]): Generator<string[]> {
  for (let at = 0; at < ids.length; at += batch) yield ids.slice(at, at + batch)
}
