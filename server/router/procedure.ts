/** A procedure of the router: its context, its roles, and its errors as ours. */
import { initTRPC, TRPCError } from '@trpc/server'
import superjson from 'superjson'
import { z } from 'zod'
import type { ErrandError } from '../../core/errors.js'
import type { Guard, Role } from '../auth.js'
import type { Deps } from '../deps.js'
import type { Waits } from '../wait.js'
import { badRequest, toWireError } from '../wireError.js'

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

export const createRouter = t.router

export const toEnqueue = procedureFor('enqueue')
export const toObserve = procedureFor('observe')
export const toOperate = procedureFor('operate')
/** The roles that may look at a job whose id they hold. */
export const toFollow = procedureFor('enqueue', 'observe')
