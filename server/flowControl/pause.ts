/**
 * Pause and resume: everything, a worker, or a key. Paused jobs do not start; those that run, or are claimed already,
 * run on.
 *
 *   queued ──claim sees a pause──▶ queued, held by the pause (out of the claim index, so that it stands before no other)
 *      ▲                                │
 *      └──────── the pause ends ────────┘   then the next claim looks again: another pause may cover it
 *
 * A pause of everything holds no job: claims do nothing while it lasts. Scheduled jobs become queued and retries come
 * due under a pause as ever, and are held then.
 *
 * A job is held by name, so the end of a pause finds the jobs it held by one index, and a sweep finds those whose pause
 * is gone: the coordinator died after it took the pause away, or another one held a job by a pause that it knew of for
 * a moment longer.
 */
import type { ListedPause, PauseView, Resumed } from '../../core/views/answers.gen.js'
import { mostCounted } from '../../core/limits.js'
import { ErrandError } from '../../core/errors.js'
import type { PauseRequest, PauseTarget } from '../../core/requests/pauses.js'
import { withoutKey } from '../../core/views/why.js'
import type { Deps, Pauses } from '../deps.js'
import type { Viewer } from '../access/disclosure.js'
import { breakerId, heldBy, pauseId, pauseOfHeld, pauseView } from './knownPauses.js'
import { slotsFreed } from './slots.js'
import { repeat, repeated } from '../repeatedWrite.js'
import type { HeldBy, PauseDocument } from '../store/documents.js'
import type { PausableJob } from '../store/jobs/claim.js'

/** All pauses are read every half second. A tool that pauses every key it meets would slow them. */
const mostPauses = 1_000
/** Jobs that one write releases. */
const releasePageSize = 5_000
/** Candidates that are looked at at once when paused ones stand in front. */
const aheadPageSize = 5_000

/**
 * A target that is paused already stays as it is: another caller paused it, and earlier. Throws `UNKNOWN_WORKER`, and
 * `WRONG_STATE` beyond a thousand pauses.
 */
export async function pause(deps: Deps, { worker, key, reason }: PauseRequest, by: string): Promise<PauseView> {
  // a misspelt name would pause nothing, and say that it does
  if (worker !== undefined) await deps.contracts.get(worker)
  const known = await deps.store.pauses.list()
  const id = pauseId({ worker, key })
  if (known.length >= mostPauses && !known.some(({ _id }) => _id === id)) {
    throw new ErrandError(
      'WRONG_STATE',
      `There are ${known.length} pauses already, and there can be no more. Resume some, or pause whole workers.`,
    )
  }
  const pause = {
    _id: id,
    ...(worker === undefined ? {} : { worker }),
    ...(key === undefined ? {} : { key }),
    by,
    at: deps.clock.now(),
    ...(reason === undefined ? {} : { reason }),
  }
  const existing = await repeat(deps, () => deps.store.pauses.insert(pause))
  await deps.pauses.fresh()
  return pauseView(existing ?? pause)
}

/** Ends one pause; a job that another one covers goes on waiting. Throws `UNKNOWN_PAUSE`. */
export async function resume(deps: Deps, target: PauseTarget): Promise<Resumed> {
  const { worker, key } = target
  // an operator who resumes a worker knows that its function is well again
  const ids = [pauseId(target), ...(worker !== undefined && key === undefined ? [breakerId(worker)] : [])]
  const before = await deps.store.pauses.list()
  const removed = await Promise.all(ids.map((id) => remove(deps, id, before)))
  const pause = removed.find((each) => each !== null)
  const pauses = await deps.pauses.fresh()
  if (!pause) throw unknownPause(target, pauses)
  // a crash here leaves jobs held by a pause that is gone: the sweep releases them
  const { released } = await deps.store.jobs.releaseHeldBy(ids.map(heldBy), releasePageSize)
  deps.events.emit('queued', undefined)
  return { ...pauseView(pause), released }
}

/** Answers with the pause that it ended, or null. The pauses of before tell it where the answer was lost. */
async function remove(deps: Deps, id: string, before: readonly PauseDocument[]): Promise<PauseDocument | null> {
  const { outcome, lost } = await repeated(deps, () => deps.store.pauses.remove(id))
  return outcome ?? (lost === undefined ? null : (before.find(({ _id }) => _id === id) ?? null))
}

function unknownPause({ worker, key }: PauseTarget, pauses: Pauses): ErrandError {
  const what = worker === undefined ? 'Everything' : key === undefined ? worker.slice(0, 200) : 'This key'
  const wider =
    worker !== undefined && pauses.all
      ? ' Everything is paused.'
      : key !== undefined && pauses.has(pauseId({ worker }))
        ? ' Its whole worker is.'
        : ''
  return new ErrandError('UNKNOWN_PAUSE', `${what} is not paused by itself.${wider} \`errand pauses\` lists what is.`)
}

/** Keys are shown to those who see args, which they are made of. */
export async function listPauses(deps: Deps, { seesArgs }: Viewer): Promise<ListedPause[]> {
  const pauses = await deps.store.pauses.list()
  return Promise.all(
    pauses.map(async (pause) => ({
      ...(seesArgs ? pauseView(pause) : withoutKey(pauseView(pause))),
      ...(pause.worker === undefined
        ? {}
        : { waiting: await deps.store.jobs.countHeld(heldBy(pause._id), mostCounted) }),
    })),
  )
}

/**
 * Takes the candidates that pauses cover out of the claim index, and answers with the others. Where `more` stand behind
 * them, those are looked at as well.
 */
export async function holdPaused<Job extends PausableJob>(
  deps: Deps,
  pauses: Pauses,
  candidates: Job[],
  more: boolean,
): Promise<Job[]> {
  if (pauses.none) return candidates
  const free = candidates.filter((job) => !pauses.covering(job))
  if (free.length === candidates.length) return candidates
  // a long line of paused jobs would hide the others for as many claims as it takes to hold it
  await hold(deps, pauses, more ? await deps.store.jobs.claimableKeys(aheadPageSize) : candidates)
  return free
}

async function hold(deps: Deps, pauses: Pauses, jobs: readonly PausableJob[]): Promise<void> {
  const held = new Map<HeldBy, PausableJob[]>()
  const slotKeys: string[] = []
  for (const job of jobs) {
    const pause = pauses.covering(job)
    if (!pause) continue
    const by = heldBy(pause._id)
    const jobs = held.get(by)
    if (jobs) jobs.push(job)
    else held.set(by, [job])
    // it may have been woken for a free slot, which a job of another key can have
    if (pause.key !== undefined && job.slotKey !== undefined) slotKeys.push(job.slotKey)
  }
  await Promise.all([...held].map(([by, jobs]) => deps.store.jobs.hold(jobs, by)))
  if (slotKeys.length > 0) await slotsFreed(deps, slotKeys)
}

/** The safety net: jobs whose pause is gone may be claimed again, however many they are. */
export async function sweepPaused(deps: Deps, signal?: AbortSignal): Promise<undefined> {
  // first what holds, then what is paused: a pause that begins in between is not taken for one that is gone
  const holding = await deps.store.jobs.holdingPauses()
  if (holding.length === 0) return
  const pauses = await deps.pauses.fresh()
  const gone = holding.filter((held) => !pauses.has(pauseOfHeld(held)))
  if (gone.length === 0) return
  let released: { more: boolean }
  do {
    released = await deps.store.jobs.releaseHeldBy(gone, releasePageSize)
    deps.events.emit('queued', undefined)
  } while (released.more && !signal?.aborted)
}
