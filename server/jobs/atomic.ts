/**
 * Atomic requests: jobs that enter the queue all or none. Used by `enqueueMany` with `atomic`, and by groups.
 *
 *   every item checked ──▶ request `writing` ──▶ jobs inserted, `held: 'atomic'` ──▶ request `committed` ──▶ jobs released ──▶ request forgotten
 *           │                                        │
 *           └── refused: nothing was written         └── a key was taken meanwhile: request `undone`, jobs deleted, refused
 *
 * A job that is held is in no index that a claim reads, so none runs before all are there. The decision is one guarded
 * write on the request's own document: `writing` becomes either `committed` or `undone`, and the first write counts. A
 * coordinator may die anywhere: before the decision the sweep (below, once a minute has passed) decides `undone` and
 * deletes, after it the sweep does what was decided, once more and harmlessly. A request that was undone by the sweep
 * is remembered for a while, because its coordinator may be slow, not dead, and write a few jobs more; it then finds
 * that it was decided otherwise, and says so to its caller.
 */
import type { EnqueueOutcome, Enqueued } from '../../core/views/answers.gen.js'
import { idAt } from '../../core/job/newIds.js'
import { ErrandError, type Issue } from '../../core/errors.js'
import type { Asker } from '../access/auth.js'
import type { Deps } from '../deps.js'
import type { PreparedJob } from './enqueue.js'
import { beingWritten } from './givenId.js'
import { prepareItem } from './prepareItem.js'
import { repeat, repeatGuarded } from '../repeatedWrite.js'
import type { JobDocument } from '../store/documents.js'
import { mapInTurns } from './inTurns.js'
import { isOutage } from '../store/outage.js'
import { ownsNoLonger } from '../flowControl/unique.js'
import { untilAnswered } from '../untilAnswered.js'
import { inSentences, issuesOf, mostIssues, mostIssuesOf, type FoundIssues } from './judge.js'
import { laneOf } from './writeLane.js'

/** Where an item stands in the request, as issues name it. */
export type Place = (string | number)[]

export interface PlacedItem {
  place: Place
  item: unknown
  /** For one that has none of its own. */
  id?: string
}

/** An item that was checked by itself. */
export type PlacedJob = PreparedJob & { place: Place }

/**
 * All items or none, their outcomes in order. Where a job whose key is taken is the same work (`onConflict: 'return'`),
 * the owner is the outcome; an owner is never replaced or moved, because that could not be undone. Throws
 * `ATOMIC_REFUSED` with issues that name the items.
 */
export async function enqueueAtomic(
  deps: Deps,
  items: readonly unknown[],
  asker: Asker,
  id: string | undefined,
): Promise<EnqueueOutcome[]> {
  const found = noIssues()
  const places = items.map((item, index) => ({ item, place: ['jobs', index], ...(id && { id: idAt(id, index) }) }))
  const placed = await checkEach(deps, places, asker, found)
  if (found.count > 0) throw refused(found, items.length)
  refuseRepeatedIds(placed)
  const enqueued = await insertOnce(deps, placed)
  return enqueued.map(({ runAt, ...job }) => ({ ok: true, ...job, runAt: runAt.toISOString() }))
}

/**
 * The same where an earlier request with these ids may have made them, whose answer was lost. An item that a job of its
 * key stood for then has no job under its id, and is asked for anew. Throws `ATOMIC_REFUSED` where an id is that of
 * another job, and `UNAVAILABLE` while they are being written.
 */
async function insertOnce(deps: Deps, placed: readonly PlacedJob[]): Promise<Enqueued[]> {
  const made = await madeEarlier(deps, placed)
  const fresh = placed.filter((item) => !made.has(item))
  const enqueued = fresh.length === 0 ? [] : await insertAtomic(deps, fresh, { mayExist: true })
  const outcomes = new Map(fresh.map((item, index) => [item, enqueued[index]!]))
  return placed.map((item) => outcomes.get(item) ?? made.get(item)!)
}

