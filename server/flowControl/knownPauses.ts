/**
 * The pauses, as one coordinator knows them. Each start of jobs asks for them, so it does not wait for the database:
 * they are read anew in the background, every half second while jobs start, and with each poll while anything is
 * paused; the first to ask after a quiet time waits. So a pause holds at once on the coordinator that took it, and
 * within three seconds on every other one.
 */
import type { PauseView } from '../../core/views/answers.gen.js'
import type { Deps, Pauses, KnownPauses } from '../deps.js'
import type { BreakerDocument, HeldBy, PauseDocument } from '../store/documents.js'
import type { PausableJob } from '../store/jobs/claim.js'

/** Older, and it is read anew. */
const freshMs = 500
/** Older, and the caller waits for the read. */
const staleMs = 2_500

export function createKnownPauses({ store, clock, events }: Pick<Deps, 'store' | 'clock' | 'events'>): KnownPauses {
  let known: { pauses: Pauses; ids: string[]; readAt: number; order: number } | undefined
  let reads = 0
  let reading: Promise<Pauses> | undefined

  const fresh = async (): Promise<Pauses> => {
    const order = ++reads
    // before the read: what it misses was written later than this
    const readAt = clock.now().getTime()
    const documents = await store.pauses.list()
    // a read that began earlier and ends later knows less
    if (known && known.order > order) return known.pauses
    const before = known?.ids ?? []
    known = { pauses: pausesOf(documents), ids: documents.map(({ _id }) => _id), readAt, order }
    if (before.some((id) => !known!.pauses.has(id))) events.emit('resumed', clock.now())
    for (const { broken } of known.pauses.broken) events.emit('broken', broken.until)
    return known.pauses
  }

  return {
    fresh,
    get any() {
      return known?.pauses.none === false
    },
    breaker: (worker) => (known?.pauses.none === false ? known.pauses.breaker(worker) : undefined),
    async current() {
      const ageMs = known ? clock.now().getTime() - known.readAt : Number.POSITIVE_INFINITY
      if (ageMs <= freshMs) return known!.pauses
      const read = (reading ??= fresh().finally(() => (reading = undefined)))
      if (ageMs > staleMs) return read
      // one that fails is made again by the next who asks
      read.catch(() => {})
      return known!.pauses
    },
  }
}

function pausesOf(documents: readonly PauseDocument[]): Pauses {
  const byId = new Map(documents.map((pause) => [pause._id, pause]))
  const broken = documents.filter(isBreaker)
  const byWorker = new Map(broken.map((breaker) => [breaker.worker, breaker]))
  return {
    all: byId.has(pauseId({})),
    none: byId.size === 0,
    has: (id) => byId.has(id),
    broken,
    breaker: (worker) => byWorker.get(worker),
    covering(job) {
      if (byId.size === 0) return undefined
      const { worker } = job
      const wide = byId.get(pauseId({})) ?? byId.get(pauseId({ worker }))
      if (wide) return wide
      const breaker = byWorker.get(worker)
      if (breaker && breaker.broken.probe !== job._id) return breaker
      for (const key of keysOf(job)) {
        const pause = byId.get(pauseId({ worker, key }))
        if (pause) return pause
      }
      return undefined
    },
  }
}

/** A job's throttle key, concurrency key and unique key. */
const keysOf = ({ worker, key, throttleKey, slotKey }: PausableJob): string[] =>
  [throttleKey, slotKey?.slice(worker.length + 1), key].filter((each) => each !== undefined)

export const pauseId = ({ worker, key }: { worker?: string | undefined; key?: string | undefined }): string =>
  worker === undefined ? 'all' : key === undefined ? `worker:${worker}` : `key:${worker}\n${key}`

export const breakerId = (worker: string): string => `breaker:${worker}`

export const isBreaker = (pause: PauseDocument): pause is BreakerDocument => pause.broken !== undefined

export const heldBy = (pauseId: string): HeldBy => `paused:${pauseId}`
export const pauseOfHeld = (held: HeldBy): string => held.slice('paused:'.length)

export const pauseView = ({ worker, key, by, at, reason, broken }: PauseDocument): PauseView => ({
  scope: worker === undefined ? 'all' : key === undefined ? 'worker' : 'key',
  ...(worker === undefined ? {} : { worker }),
  ...(key === undefined ? {} : { key }),
  by,
  at: at.toISOString(),
  ...(reason === undefined ? {} : { reason }),
  ...(broken === undefined ? {} : { until: broken.until.toISOString() }),
})
