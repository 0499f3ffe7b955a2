import type { Collection } from 'mongodb'
import type { ScheduleDocument } from './documents.js'

export type ScheduleRule = Pick<
  ScheduleDocument,
  'worker' | 'args' | 'argsMeta' | 'argsVersion' | 'cron' | 'timezone' | 'priority' | 'source'
>

export function schedulesStore(schedules: Collection<ScheduleDocument>) {
  return {
    find: (id: string): Promise<ScheduleDocument | null> => schedules.findOne({ _id: id }),

    list: (): Promise<ScheduleDocument[]> => schedules.find().sort({ _id: 1 }).toArray(),

    /** Creates a schedule, or gives an existing one a new rule. A rule that stays as it is keeps its next tick. */
    async put(id: string, rule: ScheduleRule, nextRunAt: Date | null, now: Date): Promise<void> {
      const existing = await schedules.findOne({ _id: id })
      if (existing && isSameRule(existing, rule)) return
      await schedules.updateOne(
        { _id: id },
        {
          $set: { ...rule, nextRunAt },
          ...unsetAbsent(rule),
          $setOnInsert: { lastRunAt: null, createdAt: now },
        },
        { upsert: true },
      )
    },

    async remove(id: string): Promise<boolean> {
      const { deletedCount } = await schedules.deleteOne({ _id: id })
      return deletedCount === 1
    },

    /** Removes schedules that were made in code and are there no more. */
    async removeFromCodeExcept(ids: string[]): Promise<void> {
      await schedules.deleteMany({ source: 'code', _id: { $nin: ids } })
    },

    due: (now: Date, limit: number): Promise<ScheduleDocument[]> =>
      schedules
        .find({ nextRunAt: { $lte: now, $ne: null } })
        .sort({ nextRunAt: 1 })
        .limit(limit)
        .toArray(),

    /** When the next tick of any schedule is due. */
    async nextRunAt(): Promise<Date | undefined> {
      const next = await schedules
        .find({ nextRunAt: { $ne: null } }, { projection: { nextRunAt: 1 } })
        .sort({ nextRunAt: 1 })
        .limit(1)
        .next()
      return next?.nextRunAt ?? undefined
    },

    /** Moves a schedule on after its tick's job was made; only from the tick that was seen. */
    async advance(id: string, from: Date, tick: Date, nextRunAt: Date | null): Promise<void> {
      await schedules.updateOne({ _id: id, nextRunAt: from }, { $set: { nextRunAt, lastRunAt: tick } })
    },
  }
}

/** What the rule before had and this one has not. */
function unsetAbsent(rule: ScheduleRule): { $unset?: Record<string, ''> } {
  const absent = (['argsMeta', 'argsVersion', 'priority'] as const).filter((field) => rule[field] === undefined)
  return absent.length === 0 ? {} : { $unset: Object.fromEntries(absent.map((field) => [field, ''])) }
}

const isSameRule = (a: ScheduleRule, b: ScheduleRule): boolean =>
  (['worker', 'args', 'argsMeta', 'argsVersion', 'cron', 'timezone', 'priority', 'source'] as const).every(
    (field) => a[field] === b[field],
  )

export type SchedulesStore = ReturnType<typeof schedulesStore>
