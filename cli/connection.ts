/**
 * The coordinator as commands talk to it: the client's own way there, with plain JSON instead of restored values, and
 * shown waiting.
 */
import type { TRPCClient } from '@trpc/client'
import { ErrandError } from '../core/errors.js'
import type { Role } from '../core/roles.js'
import type { Router } from '../server/api/router/index.js'
import type { Cli } from './cli.js'
import type { Output } from './output.js'
import { readCallerSettings } from './settings.js'

export type RouterClient = TRPCClient<Router>

/** One of the coordinator's, or a few of them put together. */
export type Procedure<Request, Answer> = (request: Request, options: { signal: AbortSignal }) => Promise<Answer>

type Ask<Answer> = (router: RouterClient, options: { signal: AbortSignal }) => Promise<Answer>

export interface Coordinator {
  /** Throws `UNAVAILABLE` where no coordinator answers, and the errors that it answers. */
  call<Answer>(ask: Ask<Answer>): Promise<Answer>
}

export interface CallOptions {
  /** `--url`. */
  url?: string | undefined
  json?: boolean
}

/** Longer than the longest poll. */
const callLimitMs = 60_000

/** As one who may act as one of `roles`. */
export async function connect(
  cli: Cli,
  { url: given }: CallOptions,
  roles: readonly Role[],
  { limitMs = callLimitMs, option = '--url' }: { limitMs?: number | undefined; option?: string | undefined } = {},
): Promise<Coordinator> {
  const { url, apiKey } = readCallerSettings(cli.env, roles, given)
  const [{ createTransport }, { systemClock }] = await Promise.all([
    import('../client/transport.js'),
    import('../core/time/clock.js'),
  ])
  const transport = createTransport({
    url,
    apiKey,
    fetch,
    timeoutMs: limitMs,
    retryForMs: 0,
    clock: systemClock,
    random: Math.random,
  })
  return {
    async call(ask) {
      try {
        return await transport.call(ask)
      } catch (error) {
        throw withHint(error, { url, option, withKey: apiKey !== undefined })
      }
    },
  }
}

interface OneCall extends CallOptions {
  roles: readonly Role[]
  /** Told to the reader while it takes. */
  doing: string
  /** How long it may take, in milliseconds. Default 60,000. */
  limitMs?: number | undefined
  /** The option that names the coordinator. Default `--url`. */
  option?: string
}

/** Connects and calls, and shows that it waits. */
export async function callCoordinator<Answer>(
  cli: Cli,
  out: Output,
  { roles, doing, limitMs, option, ...options }: OneCall,
  ask: Ask<Answer>,
): Promise<Answer> {
  return out.during(doing, async () => (await connect(cli, options, roles, { limitMs, option })).call(ask))
}

/** The same error with what to do at a command line. */
function withHint(
  error: unknown,
  { url, option, withKey }: { url: string; option: string; withKey: boolean },
): unknown {
  if (!(error instanceof ErrandError)) return error
  if (error.code === 'UNAUTHORIZED') {
    const hint = withKey ? 'Check ERRAND_API_KEY (or ERRAND_API_KEYS).' : 'Set ERRAND_API_KEY to one of its keys.'
    return new ErrandError(error.code, `The coordinator at ${url} wants a known API key. ${hint}`, { cause: error })
  }
  // an error with a cause is ours, about the way there; one without is the coordinator's answer
  if (error.code !== 'UNAVAILABLE' || error.cause === undefined) return error
  const reason = reasonOf(error.cause)
  return new ErrandError(
    error.code,
    `No coordinator answers at ${url}${reason}. Start one with \`errand dev\` or \`errand start\`, or name another with ${option} or ERRAND_URL.`,
    { cause: error.cause },
  )
}

/** The system's own code, from the place where `fetch` has put it. */
function reasonOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException
    if (typeof code === 'string') return ` (${code})`
  }
  return ''
}
