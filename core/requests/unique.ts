/** Unique over the wire: the `unique` of a request to enqueue. */
import { z } from 'zod'
import { durationProblem, parseDuration, type Duration } from '../time/duration.js'
import { onConflicts } from '../job/uniqueOptions.js'

export const uniqueKey = z.string().min(1).max(512)

const span = z.custom<Duration>((value) => (parseDuration(value) ?? 0) > 0, {
  error: ({ input }) => (parseDuration(input) === 0 ? 'must be longer than nothing' : durationProblem(input)),
})

/** A field that is left out is as the worker's `unique` says, or else has its default (core/job/uniqueOptions). */
export const uniqueRequest = z.strictObject({
  key: uniqueKey.optional(),
  until: z
    .union([z.enum(['started', 'finished']), span], {
      error: "must be 'started', 'finished' or a duration such as '10m'",
    })
    .optional(),
  onConflict: z.enum(onConflicts).optional(),
  maxWait: span.optional(),
})
export type ParsedUniqueRequest = z.output<typeof uniqueRequest>
