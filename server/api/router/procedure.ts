/** A procedure of the router: its context, its roles, and its errors as ours. */
import { initTRPC, TRPCError, type TRPC_ERROR_CODE_KEY } from '@trpc/server'
import type { z } from 'zod'
import { errorCodes, type ErrorCode } from '../../../core/errorCodes.js'
import { ErrandError } from '../../../core/errors.js'
import { transformer } from '../../../core/payload/transformer.js'
import type { Role } from '../../../core/roles.js'
import { codeOf, operateAudited } from '../../access/audit.js'
import type { Actor, Guard, Identity } from '../../access/auth.js'
import type { BatchAnswers } from '../batchAnswers.js'
import type { Deps, WriteLane } from '../../deps.js'
import type { GroupWaits } from '../../groups/wait.js'
import type { RequestIntake } from '../requestIntake.js'
import type { RunOnce } from '../../running/runOnce.js'
import { isOutage } from '../../store/outage.js'
import type { Waits } from '../../operations/wait.js'
import { parse } from '../../jobs/judge.js'
import { toWireError } from '../../wireError.js'

export interface RouterContext {
  deps: Deps
  runOnce: RunOnce
  waits: Waits
  groupWaits: GroupWaits
  guard: Guard
  identity: Identity
  intake: RequestIntake
  /** Of the queries in the request. */
  answers: BatchAnswers
  /** Aborts when the caller has gone away. */
  signal: AbortSignal
}

const t = initTRPC
  .context<RouterContext>()
  // in parts, because a procedure is made with its roles and may name a limit later
  .meta<Partial<ProcedureMeta>>()
  .create({
    transformer,
    // what is in between must neither take a quiet stream for a dead one nor be given one without an end
    sse: { ping: { enabled: true, intervalMs: 15_000 }, maxDurationMs: 60_000 },
    errorFormatter: ({ shape, error, path, ctx }) => {
      const { body } = toWireError(ctx?.deps.log ?? (() => {}), knownError(error, path))
      return {
        ...shape,
        message: body.message,
        data: { code: shape.data.code, httpStatus: shape.data.httpStatus, errand: body },
      }
    },
  })

/**
 * Our own error inside tRPC's, or one in its place for what tRPC found out itself; what neither is is a fault of ours.
 */
const knownError = (error: TRPCError, path?: string): unknown => errorOf(error, path) ?? error.cause ?? error

export function errorOf(error: TRPCError, path = ''): ErrandError | undefined {
  const { cause } = error
  if (cause instanceof ErrandError) return cause
  const own = ownErrors[error.code]
  return own && new ErrandError(own.code, own.message(path.slice(0, 100)), { cause: error })
}

/** Errors of a request before a procedure runs. tRPC's own message may repeat the input, so it is said anew. */
const ownErrors: Partial<Record<TRPC_ERROR_CODE_KEY, { code: ErrorCode; message: (path: string) => string }>> = {
  NOT_FOUND: { code: 'UNKNOWN_ROUTE', message: (path) => `There is no procedure "${path}".` },
  METHOD_NOT_SUPPORTED: {
    code: 'METHOD_NOT_ALLOWED',
    message: (path) => `"${path}" is not called by this method. Queries take GET and POST, mutations POST.`,
  },
  UNSUPPORTED_MEDIA_TYPE: {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message: () => 'The input must be JSON. Send it with `Content-Type: application/json`.',
  },
  BAD_REQUEST: {
    code: 'BAD_REQUEST',
    message: () =>
      'The request cannot be read. The input is JSON as superjson writes it, and a batch has at most 100 calls, all of one kind.',
  },
  PARSE_ERROR: { code: 'BAD_REQUEST', message: () => 'The input is malformed JSON.' },
}

const trpcCodes = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_SUPPORTED',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'TOO_MANY_REQUESTS',
  503: 'SERVICE_UNAVAILABLE',
} as const

/** A REST route: fields of the input that stand in the path are `:name`. */
export type HttpRoute = `${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`

/** Of every procedure. */
export interface ProcedureMeta {
  /** Beside `operate`, which may do everything. */
  roles: readonly Role[]
  /** The largest input, in bytes, or that of requests with jobs. Default: see server/api/inputLimit. */
  maxBytes?: number | 'jobs'
  /** Its REST route. Absent where it has none, or one that is by hand (server/api/rest/byHand). */
  http?: HttpRoute
  /** What it does, in the words of the API's description. */
  about?: string
  /** By REST: it makes something, and is answered with 201; or with 200 where the answer says `existing`. Default: 200. */
  creates?: true | 'unlessExisting'
  /** The codes of its errors, beside those that any procedure may have. */
  errors?: readonly ErrorCode[]
}

