import { sign } from '../../core/functions/signature.js'
import type { FunctionCalls, FunctionCall, ReceiptBody } from '../../core/requests/wire.js'
import type { Clock } from '../../core/time/clock.js'
import { wrap, type PlatformContext, type RunnableJob, type WrapOptions } from '../../runtime/index.js'

export const key = `whsec_${btoa('a key for tests: 24 bytes or more')}`
export const otherKey = `whsec_${btoa('another key for tests, as long')}`
export const start = new Date('2026-03-01T12:00:00.000Z')

/** Parts of what a function answers, as a test looks at them. */
export type Receipt = ReceiptBody & { error: { name: string; message: string; code?: string; stack?: string } } & {
  result?: unknown
  resultMeta?: unknown
  fatal?: boolean
  retryAfter?: string
}

export const callOf = (overrides: Partial<FunctionCall> = {}): FunctionCall => ({
  id: 'job1',
  worker: 'mail.send',
  attempt: 1,
  maxAttempts: 5,
  args: {},
  deadline: new Date(start.getTime() + 30_000).toISOString(),
  receipt: 'http://coordinator.test/job/job1/receipt?token=t0',
  ...overrides,
})

export interface Signing {
  id?: string
  at?: Date
  key?: string
  signal?: AbortSignal
  /** The header `Prefer`. */
  prefer?: string
}

export async function signedRequest(call: FunctionCall | FunctionCalls, signing: Signing = {}): Promise<Request> {
  const body = JSON.stringify(call)
  const id = signing.id ?? ('jobs' in call ? '' : `${call.id}.${call.attempt}`)
  const timestamp = String(Math.floor((signing.at ?? start).getTime() / 1_000))
  return new Request('http://functions.test/mail/send', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': await sign(signing.key ?? key, id, timestamp, body),
      ...(signing.prefer === undefined ? {} : { prefer: signing.prefer }),
    },
    body,
    ...(signing.signal ? { signal: signing.signal } : {}),
  })
}

/** A function made of `job`, called as the coordinator would call it, at a time that only the test moves. */
export function testFunction(job: RunnableJob, options: Partial<WrapOptions> = {}) {
  const clock = manualClock()
  const handler = wrap(job, {
    worker: 'mail.send',
    keys: [key],
    clock,
    random: () => 0.5,
    fetch: noNetwork,
    ...options,
  })
  return {
    clock,
    handler,
    async call(
      overrides: Partial<FunctionCall> = {},
      signing: Signing & { platform?: PlatformContext } = {},
    ): Promise<Response> {
      return handler.fetch(await signedRequest(callOf(overrides), signing), undefined, signing.platform)
    },
    async receipt(overrides: Partial<FunctionCall> = {}): Promise<Receipt> {
      const response = await this.call(overrides)
      if (response.status !== 200) throw new Error(`answered ${response.status}: ${await response.text()}`)
      return (await response.json()) as Receipt
    },
  }
}

const noNetwork: typeof fetch = () => Promise.reject(new TypeError('this test has no network'))

export interface ManualClock extends Clock {
  /** Moves the time on and wakes whoever slept until then. */
  advance(ms: number): void
  /** Resolves once somebody sleeps for a time that fits. */
  untilSleeping(fits: (ms: number) => boolean): Promise<void>
  sleepers(): number
}

export function manualClock(from: Date = start): ManualClock {
  let now = from.getTime()
  const sleeping = new Set<{ ms: number; until: number; wake: () => void }>()
  const watchers = new Set<() => void>()
  return {
    now: () => new Date(now),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const wake = () => {
          sleeping.delete(sleeper)
          resolve()
        }
        const sleeper = { ms, until: now + ms, wake }
        sleeping.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
        for (const look of watchers) look()
      }),
    alarm(ms, ring) {
      const wake = () => {
        sleeping.delete(sleeper)
        ring()
      }
      const sleeper = { ms, until: now + ms, wake }
      sleeping.add(sleeper)
      for (const look of watchers) look()
      return () => void sleeping.delete(sleeper)
    },
    advance(ms) {
      now += ms
      for (const sleeper of sleeping) if (sleeper.until <= now) sleeper.wake()
    },
    untilSleeping: (fits) =>
      new Promise((resolve) => {
        const look = () => {
          if (![...sleeping].some(({ ms }) => fits(ms))) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
    sleepers: () => sleeping.size,
  }
}

/** A promise that the test settles. */
export function gate<T = void>(): { opened: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void
  const opened = new Promise<T>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** A network where the coordinator answers with each of `answers` in turn, the last one again and again. */
export function testCoordinator(answers: (() => Response | Promise<Response>)[]) {
  const posts: { url: string; body: string }[] = []
  const post: typeof fetch = async (url, init) => {
    posts.push({ url: url as string, body: init?.body as string })
    const answer = answers[Math.min(posts.length, answers.length) - 1]!
    return answer()
  }
  return { posts, fetch: post }
}
