/** The coordinator's one `fetch` handler: REST, tRPC, health, metrics and the API's description. */
import { Hono } from 'hono'
import type { Guard } from '../access/auth.js'
import type { Deps } from '../deps.js'
import type { GroupWaits } from '../groups/wait.js'
import { openapi } from './rest/openapi.js'
import { addRestRoutes } from './rest/index.js'
import { maxManyBytes } from './requestBody.js'
import { allow } from './rest/request.js'
import type { RunOnce } from '../running/runOnce.js'
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
  app.get('/openapi.json', (context) => context.json(openapi))

  addRestRoutes(app, { deps, runOnce, waits, guard, maxBodyBytes })

  app.all('/trpc/*', (context) => {
    const identity = context.get('identity')
    const maxJobsBytes = Math.max(maxManyBytes, maxBodyBytes)
    return answerTrpc(context.req.raw, { deps, runOnce, waits, groupWaits, guard, identity }, { maxJobsBytes })
  })

  app.get('/metrics', async (context) => {
    allow({ guard }, context, 'observe')
    return context.body(await deps.metrics.text(), 200, { 'content-type': deps.metrics.contentType })
  })
  return app
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
