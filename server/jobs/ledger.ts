/**
 * The ledger: an attempt's receipt is written first, and its job is moved by it afterwards. The receipt is what counts,
 * one for each attempt, by the unique index on its id; a crash in between leaves receipts whose moves the reaper
 * finishes, and never a job that has moved without one.
 *
 * Receipts, moves, new jobs and slots that fall free are gathered, so that many share a write. Where the database
 * refuses a write because of one item, the others are written without it; where it is away, moves and slots are
 * repeated until it answers.
 */
import type { Clock } from '../../core/time/clock.js'
import type { EnterOutcome, Writes } from '../deps.js'
import { gatherWrites } from '../gatherWrites.js'
import type { AttemptResultDocument, JobDocument } from '../store/documents.js'
import type { Store } from '../store/index.js'
import type { Transition } from '../store/jobs/attempt.js'
import { writeFailure } from '../store/writeFailure.js'

/**
 * The most that one write carries. Large items share it with fewer, so that none waits for more than a moment of the
 * line to the database.
 */
const oneWrite = { maxItems: 1_000, maxBytes: 8 * 1024 * 1024 }

const jobSize = ({ args, argsMeta }: JobDocument): number => args.length + (argsMeta?.length ?? 0)

const receiptSize = (receipt: AttemptResultDocument): number =>
  receipt.status === 'success' ? (receipt.result?.length ?? 0) + (receipt.resultMeta?.length ?? 0) : 0

interface GatheredSteps {
  /** Repeats a write until the database answers. */
  again: (write: () => Promise<void>) => Promise<void>
  isAway: () => boolean
  insertJobs: (jobs: JobDocument[]) => Promise<EnterOutcome[]>
  slotsFreed: (slotKeys: string[]) => Promise<void>
}

/** The writes that this coordinator gathers. */
export function gatheredWrites(
  store: Store,
  clock: Clock,
  { again, isAway, insertJobs, slotsFreed }: GatheredSteps,
): Writes {
  const apply = async (transitions: Transition[]): Promise<void> => {
    if (transitions.length === 0) return
    // by the claim that each move names it is made once, however often it is asked for
    const now = clock.now()
    await again(() => store.jobs.apply(transitions, now))
  }
  const isWorthHalving = async (error: unknown) => !isAway() && (await mayBeOneItem(store, error))
  const insert = () => gatherWrites({ write: insertJobs, ...oneWrite, sizeOf: jobSize, isWorthHalving })
  const inserts = { single: insert(), bulk: insert() }
  return {
    insertJob: (job, lane = 'single') => inserts[lane](job),
    // the ledger first: a crash in between leaves receipts whose moves the reaper finishes
    settle: gatherWrites({
      write: async (settlements) => {
        const first = await store.receipts.insertMany(settlements.map(({ receipt }) => receipt))
        await apply(settlements.filter((_, index) => first[index]).map(({ transition }) => transition))
        return first
      },
      ...oneWrite,
      sizeOf: ({ receipt }) => receiptSize(receipt),
      isWorthHalving,
    }),
    applyTransition: gatherWrites({
      write: async (transitions) => {
        await apply(transitions)
        return transitions.map(() => {})
      },
      ...oneWrite,
      isWorthHalving,
    }),
    freeSlot: gatherWrites({
      write: async (runs) => {
        await again(() => store.slots.free(runs))
        await again(() => slotsFreed(runs.map(({ slotKey }) => slotKey)))
        return runs.map(() => {})
      },
      ...oneWrite,
      isWorthHalving,
    }),
  }
}

/**
 * Whether a write of several failed by one of them, and not because the database is away: then halves of it would fail
 * just so.
 */
async function mayBeOneItem(store: Store, error: unknown): Promise<boolean> {
  const failure = writeFailure(error)
  if (failure !== 'unclear') return failure === 'item'
  return store.ping().then(
    () => true,
    () => false,
  )
}
