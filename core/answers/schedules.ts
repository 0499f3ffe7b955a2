/** Schedules, as callers are shown them. The rule's fields are those of core/job/scheduleOptions. */
import { z } from 'zod'
import { dstGapPolicies, dstOverlapPolicies, missedPolicies, overlapPolicies } from '../job/schedulePolicies.js'
import { count, date, durationText, shownArgs, time, worker } from './fields.js'

const timing = {
  cron: z.string().exactOptional(),
  every: durationText.exactOptional(),
  timezone: z.string(),
  dstGap: z.enum(dstGapPolicies),
  dstOverlap: z.enum(dstOverlapPolicies),
  spread: durationText.exactOptional(),
}

/** With the defaults of its rule. One of `cron` and `every` is there. */
export const scheduleView = z
  .strictObject({
    id: z.string(),
    worker,
    ...timing,
    missed: z.enum(missedPolicies),
    overlap: z.enum(overlapPolicies),
    ...shownArgs,
    priority: z.int().exactOptional().describe("Absent where it is the worker's."),
    nextRunAt: time.nullable().describe('Null where the rule has no occurrence any more, and while it is paused.'),
    pausedAt: time.exactOptional().describe('Only while it is paused.'),
    lastRunAt: time.nullable().describe('The last occurrence that made a job.'),
    waiting: count.describe("With `overlap: 'queue'`: how many occurrences wait for the end of a job."),
    source: z.enum(['code', 'api']).describe("`code`: from a worker's `schedule` option. `api`: made at run time."),
    createdAt: time,
  })
  .meta({ id: 'ScheduleView' })

export const scheduleList = z.strictObject({ schedules: z.array(scheduleView) }).meta({ id: 'ScheduleList' })

export const scheduled = z
  .strictObject({
    scheduleId: z.string(),
    nextRunAt: date.nullable().describe('Null where the rule has no occurrence any more, and while it is paused.'),
  })
  .meta({ id: 'Scheduled' })

export const removed = z.strictObject({ id: z.string(), removed: z.literal(true) })

/** The rule with its defaults, and when it fires. */
export const schedulePreview = z
  .strictObject({
    ...timing,
    occurrences: z.array(
      z.strictObject({
        at: time,
        local: z.string().describe("ISO 8601 in the schedule's time zone, with its offset then."),
      }),
    ),
  })
  .meta({ id: 'SchedulePreview' })
