/** The request of a tick. */
import { z } from 'zod'
import { duration } from './wire.js'

export const tickRequest = z.strictObject({
  /** How long it may take. Default 50 seconds; cut to what the coordinator was given, and to 15 minutes. */
  budget: duration.optional(),
})

export type TickRequest = z.input<typeof tickRequest>
