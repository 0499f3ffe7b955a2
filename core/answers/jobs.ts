/** Jobs and receipts, as callers are shown them. */
import { z } from 'zod'
import { finalStates } from '../states.js'
import type { ErrorView } from '../views/answers.gen.js'
import { count, date, flag, nextCursor, shownArgs, state, time, wireError, worker } from './fields.js'
import { pauseView } from './pauses.js'

/** Of an attempt: with the job while it runs, then in its receipt. */
const attemptProgress = {
  progress: z
    .strictObject({
      fraction: z.number().min(0).max(1),
      note: z.string().exactOptional(),
      at: time.describe('When the coordinator heard it.'),
    })
    .exactOptional()
    .describe('How far the attempt is, or was at its end. Absent where it told nothing.'),
}
const attemptLog = {
  log: z
    .array(
      z.strictObject({
        at: time.describe("By the function's clock."),
        message: z.string(),
        fields: z.record(z.string(), z.unknown()).exactOptional(),
      }),
    )
    .exactOptional()
    .describe('Lines of the log, oldest first; absent where nothing was logged.'),
  logDropped: count
    .exactOptional()
    .describe('How many older lines were dropped, because a log keeps 100 lines and 16 kB. Absent where none was.'),
}

/** What `run` threw, without all that is no text. */
export const errorView: z.ZodType<ErrorView> = z
  .strictObject({
    name: z.string(),
    message: z.string(),
    code: z.string().optional(),
    stack: z.string().optional().describe("Points into the worker's TypeScript source."),
    get cause() {
      return errorView.optional()
    },
  })
  .meta({ id: 'ErrorView' })

export const receiptView = z
  .strictObject({
    attempt: z.int().min(1).describe('Counts from 1.'),
    status: z.enum(['success', 'failure']),
    late: flag.exactOptional().describe('It came after its attempt had been cancelled, and changed nothing.'),
    result: z.unknown().exactOptional(),
    resultMeta: z.unknown().exactOptional().describe("superjson's meta for `result`."),
    resultHidden: flag
      .exactOptional()
      .describe('There is a result, and it is not for this API key; or it is not known what to redact of it.'),
    resultProblem: z
      .string()
      .exactOptional()
      .describe('Why the stored result cannot be shown to any caller, or not as `run` returned it.'),
    error: errorView
      .exactOptional()
      .describe('`code` is `TIMEOUT` where the attempt gave no receipt before its deadline.'),
    ...attemptProgress,
    ...attemptLog,
    startedAt: time,
    finishedAt: time,
  })
  .meta({ id: 'ReceiptView' })

const jobFields = {
  id: z.string(),
  worker,
  state,
  attempt: count.describe('The attempt that runs or ran last; 0 before the first.'),
  maxAttempts: z.int().min(1),
  snoozes: count.exactOptional().describe('How often the job snoozed; absent where it never did.'),
  priority: z.int().describe('Higher runs first.'),
  runAt: time.describe('Not before this moment.'),
  createdAt: time,
  finishedAt: time.exactOptional(),
  key: z.string().exactOptional().describe('Hidden with the args, and where their worker redacts any.'),
  scheduleId: z.string().exactOptional().describe('The schedule that made it.'),
  groupId: z.string().exactOptional().describe('The group it is a member of.'),
  callbackOfGroupId: z.string().exactOptional().describe('The group whose callback it is.'),
  replayOf: z.string().exactOptional().describe('The job that it was made from by a replay.'),
  paused: pauseView.exactOptional().describe('The pause that keeps a job that waits from starting.'),
  parent: z.string().exactOptional().describe('The job that enqueued this one while it ran.'),
  deployment: z
    .int()
    .min(1)
    .exactOptional()
    .describe('The deployment it was enqueued with; absent where none was live.'),
  pinned: flag.exactOptional().describe('It runs on the function of that one, as long as that lives.'),
  workerKnown: z
    .boolean()
    .describe("False while no deployed worker has the job's name; the job waits until it is back."),
  ...shownArgs,
  erased: flag.exactOptional().describe('Args, keys, receipts and log were deleted; `args` are null.'),
}

/** Progress and log are of the attempt that runs; those of attempts that are over stand with their receipts. */
export const jobView = z
  .strictObject({
    ...jobFields,
    ...attemptProgress,
    ...attemptLog,
    receipts: z.array(receiptView).describe('One for each attempt that is over, in their order.'),
  })
  .meta({ id: 'JobView' })

/** A job in a list: without its receipts and the lines of its log. */
export const jobRow = z.strictObject({ ...jobFields, ...attemptProgress }).meta({ id: 'JobRow' })

export const jobPage = z
  .strictObject({ jobs: z.array(jobRow).describe('Newest first.'), cursor: nextCursor })
  .meta({ id: 'JobPage' })

const enqueuedFields = {
  id: z.string(),
  state,
  runAt: date.describe('Not before this moment.'),
  existing: flag
    .exactOptional()
    .describe('The job was there before: it has the id, or holds the key, of the one that was asked for.'),
}

export const enqueued = z.strictObject(enqueuedFields).meta({ id: 'Enqueued' })

export const replayed = z.strictObject({ ...enqueuedFields, replayOf: z.string() }).meta({ id: 'Replayed' })

/** Of one item of many, in the order of the items. */
export const enqueueOutcome = z
  .union([
    z.strictObject({ ok: z.literal(true), ...enqueuedFields, runAt: time }),
    z.strictObject({ ok: z.literal(false), error: wireError }),
  ])
  .meta({ id: 'EnqueueOutcome' })

export const enqueuedMany = z.strictObject({ outcomes: z.array(enqueueOutcome) }).meta({ id: 'EnqueuedMany' })

/** A job that was acted upon. */
export const jobState = z.strictObject({ id: z.string(), state }).meta({ id: 'JobStateView' })

/** A job that is final. */
export const jobEnd = z
  .strictObject({
    id: z.string(),
    state: z.enum(finalStates),
    finishedAt: time,
    receipt: receiptView.exactOptional().describe('Of the last attempt. Absent where the job was cancelled.'),
  })
  .meta({ id: 'JobEnd' })

/** There is no such job, or no more. */
export const noJob = z.strictObject({ id: z.string(), state: z.null() }).meta({ id: 'NoJob' })

/** An event of the stream of ends. */
export const streamedEnd = z.union([jobEnd, noJob])

export const waitManyAnswer = z
  .strictObject({
    ended: z.array(streamedEnd),
    waiting: z.array(jobState).describe('The other jobs, as they are.'),
  })
  .meta({ id: 'WaitManyAnswer' })
