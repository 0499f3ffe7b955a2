/** The coordinator's one `fetch` handler: REST, tRPC, health, metrics and the API's description. */
import { Hono, type Context } from 'hono'
import { actorIn, type Guard } from '../access/auth.js'
import type { Deps } from '../deps.js'
import type { GroupWaits } from '../groups/wait.js'
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
  const app = new Hono()

  app.onError((error) => errorResponse(deps.log, error))
  app.notFound((context) => {
    const { method, path } = context.req
    const methods = methodsOf(app, path)
    const problem = methods.length === 0 ? unknownRoute(method, path) : methodNotAllowed(method, path, methods)
    const answer = errorResponse(deps.log, problem)
    if (methods.length > 0) answer.headers.set('allow', methods.join(', '))
    return answer
  })

  // these are for every caller, also while the database that knows the keys is away
  app.get('/healthz', (context) => context.json({ ok: true }))
  app.get('/readyz', async (context) => {
    if (!isReady()) throw new ErrandError('UNAVAILABLE', 'The coordinator is starting or stopping.')
    await deps.store.ping()
    return context.json({ ok: true, workers: deps.contracts.names.length })
  })
  app.get('/openapi.json', async (context) => context.json(describeApi(await workersSeen({ deps, guard }, context))))

  const maxJobsBytes = Math.max(maxManyBytes, maxBodyBytes)
  addRestRoutes(app, { deps, runOnce, waits, groupWaits, guard, maxBodyBytes, maxJobsBytes })

  app.all('/trpc/*', (context) => {
    const identity = context.get('identity')
    return answerTrpc(context.req.raw, { deps, runOnce, waits, groupWaits, guard, identity }, { maxJobsBytes })
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

const unknownRoute = (method: string, path: string): ErrandError =>
  new ErrandError('UNKNOWN_ROUTE', `There is no ${method} ${path.slice(0, 100)}. GET /openapi.json lists the routes.`)

const methodNotAllowed = (method: string, path: string, methods: readonly string[]): ErrandError =>
  new ErrandError('METHOD_NOT_ALLOWED', `${path.slice(0, 100)} is not for ${method}, but for ${methods.join(' and ')}.`)

/** By which methods there is a route for the path. */
const methodsOf = ({ routes }: Hono, path: string): string[] => [
  ...new Set(routes.filter((route) => route.method !== 'ALL' && isAt(route.path, path)).map(({ method }) => method)),
]

function isAt(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')]
  return wanted.length === given.length && wanted.every((part, index) => part.startsWith(':') || part === given[index])
}
