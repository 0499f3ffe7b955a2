/** A procedure of the router: its context, its roles, and its errors as ours. */
import { initTRPC, TRPCError } from '@trpc/server'
import { z } from 'zod'
import { errorCodes } from '../../core/errorCodes.js'
import { ErrandError } from '../../core/errors.js'
import { transformer } from '../../core/payload.js'
import type { Role } from '../../core/roles.js'
import { codeOf, operateAudited } from '../audit.js'
import type { Actor, Guard, Identity } from '../auth.js'
import type { Deps } from '../deps.js'
import type { GroupWaits } from '../groups/wait.js'
import type { Tick } from '../runTick.js'
import type { Waits } from '../wait.js'
import { badRequest, toWireError } from '../wireError.js'

export interface RouterContext {
  deps: Deps
  tick: Tick
  waits: Waits
  groupWaits: GroupWaits
  guard: Guard
  identity: Identity
  /** Aborts when the caller has gone away. */
  signal: AbortSignal
}

const t = initTRPC
  .context<RouterContext>()
  .meta<ProcedureMeta>()
  .create({
    transformer,
    // what is in between must neither take a quiet stream for a dead one nor be given one without an end
    sse: { ping: { enabled: true, intervalMs: 15_000 }, maxDurationMs: 60_000 },
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

/** Of every procedure, for whoever lists them. */
export interface ProcedureMeta {
  /** Beside `operate`, which may do everything. */
  roles: readonly Role[]
}

/** Behind it `ctx.actor` is the caller in the role that the procedure asks for. */
const procedureFor = (...roles: Role[]) =>
  t.procedure
    .meta({ roles })
    .use(({ ctx, next }) =>
      withOurErrors(async () => next({ ctx: { ...ctx, actor: ctx.guard.require(ctx.identity, roles) } })),
    )

/** For operators, and those roles. Each mutation leaves an entry in the audit, under its own name. */
const auditedProcedureFor = (...roles: Role[]) =>
  t.procedure.meta({ roles }).use(({ ctx, path, type, getRawInput, next }) =>
    withOurErrors(async () => {
      const { deps, guard, identity } = ctx
      const act = (actor: Actor) => next({ ctx: { ...ctx, actor } })
      if (type !== 'mutation') return act(guard.require(identity, roles))
      // what is wrong with an input that cannot be read is told by whoever parses it
      const input = await getRawInput().catch(() => undefined)
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

function asTrpcError(error: unknown): TRPCError {
  const status = error instanceof ErrandError ? errorCodes[error.code] : 500
  const code = trpcCodes[status as keyof typeof trpcCodes] ?? 'INTERNAL_SERVER_ERROR'
  return new TRPCError({ code, cause: error })
}

export const createRouter = t.router

export const toEnqueue = procedureFor('enqueue')
export const toObserve = procedureFor('observe')
export const toOperate = auditedProcedureFor()
export const toDeploy = auditedProcedureFor('deploy')
/** For operators too; but a cron does it each minute, and nothing happens that would not by itself, so the audit is spared. */
export const toTick = procedureFor()
/** The roles that may look at a job whose id they hold. */
export const toFollow = procedureFor('enqueue', 'observe')
