/** Pauses, as callers are shown them. */
import { z } from 'zod'
import { count, flag, time } from './fields.js'

const pauseFields = {
  scope: z.enum(['all', 'worker', 'key']),
  worker: z.string().exactOptional(),
  key: z.string().exactOptional(),
  keyHidden: flag
    .exactOptional()
    .describe(
      'There is a key, and it is not for this API key, which may not see args; nor is it where the worker redacts any.',
    ),
  by: z
    .string()
    .describe(
      'The name of the API key that paused it; `circuit breaker` where Errand did, because the function fails.',
    ),
  at: time,
  reason: z.string().exactOptional(),
  until: time
    .exactOptional()
    .describe(
      "Of a circuit breaker's: one job is tried then, and the others follow when the function answers. Absent where an operator has to resume it.",
    ),
}

export const pauseView = z.strictObject(pauseFields).meta({ id: 'PauseView' })

export const listedPause = z
  .strictObject({
    ...pauseFields,
    waiting: count
      .exactOptional()
      .describe(
        'How many jobs it keeps from starting that would be claimed otherwise; 10,000 stands for as many or more. Of everything this is not counted.',
      ),
  })
  .meta({ id: 'ListedPause' })

export const pauseList = z.strictObject({ pauses: z.array(listedPause).describe('Oldest first.') })

/** A pause that has ended. */
export const resumed = z
  .strictObject({
    ...pauseFields,
    released: count.describe(
      'How many waiting jobs may start at once. Where very many wait, the rest follow by themselves.',
    ),
  })
  .meta({ id: 'Resumed' })