async function madeEarlier(deps: Deps, placed: readonly PlacedJob[]): Promise<Map<PlacedJob, Enqueued>> {
  const made = new Map<PlacedJob, Enqueued>()
  const given = placed.filter(({ job }) => job.givenId)
  if (given.length === 0) return made
  const byId = new Map((await deps.store.jobs.briefs(given.map(({ job }) => job._id))).map((job) => [job._id, job]))
  if ([...byId.values()].some(({ atomicRequest }) => atomicRequest !== undefined)) throw beingWritten()
  for (const item of given) {
    const job = byId.get(item.job._id)
    if (!job || job.worker !== item.job.worker) continue
    made.set(item, { id: job._id, state: job.state, runAt: job.runAt, existing: true })
  }
  const mayBeAnswered = (item: PlacedJob) => made.has(item) || (isSameWork(item) && item.job.uniqueKey !== undefined)
  if (byId.size === 0 || (placed.every(mayBeAnswered) && made.size === byId.size)) return made
  const issues = given
    .filter(({ job }) => byId.has(job._id))
    .map((item) => idTaken(item, 'a job that is there already'))
  throw refused(foundIssuesOf(issues), placed.length)
}

const idTaken = ({ place }: PlacedJob, by: string): Issue => ({
  path: [...place, 'id'],
  code: 'id_taken',
  message: `The id is that of ${by}.`,
})

/** Each job has an id of its own. */
function refuseRepeatedIds(placed: readonly PlacedJob[]): void {
  const firsts = new Map<string, PlacedJob>()
  const issues: Issue[] = []
  for (const item of placed) {
    const first = firsts.get(item.job._id)
    if (!first) firsts.set(item.job._id, item)
    else issues.push(idTaken(item, `${first.place.join('.')}, earlier in the request`))
  }
  if (issues.length > 0) throw refused(foundIssuesOf(issues), placed.length)
}

/** Each item by its worker's schema. Answers with all of them, in order, where `found` stays as it was. */
export async function checkEach(
  deps: Deps,
  items: readonly PlacedItem[],
  asker: Asker,
  found: FoundIssues,
): Promise<PlacedJob[]> {
  const most = mostIssuesOf(items.length)
  const placed = await mapInTurns(items, async ({ item, place, id }) => {
    try {
      return { ...(await prepareItem(deps, item, asker, { mostIssues: most, id })), place }
    } catch (error) {
      addIssues(found, place, error)
      return undefined
    }
  })
  return placed as PlacedJob[]
}

export const noIssues = (): FoundIssues => foundIssuesOf([])

const foundIssuesOf = (issues: Issue[]): FoundIssues => ({ issues, count: issues.length, isMore: false })

/** Adds what is wrong with one item, in the request's own paths. An error that is not about the item is thrown on. */
export function addIssues(found: FoundIssues, place: Place, error: unknown): void {
  if (!(error instanceof ErrandError)) throw error
  const { code, message, issues = [{ path: [], code: code.toLowerCase(), message }] } = error
  // issues of args are told from the args on, but for those of what rides beside them
  const inside = (path: Place) => (code === 'INVALID_ARGS' && path[0] !== 'argsMeta' ? ['args', ...path] : path)
  found.issues.push(...issues.map((issue) => ({ ...issue, path: [...place, ...inside(issue.path)] })))
  found.count += countedIn(error) ?? issues.length
  if (countedIn(error) === null) found.isMore = true
}

export function addIssue(found: FoundIssues, issue: Issue): void {
  found.issues.push(issue)
  found.count++
}

/** Null where their number is not known. */
const countedIn = ({ details }: ErrandError): number | null | undefined =>
  details?.['issuesInAll'] as number | null | undefined

export function refused({ issues, count, isMore }: FoundIssues, items: number): ErrandError {
  const inOrder = issues.toSorted((a, b) => comparePlaces(a.path, b.path)).slice(0, mostIssues)
  const found = { issues: inOrder, count, isMore }
  return new ErrandError(
    'ATOMIC_REFUSED',
    `Nothing was enqueued, because not every one of the ${items} items can be. ${inSentences(found)}`,
    issuesOf(found),
  )
}

function comparePlaces(a: Place, b: Place): number {
  for (const [index, key] of a.entries()) {
    const other = b[index]
    if (key === other) continue
    return typeof key === 'number' && typeof other === 'number' ? key - other : String(key) < String(other) ? -1 : 1
  }
  return a.length - b.length
}

export interface AtomicOptions {
  /** Whether a job that holds the key, there already or earlier in the request, may stand for the item. */
  mayExist: boolean
  /**
   * Writes what belongs to the request beside its jobs; the store's `release` and `undo` of the request take care of it
   * too.
   */
  begin?: (id: string) => Promise<void>
}

/**
 * Throws `ATOMIC_REFUSED` where keys are taken, and `UNAVAILABLE` where it took so long that the sweep has undone it.
 */
