/**
 * Makes a worker a function: a `fetch`-shaped handler that platforms take as it is. Web APIs only.
 *
 *   request ──receiveCall──▶ call ──perform──▶ result or error ──receipt──▶ answer 200
 *      └─ refusal: 4xx, nothing runs; a ping is answered            └─────▶ or, for `receipt: 'posted'`, 202 first and post later
 *
 * A caller that cannot wait for as long as the attempt takes says so (`Prefer: respond-async, wait=20`): then it is
 * 202, and a post, after that time.
 */
import type { FunctionCall } from '../core/requests/wire.js'
import { systemClock, type Clock } from '../core/time/clock.js'
import { preferredWaitMs } from '../core/functions/prefer.js'
import { beginAttempt, type Attempt } from './context.js'
import { thrownText } from './describeError.js'
import { createKeyring, type Environment } from './keys.js'
import { perform, type RunnableJob } from './perform.js'
import { longestPauseMs, postUntilTaken, type PostDeps, type PostLimits } from './post.js'
import { joinReceipts, successReceipt, thrownReceipt } from './receipt.js'
import { tellEnd } from './tellEnd.js'
import { readRequest, receiveCall, type Incoming, type Verifier } from './receiveCall.js'
import { json, refusalAnswer, toResponse, type Outgoing, type Refusal } from './refusal.js'

export interface WrapOptions {
  /** The worker's name. Calls for any other worker are refused. */
  worker: string
  /** Names the build that the function is of, for a ping. Default: none. */
  build?: string
  /** Signing keys, `whsec_…`. Default: the setting `ERRAND_SIGNING_KEYS` of the environment. */
  keys?: readonly string[]
  clock?: Clock
  /** A number in [0, 1). Default `Math.random`. */
  random?: () => number
  /** Posts receipts and heartbeats. Default: the platform's own. */
  fetch?: typeof fetch
  /** Told when a request could not be read, or a posted receipt was not taken. Default `console.warn`. */
  warn?: (message: string) => void
}

/** The used part of what a platform passes beside the request. */
export interface PlatformContext {
  /** Keeps the function alive until the promise settles. */
  waitUntil?(promise: Promise<unknown>): void
  /**
   * How long a function may go on after its answer, in milliseconds, where that is shorter than it may take with it.
   * Default: no limit of its own.
   */
  afterAnswerMs?: number
  /** Aborts when the host ends for good: a receipt that is still to be posted is given up then. */
  signal?: AbortSignal
}

export interface FunctionHandler {
  fetch(request: Request, env?: Environment, platform?: PlatformContext): Promise<Response>
  /** The same without `Request` and `Response`, which cost a Node host more than the rest of a quick call. */
  handle(incoming: Incoming, env?: Environment, platform?: PlatformContext): Promise<Outgoing>
}

/** A posted receipt is given up this long after the deadline; the coordinator has long written its own by then. */
const postSlackMs = 60_000

export function wrap(job: RunnableJob, options: WrapOptions): FunctionHandler {
  const { worker, build, clock = systemClock, random = Math.random, warn = console.warn } = options
  const deps: PostDeps = { clock, random, fetch: options.fetch ?? ((...request) => fetch(...request)) }
  const keyring = createKeyring(options.keys)

  async function answer(incoming: Incoming, env?: Environment, platform?: PlatformContext): Promise<Outgoing> {
    const { method, onHangUp } = incoming
    if (method === 'GET') return plain(`This is the function of ${worker}. It takes signed POSTs.\n`)
    if (method !== 'POST') {
      return refusalAnswer({ status: 405, code: 'METHOD_NOT_ALLOWED', message: 'A function takes POST only.' })
    }

    const verify = openKeyring(env)
    if ('refusal' in verify) return refusalAnswer(verify.refusal)
    const received = await receiveCall(incoming, worker, verify.verify, clock.now())
    if (!received.ok) return refusalAnswer(received.refusal)

    const { calls } = received
    if (calls === 'ping') return json(200, JSON.stringify({ status: 'success', result: { worker, build } }))
    if (job.receipt !== 'posted') {
      const waitMs = preferredWaitMs(incoming.header('prefer'))
      if (waitMs !== undefined && canPost(calls, platform)) return answerOrPost(calls, incoming, waitMs, platform)
      const [first, ...others] = calls
      if (others.length === 0) return json(200, await runAttempt(job, first, deps, { platform, onHangUp }))
      const toAll = onHangUp && shared(onHangUp)
      const receipts = calls.map((call) => runAttempt(job, call, deps, { platform, onHangUp: toAll }))
      return json(200, joinReceipts(await Promise.all(receipts)))
    }
    const posted = Promise.all(calls.map((call) => runAndPost(job, call, deps, warn, platform)))
    platform?.waitUntil?.(posted)
    return { status: 202, headers: {}, body: null }
  }

  /** Answers with the receipts, or, where they are not there when the caller waits no longer, posts them. */
  async function answerOrPost(
    calls: readonly FunctionCall[],
    { header, onHangUp }: Incoming,
    waitMs: number,
    platform: PlatformContext | undefined,
  ): Promise<Outgoing> {
    const limits = postLimits(calls, deps, platform)
    const receipts = calls.map((call) => runAttempt(job, call, deps, { platform }))
    // a function that took long to start has less of the time left
    const now = clock.now().getTime()
    const askedAt = Math.min(now, Number(header('webhook-timestamp')) * 1_000)
    const inTime = await soonEnough(Promise.all(receipts), askedAt + waitMs - now, onHangUp)
    if (inTime) return json(200, inTime.length === 1 ? inTime[0]! : joinReceipts(inTime))
    const posted = Promise.all(
      calls.map(async (call, index) => postReceipt(call, await receipts[index]!, deps, warn, limits)),
    )
    platform?.waitUntil?.(posted)
    return { status: 202, headers: {}, body: null }
  }

  /** The work's result, if it comes in that time and while the caller is there. */
  async function soonEnough<T>(work: Promise<T>, ms: number, onHangUp: Incoming['onHangUp']): Promise<T | undefined> {
    let cancel = () => {}
    const late = new Promise<undefined>((resolve) => {
      cancel = clock.alarm(Math.max(0, ms), () => resolve(undefined))
      onHangUp?.(() => resolve(undefined))
    })
    const first = await Promise.race([work, late])
    cancel()
    return first
  }

  /** Whether the platform lets the function go on for so long after it has answered. */
  function canPost(calls: readonly FunctionCall[], { afterAnswerMs = Infinity }: PlatformContext = {}): boolean {
    const now = clock.now().getTime()
    return calls.every(({ deadline }) => Date.parse(deadline) - now <= afterAnswerMs)
  }

  function openKeyring(env: Environment | undefined): { verify: Verifier } | { refusal: Refusal } {
    try {
      return { verify: keyring(env) }
    } catch (error) {
      return { refusal: { status: 500, code: 'CONFIG', message: (error as Error).message } }
    }
  }

  async function handle(
    read: () => Promise<Incoming>,
    env?: Environment,
    platform?: PlatformContext,
  ): Promise<Outgoing> {
    try {
      return await answer(await read(), env, platform)
    } catch (error) {
      // the caller hung up while its body was read, say; `run` cannot lead here
      warn(`errand: the function of ${worker} could not read a request: ${thrownText(error)}.`)
      return refusalAnswer({ status: 500, code: 'INTERNAL', message: 'The function could not read the request.' })
    }
  }

  return {
    fetch: async (request, env, platform) => toResponse(await handle(() => readRequest(request), env, platform)),
    handle: (incoming, env, platform) => handle(() => Promise.resolve(incoming), env, platform),
  }
}

