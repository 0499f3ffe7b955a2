/** The coordinator's one `fetch` handler: REST, tRPC, health, metrics and the API's description. */
import { Hono, type Context } from 'hono'
import { actorIn, type Guard } from '../access/auth.js'
import type { Deps } from '../deps.js'
import type { GroupWaits } from '../groups/wait.js'
import { allowed, methodsAt, methodsOfAll } from './methods.js'
import { describeApi } from './rest/description.js'
import { addRestRoutes } from './rest/index.js'
import { maxManyBytes } from './requestBody.js'
import { allow } from './rest/request.js'
import type { RunOnce } from '../running/runOnce.js'
import { describedWorkers } from '../operations/workers.js'
import { isOutage } from '../store/outage.js'
import { answerTrpc } from './trpcDoor.js'
import type { Waits } from '../operations/wait.js'
import { errorResponse } from '../wireError.js'
import { errorCodes } from '../../core/errorCodes.js'
import { ErrandError } from '../../core/errors.js'

export interface AppOptions {
  deps: Deps
  runOnce: RunOnce
  waits: Waits
  groupWaits: GroupWaits
  guard: Guard
  maxBodyBytes: number
  /** False while the coordinator starts or stops. */
  isReady: () => boolean
}

export function createApp({ deps, runOnce, waits, groupWaits, guard, maxBodyBytes, isReady }: AppOptions): Hono {
  // with or without a slash at the end, an address is the same
  const app = new Hono({ strict: false })

  app.onError((error) => errorResponse(deps.log, error))
  app.notFound((context) => refuse(deps, app, context))
  // it is asked without a key, as browsers do; it gives no page of another origin any leave
  app.options('*', (context) => {
    const { url, path } = context.req
    const methods = path === '/*' ? methodsOfAll(app) : methodsAt(app, url, path)
    return methods.length === 0
      ? refuse(deps, app, context)
      : context.body(null, 204, { allow: allowed(methods), 'cache-control': 'no-store' })
  })

  // these are for every caller, also while the database that knows the keys is away
  app.get('/healthz', (context) => context.json({ ok: true }))
  app.get('/readyz', async (context) => {
    if (!isReady()) throw new ErrandError('UNAVAILABLE', 'The coordinator is starting or stopping.')
    await deps.store.ping()
    return context.json({ ok: true, workers: deps.contracts.names.length })
  })
  app.get('/openapi.json', async (context) =>
    context.body(describeApi(await workersSeen({ deps, guard }, context)), 200, { 'content-type': 'application/json' }),
  )

  const maxJobsBytes = Math.max(maxManyBytes, maxBodyBytes)
  addRestRoutes(app, { deps, runOnce, waits, groupWaits, guard, maxBodyBytes, maxJobsBytes })

  app.all('/trpc/*', async (context) => {
    const identity = context.get('identity')
    const { raw, url, path } = context.req
    const answer = await answerTrpc(raw, { deps, runOnce, waits, groupWaits, guard, identity }, { maxJobsBytes })
    if (answer.status === errorCodes.METHOD_NOT_ALLOWED) answer.headers.set('allow', allowed(methodsAt(app, url, path)))
    return answer
  })

  app.get('/metrics', async (context) => {
    allow({ guard }, context, 'observe')
    return context.body(await deps.metrics.text(), 200, { 'content-type': deps.metrics.contentType })
  })
  return app
}

/**
 * The workers that the caller may see. The description itself is for every caller; a caller without a key, where keys
 * are needed, gets it without them. Throws `UNAUTHORIZED` for a key that is none.
 */
async function workersSeen({ deps, guard }: Pick<AppOptions, 'deps' | 'guard'>, { req }: Context) {
  const authorization = req.header('authorization')
  try {
    const identity = await guard.identify({ authorization, host: req.header('host') })
    // a key that is none is told so, where its holder would look for workers in vain
    if (authorization !== undefined && identity.actors.length === 0) guard.require(identity, [])
    const actor = actorIn(identity, ['observe', 'enqueue'])
    return actor ? await describedWorkers(deps, actor) : []
  } catch (error) {
    if (authorization !== undefined && !isOutage(error)) throw error
    return []
  }
}

/** To a request that no route takes. */
function refuse({ log }: Pick<Deps, 'log'>, app: Hono, { req }: Context): Response {
  const { method, url, path } = req
  const methods = methodsAt(app, url, path)
  if (methods.length === 0) return errorResponse(log, unknownRoute(method, path))
  const answer = errorResponse(log, methodNotAllowed(method, path, methods))
  answer.headers.set('allow', allowed(methods))
  return answer
}

const unknownRoute = (method: string, path: string): ErrandError =>
  new ErrandError('UNKNOWN_ROUTE', `There is no ${method} ${path.slice(0, 100)}. GET /openapi.json lists the routes.`)

const methodNotAllowed = (method: string, path: string, methods: readonly string[]): ErrandError =>
  new ErrandError('METHOD_NOT_ALLOWED', `${path.slice(0, 100)} is not for ${method}, but for ${methods.join(' and ')}.`)
