/**
 * The tRPC door. It keeps the order of the other one (server/api/rest/request.ts): who calls, whether they may, and
 * only then the body, up to the limit of the procedures that are asked for. tRPC itself reads the body when a procedure
 * wants its input, which its role stands before.
 */
import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { ErrandError } from '../../core/errors.js'
import { wireHeader, wireHeaders, wireProblem } from '../../core/wireVersion.js'
import { actorIn, type Identity } from '../access/auth.js'
import { headersOf } from '../wireError.js'
import { answeredTogether } from './batchAnswers.js'
import { maxInputOf } from './inputLimit.js'
import { maxNoBodyBytes, readText } from './requestBody.js'
import { requestIntake, type RequestIntake } from './requestIntake.js'
import { router } from './router/index.js'
import { asTrpcError, errorOf, type RouterContext } from './router/procedure.js'
import { rowOf } from './router/rows.js'
import { mostCalls, pathsOf, readableUrl } from './trpcPaths.js'

export interface TrpcOptions {
  /** The largest body of a request with jobs, in bytes. */
  maxJobsBytes: number
}

export async function answerTrpc(
  request: Request,
  context: Omit<RouterContext, 'signal' | 'intake' | 'answers'>,
  options: TrpcOptions,
): Promise<Response> {
  const { method, headers, signal } = request
  const url = new URL(request.url)
  const paths = pathsOf(url)
  refuseStreamTooMany(paths, context)
  const intake = requestIntake(context.deps.intake, request)
  const maxBytes = () => maxBytesOf(paths, context.identity, options.maxJobsBytes)
  // no input is asked for where nothing can be called, and then its type is no matter
  const mayCall = (method === 'POST' || method === 'GET' || method === 'HEAD') && paths.some((path) => rowOf(path))
  const answer = await fetchRequestHandler({
    endpoint: '/trpc',
    // all that tRPC takes of a request, without the other ways to read its body
    req: {
      method: method === 'HEAD' ? 'GET' : method,
      url: readableUrl(url),
      headers: mayCall ? headers : asJson(headers),
      signal,
      text: () => inputText(request, maxBytes(), intake),
    } as Request,
    router,
    maxBatchSize: mostCalls,
    // `jobs.ended` and `jobs.waitMany` name more jobs than an address can hold
    allowMethodOverride: true,
    createContext: ({ info }) => {
      if (mayCall) refuseOtherThanJson(method, headers)
      refuseOtherWire(headers)
      return { ...context, intake, answers: answeredTogether(info.calls.length), signal }
    },
    responseMeta: ({ errors }) => {
      const told = errors.map((error) => headersOf(errorOf(error)?.details ?? {}))
      return { headers: Object.assign({}, wireHeaders, ...told) as Record<string, string> }
    },
  })
  // tRPC does not name the type of an answer to what it could not read at all
  if (answer.headers.get('content-type')?.startsWith('text/plain')) answer.headers.set('content-type', json)
  if (method === 'HEAD') await answer.body?.cancel()
  return answer
}

const json = 'application/json'

function asJson(headers: Headers): Headers {
  const changed = new Headers(headers)
  changed.set('content-type', json)
  return changed
}

async function inputText(request: Request, maxBytes: number, intake: RequestIntake): Promise<string> {
  try {
    return await readText(request, maxBytes, intake)
  } catch (error) {
    throw asTrpcError(error)
  }
}

/** tRPC takes forms and bytes as well, which web pages of other origins can post without asking. A GET has no body. */
function refuseOtherThanJson(method: string, headers: Headers): void {
  const type = headers.get('content-type') ?? ''
  if (method === 'GET' || method === 'HEAD' || /^application\/json\s*(;|$)/i.test(type)) return
  throw asTrpcError(
    new ErrandError('UNSUPPORTED_MEDIA_TYPE', 'The input must be JSON. Send it with `Content-Type: application/json`.'),
  )
}

/** Typed clients say which version they speak. */
function refuseOtherWire(headers: Headers): void {
  const problem = wireProblem(headers.get(wireHeader), { other: 'client', here: 'coordinator' })
  if (problem !== undefined) throw asTrpcError(new ErrandError('WIRE_VERSION', problem))
}

/**
 * A stream is answered with 200 before its procedure says anything, so a caller that has no place is told here. Throws
 * as `Places` do.
 */
function refuseStreamTooMany(
  [path = '']: readonly string[],
  { deps, identity }: Pick<RouterContext, 'deps' | 'identity'>,
): void {
  const row = rowOf(path)
  if (row?.type !== 'subscription') return
  const actor = actorIn(identity, row.meta.roles)
  if (actor) deps.places.look(actor.name)
}

/**
 * Of those procedures in the request that the caller may call. Many small inputs may come together, as far as jobs may.
 */
function maxBytesOf(paths: readonly string[], identity: Identity, maxJobsBytes: number): number {
  const limits = paths.map((path) => limitOf(path, identity, maxJobsBytes))
  const together = limits.reduce((sum, limit) => sum + limit, 0)
  return Math.max(...limits, Math.min(together, maxJobsBytes))
}

function limitOf(path: string, identity: Identity, maxJobsBytes: number): number {
  const row = rowOf(path)
  return row ? maxInputOf(row.meta, identity, maxJobsBytes) : maxNoBodyBytes
}