/** One listener of the request, however many want to know. */
function shared(onHangUp: NonNullable<Incoming['onHangUp']>): NonNullable<Incoming['onHangUp']> {
  const listeners: (() => void)[] = []
  onHangUp(() => listeners.forEach((listener) => listener()))
  return (listener) => listeners.push(listener)
}

const plain = (body: string): Outgoing => ({ status: 200, headers: { 'content-type': 'text/plain' }, body })

interface Surroundings {
  platform: PlatformContext | undefined
  /** Absent where no caller waits for the answer. */
  onHangUp?: Incoming['onHangUp']
}

/** The receipt of one attempt, as text. Never rejects. */
async function runAttempt(
  job: RunnableJob,
  call: FunctionCall,
  deps: PostDeps,
  { platform, onHangUp }: Surroundings,
): Promise<string> {
  const attempt = beginAttempt(call, deps, { onHangUp, posted: job.receipt === 'posted' })
  try {
    const { timedOut } = attempt
    const work = perform(job, call, attempt)
    if (call.limited) tellEnd(work, call, deps, { timedOut, onHangUp, waitUntil: platform?.waitUntil?.bind(platform) })
    // a `run` that does not obey its signal goes on after the deadline, but nothing waits for it
    return withTold(successReceipt(await Promise.race([timedOut, work]), job.limits?.result), attempt)
  } catch (thrown) {
    return withTold(thrownReceipt(thrown), attempt)
  } finally {
    attempt.end()
  }
}

const withTold = (receipt: string, { told }: Attempt): string => `${receipt.slice(0, -1)}${told()}}`

/** Never rejects: no caller would hear it. */
const runAndPost = async (
  job: RunnableJob,
  call: FunctionCall,
  deps: PostDeps,
  warn: (message: string) => void,
  platform: PlatformContext | undefined,
): Promise<void> => {
  const limits = postLimits([call], deps, platform)
  await postReceipt(call, await runAttempt(job, call, deps, { platform }), deps, warn, limits)
}

type ReceiptLimits = Omit<PostLimits, 'until'>

/**
 * Of calls that begin now. A coordinator that was away waits for one timeout from its return, so there is a try within
 * that.
 */
function postLimits(
  calls: readonly FunctionCall[],
  { clock }: PostDeps,
  platform: PlatformContext | undefined,
): ReceiptLimits {
  const timeoutMs = Math.min(...calls.map(({ deadline }) => Date.parse(deadline))) - clock.now().getTime()
  const pauseMs = Math.min(longestPauseMs, Math.max(1_000, timeoutMs / 3))
  return { pauseMs, ...(platform?.signal ? { signal: platform.signal } : {}) }
}

async function postReceipt(
  call: FunctionCall,
  receipt: string,
  deps: PostDeps,
  warn: (message: string) => void,
  limits: ReceiptLimits,
): Promise<void> {
  const giveUpAt = new Date(Math.max(Date.parse(call.deadline), deps.clock.now().getTime()) + postSlackMs)
  const outcome = await postUntilTaken(call.receipt, receipt, deps, {
    until: () => giveUpAt,
    ...limits,
  })
  if (outcome.kind === 'taken') return
  const problem = outcome.kind === 'refused' ? `it was refused with ${outcome.status}` : outcome.problem
  warn(`errand: the receipt of ${call.worker} ${call.id}, attempt ${call.attempt}, was not taken: ${problem}.`)
}
