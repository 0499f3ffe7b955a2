/** The routes that no procedure stands behind, each with the reason: for the description, and for those who look. */
import { z } from 'zod'
import { count, date } from '../../../core/answers/fields.js'
import { enqueued, jobEnd, jobState } from '../../../core/answers/jobs.js'
import { scheduled } from '../../../core/answers/schedules.js'
import type { ErrorCode } from '../../../core/errorCodes.js'
import { attemptResult } from '../../../core/requests/attemptResult.js'
import { childRequest } from '../../../core/requests/childRequest.js'
import { awaitReceiptQuery } from '../../../core/requests/completions.js'
import { progressRequest } from '../../../core/requests/progress.js'
import { postJobRequest } from '../../../core/requests/wire.js'
import type { Role } from '../../../core/roles.js'
import type { HttpRoute } from '../router/procedure.js'

export interface RouteByHand {
  http: HttpRoute
  /** Why no procedure is the row of it. */
  reason: string
  about: string
  /** Roles beside `operate`; the token of an attempt; every caller; or every caller, and it shows more with a key. */
  opens: readonly Role[] | 'token' | 'all' | 'more'
  query?: z.ZodObject
  body?: z.ZodType
  answers: Record<number, { about: string; schema?: z.ZodType; type?: string }>
  errors?: readonly ErrorCode[]
}

const ofAttempts = 'Functions call it with the token of one attempt, and have no API key.'
const ofProcess = 'It is about the process, for every caller, also while the database is away.'

export const recorded = z.strictObject({ recorded: z.literal(true), duplicate: z.literal(true).exactOptional() })
export const movedDeadline = z.strictObject({ deadline: date })
const ready = z.strictObject({ ok: z.literal(true), workers: count })
const alive = z.strictObject({ ok: z.literal(true) })

const taken = { about: 'Recorded; `duplicate: true` when it was before.', schema: recorded }
const toEnqueue = ['UNKNOWN_WORKER', 'INVALID_ARGS', 'INVALID_TIME', 'VERSION_AHEAD', 'KEY_TAKEN'] as const

export const routesByHand: readonly RouteByHand[] = [
  {
    http: 'POST /job',
    reason: 'Its name and form are fixed, and by its fields it answers for a job or for a schedule.',
    about: 'Enqueue a job, or with `cron` or `every` make a schedule',
    opens: ['enqueue'],
    body: postJobRequest,
    answers: {
      200: { about: 'The job that holds the key.', schema: enqueued },
      201: { about: 'The job, or the schedule, is stored.', schema: z.union([enqueued, scheduled]) },
    },
    errors: [...toEnqueue, 'WRONG_STATE', 'OVERLOADED'],
  },
  {
    http: 'GET /jobs/:id/receipt',
    reason: 'It answers with 200 or 202, by whether the job has ended.',
    about: 'How the job ended; held open until it has, or the time is over',
    opens: ['enqueue', 'observe'],
    query: awaitReceiptQuery,
    answers: {
      200: { about: 'The job is final. A job that was cancelled has no receipt here.', schema: jobEnd },
      202: { about: 'Not yet. Ask again.', schema: jobState },
    },
    errors: ['UNKNOWN_JOB', 'TOO_MANY_REQUESTS', 'OVERLOADED'],
  },
  {
    http: 'POST /job/:id/receipt',
    reason: ofAttempts,
    about: 'The receipt of one attempt, or that it snoozes',
    opens: 'token',
    body: attemptResult,
    answers: { 200: taken },
    errors: ['UNKNOWN_JOB', 'ATTEMPT_OVER', 'OVERLOADED'],
  },
  {
    http: 'POST /job/:id/progress',
    reason: ofAttempts,
    about: 'What an attempt tells while it runs: its progress, and the lines of its log',
    opens: 'token',
    body: progressRequest,
    answers: {
      200: { about: 'Kept with the job until the receipt comes. The deadline stays as it is.', schema: recorded },
    },
    errors: ['UNKNOWN_JOB', 'ATTEMPT_OVER'],
  },
  {
    http: 'POST /job/:id/enqueue',
    reason: ofAttempts,
    about: 'Enqueue a child job; the same `call` again answers with the job that it made',
    opens: 'token',
    body: childRequest,
    answers: {
      200: { about: 'The job was there before.', schema: enqueued },
      201: { about: 'The job is stored.', schema: enqueued },
    },
    errors: ['UNKNOWN_JOB', 'ATTEMPT_OVER', ...toEnqueue, 'OVERLOADED'],
  },
  {
    http: 'POST /job/:id/heartbeat',
    reason: ofAttempts,
    about: "Move the attempt's deadline",
    opens: 'token',
    answers: { 200: { about: 'The new deadline.', schema: movedDeadline } },
    errors: ['UNKNOWN_JOB', 'ATTEMPT_OVER'],
  },
  {
    http: 'POST /job/:id/ended',
    reason: ofAttempts,
    about:
      "Tell that a function works on the attempt no more, where its answer was not heard; frees the attempt's slot",
    opens: 'token',
    answers: { 200: { about: 'Its slot is free.', schema: recorded } },
    errors: ['UNKNOWN_JOB'],
  },
  {
    http: 'GET /healthz',
    reason: ofProcess,
    about: 'The process runs',
    opens: 'all',
    answers: { 200: { about: 'Yes.', schema: alive } },
  },
  {
    http: 'GET /readyz',
    reason: ofProcess,
    about: 'The coordinator has started and the database answers',
    opens: 'all',
    answers: { 200: { about: 'Yes.', schema: ready } },
    errors: ['UNAVAILABLE'],
  },
  {
    http: 'GET /openapi.json',
    reason: ofProcess,
    about: 'This description; with an API key also the args of the workers that the key may see',
    opens: 'more',
    answers: { 200: { about: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
    errors: ['UNAUTHORIZED', 'FORBIDDEN'],
  },
  {
    http: 'GET /metrics',
    reason: 'Its answer is text, in the form that Prometheus reads.',
    about: 'Prometheus metrics',
    opens: ['observe'],
    answers: { 200: { about: 'Text.', type: 'text/plain' } },
  },
]
