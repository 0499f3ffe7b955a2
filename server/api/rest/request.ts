/**
 * The steps of every route, in this order: who calls, whether they may, and only then the body.
 *
 *   identifyCaller ──▶ allow ──▶ admit, where it brings jobs ──▶ readBody, up to the limit of the route ──▶ the step
 *
 * Routes that are read off the router (procedureRoutes.ts) have the first step here, and the others by their procedure.
 */
import type { Context, MiddlewareHandler } from 'hono'
import type { z } from 'zod'
import { ErrandError } from '../../../core/errors.js'
import type { Role } from '../../../core/roles.js'
import type { Actor, Guard, Identity } from '../../access/auth.js'
import type { Deps, WriteLane, Place } from '../../deps.js'
import { maxNoBodyBytes, readText } from '../requestBody.js'
import type { GroupWaits } from '../../groups/wait.js'
import { requestIntake, type RequestIntake } from '../requestIntake.js'
import type { RunOnce } from '../../running/runOnce.js'
import type { Waits } from '../../operations/wait.js'
import { refuseForeignPage } from '../../access/webPage.js'
import { parse } from '../../jobs/judge.js'

export interface RestOptions {
  deps: Deps
  runOnce: RunOnce
  waits: Waits
  groupWaits: GroupWaits
  guard: Guard
  /** The largest body of a request to enqueue, in bytes. */
  maxBodyBytes: number
  /** Of one that may bring many jobs. */
  maxJobsBytes: number
}

declare module 'hono' {
  interface ContextVariableMap {
    identity: Identity
    maxBodyBytes: number
    body: Promise<string>
    intake: RequestIntake
  }
}

/** Stands before every route that asks for a role. */
export const identifyCaller =
  (guard: Guard): MiddlewareHandler =>
  async (context, next) => {
    const { req } = context
    const [authorization, host] = [req.header('authorization'), req.header('host')]
    const [origin, fetchSite] = [req.header('origin'), req.header('sec-fetch-site')]
    refuseForeignPage({ method: req.method, authorization, host, origin, fetchSite })
    context.set('identity', await guard.identify({ authorization, host }))
    await next()
  }

/** For routes that others than operators may call. Answers with who calls. Throws `UNAUTHORIZED` and `FORBIDDEN`. */
export const allow = (
  { guard }: Pick<RestOptions, 'guard'>,
  context: Context,
  ...roles: [Exclude<Role, 'operate'>, ...Exclude<Role, 'operate'>[]]
): Actor => guard.require(context.get('identity'), roles)

/**
 * The place of a request that brings jobs, behind its role and before its body: `using place = admit(options,
 * context)`. By default its lane follows from the size of the body. Throws `OVERLOADED`, and then nothing of the body
 * was read.
 */
export function admit({ deps }: Pick<RestOptions, 'deps'>, context: Context, lane?: WriteLane): Place {
  const intake = requestIntake(deps.intake, context.req.raw)
  context.set('intake', intake)
  return intake.enter(lane)
}

/** The paths of a job: the documented one, and the one that the first design had, which stays. */
export const jobPaths = (rest = ''): string[] => [`/jobs/:id${rest}`, `/job/:id${rest}`]

/** The id in the path of a route that has one. */
export const idOf = ({ req }: Context): string => req.param('id')!

/** The largest body of a route that reads one. Nothing is read yet. */
export const limitBody =
  (maxBytes: number): MiddlewareHandler =>
  (context, next) => {
    context.set('maxBodyBytes', maxBytes)
    return next()
  }

/** The body as text; the first call reads it. Throws `PAYLOAD_TOO_LARGE`, and `OVERLOADED` where it comes in chunks. */
export function bodyOf(context: Context): Promise<string> {
  const known = context.get('body') as Promise<string> | undefined
  if (known !== undefined) return known
  const intake = context.get('intake') as RequestIntake | undefined
  const body = readText(context.req.raw, context.get('maxBodyBytes') ?? maxNoBodyBytes, intake)
  // one that brings jobs is asked for once, and its text would stay for as long as they wait
  if (intake === undefined) context.set('body', body)
  return body
}

/** The body, as the schema reads it. Throws `UNSUPPORTED_MEDIA_TYPE`, `PAYLOAD_TOO_LARGE` and `BAD_REQUEST`. */
export const readBody = async <Schema extends z.ZodType>(schema: Schema, context: Context): Promise<z.output<Schema>> =>
  parse(schema, await readJson(context))

/**
 * The body as JSON; `undefined` where there is none. JSON only: a web page of another origin can post text to a loopback
 * address without asking, but not JSON. Throws as `readBody` does.
 */
export async function readJson(context: Context): Promise<unknown> {
  const text = await bodyOf(context)
  if (text.trim() === '') return undefined
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(context.req.header('content-type') ?? '')) {
    throw new ErrandError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be JSON. Send it with `Content-Type: application/json`.',
    )
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new ErrandError('BAD_REQUEST', 'The body is malformed JSON.', {
      issues: [{ path: [], code: 'malformed_json', message: 'is malformed JSON' }],
    })
  }
}
