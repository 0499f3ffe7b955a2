/** The coordinator as a Vercel Function, beside the functions of its workers. */
import { errorCodes } from '../../core/errorCodes.js'
import { timingSafeEqual } from 'node:crypto'
import { ErrandError } from '../../core/errors.js'
import { vercelFunctionsPath, vercelTickPath } from '../../core/views/tick.js'
import { vercelWaitUntil } from '../../core/functions/vercelWaitUntil.js'
import { digest } from '../access/auth.js'
import type { Env } from './settings.js'
import { createCoordinatorFunction, type CoordinatorFunctionOptions } from './coordinatorFunction.js'

/**
 * Settings: MONGODB_URI, ERRAND_SIGNING_KEYS, ERRAND_API_KEYS, and CRON_SECRET, which Vercel sends with each call of
 * its crons. ERRAND_URL is the deployment's own address by default, ERRAND_FUNCTIONS_URL the same deployment.
 */
export function createVercelCoordinator({ env = process.env, ...options }: CoordinatorFunctionOptions) {
  const coordinator = createCoordinatorFunction({
    env,
    url: ownUrl(env),
    functionsUrl: (url) => `${url}${vercelFunctionsPath}`,
    ...options,
  })
  return {
    async fetch(request: Request): Promise<Response> {
      if (new URL(request.url).pathname !== vercelTickPath) {
        return coordinator.fetch(request, { waitUntil: vercelWaitUntil() })
      }
      const problem = cronProblem(env, request)
      if (!problem) return coordinator.answerTick()
      const { code, message } = problem
      return Response.json({ error: { code, message } }, { status: errorCodes[code] })
    },
  }
}

/** In production the project's own address, which stays; else the deployment's. */
function ownUrl(env: Env): string | undefined {
  const host = (env['VERCEL_ENV'] === 'production' && env['VERCEL_PROJECT_PRODUCTION_URL']) || env['VERCEL_URL']
  return host ? `https://${host}` : undefined
}

function cronProblem({ CRON_SECRET: secret }: Env, { headers }: Request): ErrandError | undefined {
  if (!secret) return new ErrandError('CONFIG', 'CRON_SECRET is not set in this Vercel project.')
  const given = digest(headers.get('authorization') ?? '')
  if (timingSafeEqual(given, digest(`Bearer ${secret}`))) return undefined
  return new ErrandError('UNAUTHORIZED', 'Only the cron may call this. Call POST /tick with a key of the role operate.')
}
