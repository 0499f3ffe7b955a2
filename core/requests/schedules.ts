/**
 * Schedules over the wire: their requests, and what is shown of them. The fields' meanings stand in
 * core/job/scheduleOptions.
 */
import { z } from 'zod'
import { mostPreviewed } from '../views/schedulePreview.js'
import { dstGapPolicies, missedPolicies, dstOverlapPolicies, overlapPolicies } from '../job/schedulePolicies.js'
import { duration, excludeEachOther, moment, plainObject, priority, workerName } from './wire.js'

const scheduleIdText = z.string().regex(/^[A-Za-z0-9_.:-]{1,200}$/, 'takes letters, digits and _ . : - only')

const timing = {
  cron: z.string().max(200).optional(),
  every: duration.optional(),
  timezone: z.string().max(64).optional(),
  dstGap: z.enum(dstGapPolicies).optional(),
  dstOverlap: z.enum(dstOverlapPolicies).optional(),
  spread: duration.optional(),
}

const notBoth = (body: { cron?: unknown; every?: unknown }) => body.cron === undefined || body.every === undefined
const needsOne = { message: 'A schedule needs cron, such as "0 9 * * *", or every, such as "10m"', path: ['cron'] }

export const scheduleRequest = z
  .strictObject({
    /** Names the schedule; the same id again replaces it. Default: one is made. */
    id: scheduleIdText.optional(),
    worker: workerName,
    args: plainObject.default({}),
    argsMeta: z.unknown().optional(),
    priority: priority.optional(),
    ...timing,
    missed: z.enum(missedPolicies).optional(),
    overlap: z.enum(overlapPolicies).optional(),
  })
  .refine(notBoth, excludeEachOther('cron', 'every'))
  .refine((body) => body.cron !== undefined || body.every !== undefined, needsOne)
export type ScheduleRequest = z.input<typeof scheduleRequest>
export type ParsedScheduleRequest = z.output<typeof scheduleRequest>

const change = {
  args: plainObject.optional(),
  argsMeta: z.unknown().optional(),
  priority: priority.nullish(),
  /** Takes the place of `every`, and the other way round. */
  cron: timing.cron,
  every: timing.every,
  timezone: timing.timezone.nullable(),
  dstGap: timing.dstGap.nullable(),
  dstOverlap: timing.dstOverlap.nullable(),
  spread: timing.spread.nullable(),
  missed: z.enum(missedPolicies).nullish(),
  overlap: z.enum(overlapPolicies).nullish(),
}

const changesSomething = (body: object) =>
  Object.entries(body).some(([field, value]) => field !== 'id' && field !== 'argsMeta' && value !== undefined)
const needsChange = { message: 'An update needs at least one field, such as cron or args', path: [] }

/** A field that is left out stays; `null` takes a field back to its default. */
export const updateScheduleRequest = z
  .strictObject({ id: z.string().min(1).max(512), ...change })
  .refine(notBoth, excludeEachOther('cron', 'every'))
  .refine(changesSomething, needsChange)

export type ScheduleChange = Omit<z.input<typeof updateScheduleRequest>, 'id'>
export type ParsedScheduleChange = Omit<z.output<typeof updateScheduleRequest>, 'id'>

export const previewRequest = z
  .strictObject({
    /** A stored schedule; or beside `cron` or `every` the id that `spread` is made of. */
    id: scheduleIdText.optional(),
    ...timing,
    /** ISO 8601, or a local time in `timezone`. An occurrence at this moment is shown. Default: now. */
    from: moment.optional(),
    count: z.int().min(1).max(mostPreviewed).default(10),
  })
  .refine(notBoth, excludeEachOther('cron', 'every'))
  .refine((body) => body.cron !== undefined || body.every !== undefined || body.id !== undefined, {
    message: 'A preview needs cron, every, or the id of a schedule',
    path: ['cron'],
  })
  .refine((body) => body.spread === undefined || body.id !== undefined, {
    message: 'spread is made of the id of the schedule. Give the id it shall have',
    path: ['id'],
  })
export type ParsedPreviewRequest = z.output<typeof previewRequest>
