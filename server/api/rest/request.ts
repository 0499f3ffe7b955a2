/**
 * The steps of every route, in this order: who calls, whether they may, and only then the body.
 *
 *   identifyCaller ──▶ allow | operate ──▶ admit, where it brings jobs ──▶ readBody, up to the limit of the route ──▶ the step
 */
import type { Context, MiddlewareHandler } from 'hono'
import type { z } from 'zod'
import { ErrandError } from '../../../core/errors.js'
import type { Role } from '../../../core/roles.js'
import { codeOf, operateAudited } from '../../access/audit.js'
import type { Actor, Guard, Identity } from '../../access/auth.js'
import type { Deps, WriteLane, Place } from '../../deps.js'
import { maxNoBodyBytes, readText } from '../requestBody.js'
import { requestIntake, type RequestIntake } from '../requestIntake.js'
import type { RunOnce } from '../../running/runOnce.js'
import type { Waits } from '../../operations/wait.js'
import { refuseForeignPage } from '../../access/webPage.js'
import { parse } from '../../jobs/judge.js'

export interface RestOptions {
  deps: Deps
  runOnce: RunOnce
  waits: Waits
  guard: Guard
  /** The largest body of a request to enqueue, in bytes. */
  maxBodyBytes: number
}

declare module 'hono' {
  interface ContextVariableMap {
    identity: Identity
    actor: Actor
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
 * Stands before the handler of a route for operators, and those roles: `app.delete('/groups/:id', operate(options,
 * 'jobs.cancel'), handler)`. `action` is the name of the procedure that does the same. A route that changes something
 * leaves an entry in the audit; one that only looks (GET) does not. Behind it `actorOf` knows who calls:
 * `actorOf(context.var)`. Throws `UNAUTHORIZED` and `FORBIDDEN`.
 */
export const operate =
  ({ guard, deps }: RestOptions, action: string, ...roles: Exclude<Role, 'operate'>[]): MiddlewareHandler =>
  async (context, next) => {
    const { req } = context
    const identity = context.get('identity')
    const act = (actor: Actor) => {
      context.set('actor', actor)
      return next()
    }
    if (req.method === 'GET') return act(guard.require(identity, roles))
    const input = async (mostBytes?: number) => ({
      ...req.query(),
      ...req.param(),
      ...objectIn(await bodyOf(context, mostBytes)),
    })
    // what a handler throws is with its context afterwards, not thrown here
    const outcome = () => (context.error ? codeOf(context.error) : 'ok')
    await operateAudited(deps, guard, identity, { action, input, roles }, act, outcome)
  }

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

/** A body as far as it is a JSON object; the handler parses it again, and tells what is wrong with it. */
function objectIn(text: string): object {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    return {}
  }
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
export function bodyOf(context: Context, mostBytes = Infinity): Promise<string> {
  const known = context.get('body') as Promise<string> | undefined
  if (known !== undefined) return known
  const intake = context.get('intake') as RequestIntake | undefined
  const maxBytes = Math.min(context.get('maxBodyBytes') ?? maxNoBodyBytes, mostBytes)
  const body = readText(context.req.raw, maxBytes, intake)
  // one that brings jobs is asked for once, and its text would stay for as long as they wait
  if (intake === undefined) context.set('body', body)
  return body
}

/** The body, as the schema reads it. Throws `UNSUPPORTED_MEDIA_TYPE`, `PAYLOAD_TOO_LARGE` and `BAD_REQUEST`. */
export const readBody = async <Schema extends z.ZodType>(schema: Schema, context: Context): Promise<z.output<Schema>> =>
  parse(schema, await readJson(context))

/** The query, as the schema reads it; what is written as a whole number is one. Throws `BAD_REQUEST`. */
export function readQuery<Schema extends z.ZodType>(schema: Schema, context: Context): z.output<Schema> {
  const query = Object.entries(context.req.query())
  return parse(
    schema,
    Object.fromEntries(
      query.map(([name, text]) => [name, name === 'limit' && /^\d{1,9}$/.test(text) ? Number(text) : text]),
    ),
  )
}

/** JSON only: a web page of another origin can post text to a loopback address without asking, but not JSON. */
async function readJson(context: Context): Promise<unknown> {
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(context.req.header('content-type') ?? '')) {
    throw new ErrandError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be JSON. Send it with `Content-Type: application/json`.',
    )
  }
  const text = await bodyOf(context)
  try {
    return JSON.parse(text)
  } catch {
    throw new ErrandError('BAD_REQUEST', 'The body is malformed JSON.', {
      issues: [{ path: [], code: 'malformed_json', message: 'is malformed JSON' }],
    })
  }
}
