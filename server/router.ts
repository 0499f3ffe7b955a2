/**
 * The tRPC router: small and fixed, with the worker's name as data, so that editors stay quick however many workers there are.
 * The typed client (client/) puts the types of `jobs/registry.gen.ts` around it.
 */
import { initTRPC, TRPCError } from '@trpc/server'
import superjson from 'superjson'
import { z } from 'zod'
import type { ErrandError } from '../core/errors.js'
import { enqueueManyRequest, enqueueRequest, listJobsRequest, scheduleRequest } from '../core/wire.js'
import type { Guard, Role } from './auth.js'
import type { Deps } from './deps.js'
import { enqueue, enqueueMany } from './enqueue.js'
import { cancelJob, getJob, listJobs, retryJob } from './operate.js'
import { listSchedules, putSchedule, removeSchedule } from './schedule.js'
import { longestWaitMs, type Waits } from './wait.js'
import { badRequest, toWireError } from './wireError.js'

export interface RouterContext {
  deps: Deps
  waits: Waits
  guard: Guard
  authorization: string | undefined
  /** Aborts when the caller has gone away. */
  signal: AbortSignal
}

const t = initTRPC.context<RouterContext>().create({
  transformer: superjson,
  errorFormatter: ({ shape, error, ctx }) => {
    const { body } = toWireError(ctx?.deps.log ?? (() => {}), knownError(error))
    return {
      ...shape,
      message: body.message,
      data: { code: shape.data.code, httpStatus: shape.data.httpStatus, errand: body },
    }
  },
})

/** Our own error inside tRPC's, or one in its place for what tRPC found out itself. */
function knownError(error: TRPCError): unknown {
  if (error.cause instanceof z.ZodError) return badRequest(error.cause)
  return error.cause ?? error
}

const trpcCodes = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
} as const

const procedureFor = (...allowed: Role[]) =>
  t.procedure.use(async ({ ctx, next }) => {
    try {
      ctx.guard.require(ctx.authorization, allowed)
    } catch (error) {
      throw asTrpcError(error)
    }
    const result = await next()
    if (!result.ok && result.error.code === 'INTERNAL_SERVER_ERROR' && result.error.cause)
      throw asTrpcError(result.error.cause)
    return result
  })

function asTrpcError(error: unknown): TRPCError {
  const status = (error as Partial<ErrandError>).status
  const code = trpcCodes[status as keyof typeof trpcCodes] ?? 'INTERNAL_SERVER_ERROR'
  return new TRPCError({ code, cause: error })
}

const toEnqueue = procedureFor('enqueue')
const toObserve = procedureFor('observe')
const toOperate = procedureFor('operate')
const toFollow = procedureFor('enqueue', 'observe')

const jobId = z.strictObject({ id: z.string().min(1).max(100) })

export const router = t.router({
  enqueue: toEnqueue.input(enqueueRequest).mutation(({ ctx, input }) => enqueue(ctx.deps, input)),
  enqueueMany: toEnqueue.input(enqueueManyRequest).mutation(({ ctx, input }) => enqueueMany(ctx.deps, input.jobs)),
  schedule: toEnqueue.input(scheduleRequest).mutation(({ ctx, input }) => putSchedule(ctx.deps, input)),
  jobs: t.router({
    get: toFollow.input(jobId).query(({ ctx, input }) => getJob(ctx.deps, input.id)),
    list: toObserve.input(listJobsRequest).query(({ ctx, input }) => listJobs(ctx.deps, input)),
    cancel: toOperate.input(jobId).mutation(({ ctx, input }) => cancelJob(ctx.deps, input.id)),
    retry: toOperate.input(jobId).mutation(({ ctx, input }) => retryJob(ctx.deps, input.id)),
    /** A long poll: the job once it is final, or as it is when the time is over. */
    wait: toFollow
      .input(jobId.extend({ timeoutMs: z.int().min(0).max(longestWaitMs).default(longestWaitMs) }))
      .query(({ ctx, input }) => ctx.waits.wait(input.id, input.timeoutMs, ctx.signal)),
  }),
  schedules: t.router({
    list: toObserve.query(({ ctx }) => listSchedules(ctx.deps)),
    remove: toOperate
      .input(z.strictObject({ id: z.string().min(1).max(200) }))
      .mutation(({ ctx, input }) => removeSchedule(ctx.deps, input.id)),
  }),
  workers: t.router({
    list: toObserve.query(({ ctx }) => ctx.deps.contracts.names),
  }),
})

export type Router = typeof router