export async function insertAtomic(
  deps: Deps,
  placed: readonly PlacedJob[],
  { mayExist, begin }: AtomicOptions,
): Promise<Enqueued[]> {
  const firsts = firstOfEachKey(placed, mayExist)
  const fresh = placed.filter((item) => !firsts.has(item))
  const existing = await findOwners(deps, fresh, mayExist, placed.length)
  const missing = fresh.filter((item) => !existing.has(item))
  if (missing.length > 0 || begin)
    await writeTogether(deps, missing, existing, { mayExist, begin, items: placed.length })
  return placed.map((item) => {
    const first = firsts.get(item) ?? item
    const { _id: id, state, runAt } = existing.get(first) ?? first.job
    return first === item && !existing.has(item) ? { id, state, runAt } : { id, state, runAt, existing: true }
  })
}

/** For items whose key an earlier one has: that one. */
function firstOfEachKey(placed: readonly PlacedJob[], mayExist: boolean): Map<PlacedJob, PlacedJob> {
  const owners = new Map<string, PlacedJob>()
  const firsts = new Map<PlacedJob, PlacedJob>()
  const issues: Issue[] = []
  for (const item of placed) {
    const { uniqueKey } = item.job
    if (uniqueKey === undefined) continue
    const first = owners.get(uniqueKey)
    if (!first) owners.set(uniqueKey, item)
    else if (mayExist && isSameWork(item)) firsts.set(item, first)
    else issues.push(keyTaken(item, `The key is taken by ${first.place.join('.')}, earlier in the request.`))
  }
  if (issues.length > 0) throw refused(foundIssuesOf(issues), placed.length)
  return firsts
}

const isSameWork = ({ rule }: PlacedJob): boolean => rule.onConflict === 'return'

const keyTaken = ({ place }: PlacedJob, message: string): Issue => ({ path: place, code: 'key_taken', message })

const keysInOneQuery = 1_000

/** The jobs that stand for items whose key they hold. Keys that are held no longer are set free on the way. */
async function findOwners(
  deps: Deps,
  items: readonly PlacedJob[],
  mayExist: boolean,
  total: number,
): Promise<Map<PlacedJob, JobDocument>> {
  const byKey = new Map(items.flatMap((item) => (item.job.uniqueKey === undefined ? [] : [[item.job.uniqueKey, item]])))
  const keys = [...byKey.keys()]
  const found = new Map<PlacedJob, JobDocument>()
  const issues: Issue[] = []
  for (let start = 0; start < keys.length; start += keysInOneQuery) {
    for (const owner of await deps.store.jobs.ownersOfKeys(keys.slice(start, start + keysInOneQuery))) {
      const item = byKey.get(owner.uniqueKey!)!
      if (await ownsNoLonger(deps, owner)) continue
      if (mayExist && isSameWork(item) && owner.atomicRequest === undefined) found.set(item, owner)
      else issues.push(keyTaken(item, `The key is taken by job ${owner._id}, which is ${owner.state}.`))
    }
  }
  if (issues.length > 0) throw refused(foundIssuesOf(issues), total)
  return found
}

interface Writing {
  mayExist: boolean
  begin: AtomicOptions['begin']
  items: number
}

/** `existing` grows where a key was taken between our look and our write. */
async function writeTogether(
  deps: Deps,
  missing: readonly PlacedJob[],
  existing: Map<PlacedJob, JobDocument>,
  { mayExist, begin, items }: Writing,
): Promise<void> {
  const id = deps.newId()
  const since = deps.clock.now()
  await repeat(deps, () => deps.store.atomicRequests.begin(id, since))
  try {
    if (begin) await repeat(deps, () => begin(id))
    for (let left = missing; left.length > 0;) {
      const conflicting = await insertHeld(deps, id, left)
      for (const [item, owner] of await findOwners(deps, conflicting, mayExist, items)) existing.set(item, owner)
      left = conflicting.filter((item) => !existing.has(item))
    }
  } catch (error) {
    await undo(deps, id, error)
    throw error
  }
  if (!(await decide(deps, id, 'committed'))) {
    await deps.store.atomicRequests.undo(id)
    throw new ErrandError('UNAVAILABLE', 'The request took too long to be written, and was undone. Try again.')
  }
  await releaseSoon(deps, id)
  announce(
    deps,
    missing.filter((item) => !existing.has(item)),
  )
}

/**
 * Answers with those whose key was taken. Waits for every write, also when one fails, so that none comes after the
 * request was undone.
 */
