/**
 * Writes are guarded by the rule and the occurrence they follow from: of two coordinators that act on the same
 * occurrence, and of one that fires while another changes the rule, one write counts, and the other matches nothing.
 */
import type { Collection, Filter } from 'mongodb'
import { ruleFields } from '../../core/time/scheduleRule.js'
import type { ScheduleDocument } from './documents.js'
import { argsLeftOut, argsLength } from './projections.js'
import { inserts } from './duplicates.js'
import { readPage } from './page.js'

const definitionFields = ['worker', 'args', 'argsMeta', 'argsVersion', 'priority', 'source', ...ruleFields] as const

/** A schedule's definition, without its state. */
export type ScheduleDefinition = Pick<ScheduleDocument, (typeof definitionFields)[number]>

export const isSameDefinition = (a: ScheduleDefinition, b: ScheduleDefinition): boolean =>
  definitionFields.every((field) => a[field] === b[field])

export const definitionIn = (schedule: ScheduleDocument): ScheduleDefinition =>
  Object.fromEntries(
    definitionFields.flatMap((field) => (schedule[field] === undefined ? [] : [[field, schedule[field]]])),
  ) as unknown as ScheduleDefinition

/**
 * As it was read. One that was removed and made anew under the same id begins at revision 1 again; it was created
 * later.
 */
type Seen = Pick<ScheduleDocument, '_id' | 'createdAt' | 'revision' | 'nextRunAt'>

interface Advance {
  nextRunAt: Date | null
  lastRunAt?: Date
  waiting?: Date[]
}

const unchanged = ({ _id, createdAt, revision, nextRunAt }: Seen): Filter<ScheduleDocument> => ({
  _id,
  createdAt,
  revision,
  nextRunAt,
})

export type ListedSchedule = Omit<ScheduleDocument, 'args'> & Partial<Pick<ScheduleDocument, 'args'>>

const mostWithArgs = 10_000

export function schedulesStore(schedules: Collection<ScheduleDocument>) {
  return {
    find: (id: string): Promise<ScheduleDocument | null> => schedules.findOne({ _id: id }),

    /** All of them: with their args, unless told otherwise, as far as these fit on a page, and the others without. */
    async list(withoutArgs = false): Promise<ListedSchedule[]> {
      const first = withoutArgs
        ? { items: [], more: true }
        : await readPage(schedules.find().sort({ _id: 1 }), mostWithArgs, argsLength)
      if (!first.more) return first.items
      const last = first.items.at(-1)
      const others = schedules.find<ListedSchedule>(last ? { _id: { $gt: last._id } } : {}, { projection: argsLeftOut })
      return [...first.items, ...(await others.sort({ _id: 1 }).toArray())]
    },

    /** Answers false where there is one of that id already. */
    insert: (schedule: ScheduleDocument): Promise<boolean> => inserts(schedules.insertOne(schedule)),

    /**
     * Gives a schedule that is as it was seen another definition and next occurrence. Answers false where it is not.
     */
    async redefine(seen: Seen, definition: ScheduleDefinition, nextRunAt: Date | null): Promise<boolean> {
      const fields = definitionFields.map((field) => [field, definition[field]] as const)
      const { matchedCount } = await schedules.updateOne(unchanged(seen), {
        $set: { ...Object.fromEntries(fields.filter(([, value]) => value !== undefined)), nextRunAt },
        $unset: Object.fromEntries(fields.flatMap(([field, value]) => (value === undefined ? [[field, '']] : []))),
        $inc: { revision: 1 },
      })
      return matchedCount === 1
    },

    /** Pauses a schedule that is as it was seen, or with `undefined` resumes it. Answers false where it is not. */
    async setPaused(seen: Seen, pausedAt: Date | undefined, nextRunAt: Date | null): Promise<boolean> {
      const { matchedCount } = await schedules.updateOne(unchanged(seen), {
        ...(pausedAt ? { $set: { pausedAt, nextRunAt } } : { $set: { nextRunAt }, $unset: { pausedAt: '' } }),
        $inc: { revision: 1 },
      })
      return matchedCount === 1
    },

    /** Removes the one of that id, with any rule, unless it was made in code. */
    async remove(id: string): Promise<void> {
      await schedules.deleteOne({ _id: id, source: 'api' })
    },

    fromCode: (): Promise<ScheduleDocument[]> => schedules.find({ source: 'code' }).toArray(),

    /** Removes one that has the rule with which it was seen; its occurrences may have gone on. */
    async removeAsSeen({ _id, createdAt, revision }: ScheduleDocument): Promise<void> {
      await schedules.deleteOne({ _id, createdAt, revision })
    },

    due: (now: Date, limit: number): Promise<ScheduleDocument[]> =>
      schedules
        .find({ nextRunAt: { $lte: now, $ne: null } })
        .sort({ nextRunAt: 1 })
        .limit(limit)
        .toArray(),

    /** When the next occurrence of any schedule is due. */
    async nextRunAt(): Promise<Date | undefined> {
      const next = await schedules
        .find({ nextRunAt: { $ne: null } }, { projection: { nextRunAt: 1 } })
        .sort({ nextRunAt: 1 })
        .limit(1)
        .next()
      return next?.nextRunAt ?? undefined
    },

    /** Moves a schedule on, if it is as it was seen. Occurrences that are to wait go to the end of those that do. */
    async advance(seen: Seen, change: Advance): Promise<void> {
      const { waiting = [], ...set } = change
      await schedules.updateOne(unchanged(seen), {
        $set: set,
        ...(waiting.length === 0 ? {} : { $push: { waiting: { $each: waiting } } }),
      })
    },

    /** Those that have occurrences waiting for the end of a job, and are not paused. */
    withWaiting: (): Promise<ScheduleDocument[]> =>
      schedules.find({ waiting: { $exists: true }, pausedAt: { $exists: false } }, { hint: 'waiting' }).toArray(),

    /** Takes the first of the waiting occurrences, if it still is. Answers whether it was. */
    async takeWaiting({ _id, createdAt }: ScheduleDocument, at: Date, made: boolean): Promise<boolean> {
      const rest = { $slice: ['$waiting', 1, { $size: '$waiting' }] }
      const { matchedCount } = await schedules.updateOne({ _id, createdAt, 'waiting.0': at }, [
        {
          $set: {
            waiting: { $cond: [{ $gt: [{ $size: '$waiting' }, 1] }, rest, '$$REMOVE'] },
            ...(made ? { lastRunAt: at } : {}),
          },
        },
      ])
      return matchedCount === 1
    },
  }
}

export type SchedulesStore = ReturnType<typeof schedulesStore>