/** Of procedures whose input holds args. */
export const carriesJobs = { maxBytes: 'jobs' } as const

/** Behind it `ctx.actor` is the caller in the role that the procedure asks for. */
const procedureFor = (...roles: Role[]) =>
  t.procedure.meta({ roles }).use(({ ctx, type, next }) =>
    withOurErrors(async () => {
      const act = () => next({ ctx: { ...ctx, actor: ctx.guard.require(ctx.identity, roles) } })
      return type === 'query' ? ctx.answers.inTurn(act) : act()
    }),
  )

/**
 * For requests that bring jobs: between role and input each takes a place in the intake, which `ctx.place` counts them
 * for. By default the lane follows from the size of the body.
 */
const enqueueing = (lane?: WriteLane) => {
  const roles = ['enqueue'] as const
  return t.procedure.meta({ roles, ...carriesJobs }).use(({ ctx, next }) =>
    withOurErrors(async () => {
      const actor = ctx.guard.require(ctx.identity, roles)
      using place = ctx.intake.enter(lane)
      return await next({ ctx: { ...ctx, actor, place } })
    }),
  )
}

/** For operators, and those roles. Each mutation leaves an entry in the audit, under its own name. */
const auditedProcedureFor = (...roles: Role[]) =>
  t.procedure.meta({ roles }).use(({ ctx, path, type, getRawInput, next }) =>
    withOurErrors(async () => {
      const { deps, guard, identity } = ctx
      const act = (actor: Actor) => next({ ctx: { ...ctx, actor } })
      if (type !== 'mutation') return ctx.answers.inTurn(() => act(guard.require(identity, roles)))
      // the parser tells what is wrong with an input that cannot be read
      const input = () => getRawInput().catch(() => undefined)
      return operateAudited(deps, guard, identity, { action: path, input, roles }, act, (answer) =>
        answer.ok ? 'ok' : codeOf(knownError(answer.error)),
      )
    }),
  )

type Answer = { ok: boolean; error?: TRPCError }

/** tRPC takes an error that it does not know for its own fault. */
async function withOurErrors<Result extends Answer>(act: () => Promise<Result>): Promise<Result> {
  let result: Result
  try {
    result = await act()
  } catch (error) {
    throw asTrpcError(error)
  }
  if (!result.ok && result.error?.code === 'INTERNAL_SERVER_ERROR' && result.error.cause) {
    throw asTrpcError(result.error.cause)
  }
  return result
}

export function asTrpcError(error: unknown): TRPCError {
  const status = error instanceof ErrandError ? errorCodes[error.code] : isOutage(error) ? 503 : 500
  const code = trpcCodes[status as keyof typeof trpcCodes] ?? 'INTERNAL_SERVER_ERROR'
  return new TRPCError({ code, cause: error })
}

/** The part of a procedure's builder that stands between here and its input. */
interface Builder {
  meta: (meta: Partial<ProcedureMeta>) => Builder
  input: (schema: z.ZodType) => unknown
}

/**
 * Inputs are read as those of the other door are (server/jobs/judge), where tRPC would have an issue made of each wrong
 * value.
 */
function readingInputs<Of extends Builder>(builder: Of): Of {
  const input = (schema: z.ZodType) => {
    const read = { value: (given: unknown) => parse(schema, given) }
    return builder.input(
      Object.create(schema, { parse: read, parseAsync: read, schema: { value: schema } }) as z.ZodType,
    )
  }
  return { ...builder, input, meta: (meta: Partial<ProcedureMeta>) => readingInputs(builder.meta(meta)) }
}

export const createRouter = t.router

export const toEnqueue = readingInputs(enqueueing('single'))
export const toEnqueueMany = readingInputs(enqueueing())
export const toObserve = readingInputs(procedureFor('observe'))
export const toOperate = readingInputs(auditedProcedureFor())
export const toDeploy = readingInputs(auditedProcedureFor('deploy'))
/**
 * For operators too; but a cron does it each minute, and nothing happens that would not by itself, so the audit is
 * spared.
 */
export const toTick = readingInputs(procedureFor())
/** The roles that may look at a job whose id they hold. */
export const toFollow = readingInputs(procedureFor('enqueue', 'observe'))
