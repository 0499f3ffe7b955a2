/** Deployed workers, as callers are shown them. */
import { z } from 'zod'
import { onConflicts } from '../job/uniqueOptions.js'
import { count, durationText, flag } from './fields.js'
import { pauseView } from './pauses.js'

const ms = z.number().min(0)
const rate = { intervalMs: ms.describe('One start in so many milliseconds.'), burst: count }
const keyed = z.boolean().describe('Whether each key has its own; else all jobs share one.')

/** As deployed, with defaults filled in. */
export const workerPolicies = z
  .strictObject({
    maxAttempts: z.int().min(1),
    backoff: z
      .union([z.literal('function'), z.array(durationText), z.record(z.string(), z.unknown())])
      .describe('The policy, the list of waits, or `function` where it is one.'),
    retryBudget: z.strictObject(rate).exactOptional().describe('Of attempts beyond the first.'),
    timeoutMs: ms,
    maxRuntimeMs: ms.describe('Of an attempt, heartbeats and all.'),
    throttle: z.strictObject({ ...rate, keyed }).exactOptional(),
    concurrency: z.strictObject({ limit: count, keyed }).exactOptional(),
    unique: z
      .strictObject({
        until: z.union([z.enum(['started', 'finished']), ms]).describe('A number is milliseconds from the enqueue.'),
        onConflict: z.enum(onConflicts),
        maxWaitMs: ms,
      })
      .exactOptional(),
    priority: z.int(),
    schedule: z.record(z.string(), z.unknown()).exactOptional().describe('The rule that it was given in code.'),
    keepMs: z
      .strictObject({ succeeded: ms, failed: ms, cancelled: ms })
      .describe('How long a job is kept once it is final.'),
    maxArgsBytes: count.exactOptional(),
    maxResultBytes: count.exactOptional(),
    jobsPerCall: z.int().min(1).describe('How many jobs one call may carry.'),
    receipt: z.enum(['answered', 'posted']),
    redact: z.array(z.string()).exactOptional().describe('Paths into args and results that are not shown.'),
    pinned: flag.exactOptional().describe('A job runs on the deployment it was enqueued with, as long as that lives.'),
  })
  .meta({ id: 'WorkerPolicies' })

const workerFields = {
  name: z.string(),
  version: z.int().min(1).describe('Of its args.'),
  deployment: z.int().min(1).exactOptional().describe('The one that is live; absent where none is.'),
  address: z.string().exactOptional().describe('Where its function is called; absent where no address is known.'),
  counts: z
    .strictObject({ scheduled: count, queued: count, blocked: count, running: count })
    .describe('Its jobs that are not final.'),
  paused: pauseView.exactOptional().describe('The pause that keeps its jobs from starting.'),
  problem: z.string().exactOptional().describe('Why its contract cannot be loaded; then it has no policies.'),
  policies: workerPolicies.exactOptional(),
}

export const workerView = z.strictObject(workerFields).meta({ id: 'WorkerView' })

export const workerList = z
  .strictObject({ workers: z.array(workerView).describe('In the order of the alphabet.') })
  .meta({ id: 'WorkerList' })

const jsonSchema = z.record(z.string(), z.unknown())

export const workerDetails = z
  .strictObject({
    ...workerFields,
    args: jsonSchema.exactOptional().describe('JSON Schema. What JSON cannot say takes any value in it.'),
    result: jsonSchema.exactOptional().describe('JSON Schema, where the worker has a `result` schema.'),
    example: z
      .unknown()
      .exactOptional()
      .describe('Args that the schema takes; absent where none could be made from the schema alone.'),
  })
  .meta({ id: 'WorkerDetails' })
