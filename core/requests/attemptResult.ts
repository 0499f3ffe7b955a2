/** The end of an attempt: with its receipt, or by a snooze, which is none. */
import { z } from 'zod'
import { progressFields } from './progress.js'
import { duration, receiptBody } from './wire.js'

/** The attempt asks to be run again later. It is not charged, and there is no receipt. */
const snoozeBody = z.strictObject({
  status: z.literal('snoozed'),
  /** How long the job is left alone. Under a second counts as one. */
  delay: duration,
  ...progressFields,
})
export type SnoozeBody = z.input<typeof snoozeBody>

/** A function's answer to a call, or its post to the attempt's receipt address. */
export const attemptResult = z.discriminatedUnion('status', [...receiptBody.options, snoozeBody])
export type ParsedAttemptResult = z.output<typeof attemptResult>

/** The answer to a call that carried several jobs. */
export const attemptResults = z.strictObject({ receipts: z.array(attemptResult) })