async function insertHeld(deps: Deps, id: string, items: readonly PlacedJob[]): Promise<PlacedJob[]> {
  const lane = laneOf(items.length)
  const writes = await Promise.allSettled(
    items.map(({ job }) => deps.writes.insertJob({ ...job, held: 'atomic', atomicRequest: id }, lane)),
  )
  const failed = writes.find((write) => write.status === 'rejected')
  if (failed) throw failed.reason
  const outcomeOf = (index: number) => (writes[index] as PromiseFulfilledResult<unknown>).value
  const same = items.filter(({ job }, index) => job.givenId && outcomeOf(index) === 'sameId')
  if (same.length > 0) await refuseOthers(deps, id, same)
  return items.filter((_, index) => outcomeOf(index) === 'keyTaken')
}

/** Jobs that are there under their ids may be ours, of a write that was tried again; those of another request are not. */
async function refuseOthers(deps: Deps, id: string, items: readonly PlacedJob[]): Promise<void> {
  const found = await deps.store.jobs.briefs(items.map(({ job }) => job._id))
  // one that is gone was undone by its request since
  if (found.length < items.length || found.some(({ atomicRequest }) => atomicRequest !== id)) throw beingWritten()
}

/** Answers whether this call decided. Only the coordinator that writes a request releases it. */
function decide(deps: Deps, id: string, state: 'committed' | 'undone'): Promise<boolean> {
  const { atomicRequests } = deps.store
  const at = deps.clock.now()
  const isOurs = async () => (await atomicRequests.stateOf(id)) === state
  return repeatGuarded(deps, () => atomicRequests.decide(id, state, at), isOurs)
}

async function undo(deps: Deps, id: string, because: unknown): Promise<void> {
  try {
    if (!(await decide(deps, id, 'undone'))) return
    await repeat(deps, () => deps.store.atomicRequests.undo(id))
    // a write that failed for us may still arrive at the database; then the sweep looks again
    if (because instanceof ErrandError) await deps.store.atomicRequests.forget(id)
  } catch (error) {
    deps.log('warn', 'an atomic request that was refused could not be undone; the sweep will', { id, error })
  }
}

/** It is decided, so its caller waits for nothing more: what follows is repeated until the database answers. */
async function releaseSoon(deps: Deps, id: string): Promise<void> {
  try {
    await release(deps, id)
  } catch (error) {
    if (!isOutage(error)) throw error
    untilAnswered(deps, () => release(deps, id), { signal: deps.halted }).then(
      () => deps.events.emit('queued', undefined),
      (error: unknown) => deps.log('warn', 'an atomic request could not be released; the sweep will', { id, error }),
    )
  }
}

async function release(deps: Deps, id: string): Promise<void> {
  await deps.store.atomicRequests.release(id)
  await deps.store.atomicRequests.forget(id)
}

function announce(deps: Deps, items: readonly PlacedJob[]): void {
  const later = items.filter(({ job }) => job.state === 'scheduled').map(({ job }) => job.runAt.getTime())
  if (later.length < items.length) deps.events.emit('queued', undefined)
  if (later.length > 0) deps.events.emit('scheduled', new Date(later.reduce((a, b) => Math.min(a, b))))
  for (const { job } of items) deps.metrics.enqueued(job.worker)
}

/** No request takes so long to be written. */
const abandonedMs = 60_000
/** No write of a coordinator that was halted arrives later than this after its request was undone. */
const rememberMs = 10 * 60_000
const sweepPageSize = 1_000

/** The safety net: requests whose coordinator died are finished, or undone where nothing was decided. */
export async function sweepAtomicRequests(deps: Deps): Promise<void> {
  const now = deps.clock.now()
  const before = new Date(now.getTime() - abandonedMs)
  for (const { _id: id, state, since } of await deps.store.atomicRequests.abandoned(before, sweepPageSize)) {
    if (state === 'committed') {
      await release(deps, id)
      deps.events.emit('queued', undefined)
      continue
    }
    if (state === 'writing' && !(await deps.store.atomicRequests.decide(id, 'undone', now))) continue
    const deleted = await deps.store.atomicRequests.undo(id)
    if (deleted > 0)
      deps.log('warn', 'jobs of an atomic request that was never finished are undone', { id, jobs: deleted })
    if (state === 'undone' && now.getTime() - since.getTime() > rememberMs) await deps.store.atomicRequests.forget(id)
  }
}
