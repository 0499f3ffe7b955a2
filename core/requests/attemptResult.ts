/** How an attempt ends: with its receipt, or by a snooze, which is none. */
import { z } from 'zod'
import { reportFields } from './report.js'
import { duration, receiptBody } from './wire.js'

/** The attempt asks to be run again later. It is not charged, and there is no receipt. */
const snoozeBody = z.strictObject({
  status: z.literal('snoozed'),
  /** How long the job is left alone. Less than a second counts as one. */
  delay: duration,
  ...reportFields,
})
export type SnoozeBody = z.input<typeof snoozeBody>

/** What a function answers a call with, or posts to the attempt's receipt address. */
export const attemptEnd = z.discriminatedUnion('status', [...receiptBody.options, snoozeBody])
export type ParsedAttemptEnd = z.output<typeof attemptEnd>

/** The answer to a call that carried several jobs. */
export const attemptEnds = z.strictObject({ receipts: z.array(attemptEnd) })
