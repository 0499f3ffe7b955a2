/** A client of a test's coordinator: only the socket is left out. */
import { createClient, type Client, type Registry } from '../../client/index.js'
import type { ClientOptions } from '../../client/createClient.js'
import { manualClock, type ManualClock } from '../support/clock.js'
import type { TestErrand } from '../support/errand.js'
import type { Jobs } from './workers.js'

export const url = 'http://coordinator.test'

export interface SentRequest {
  method: string
  /** The procedure, such as `enqueueMany`. */
  procedure: string
  headers: Headers
  /** What the procedure got, of a mutation. */
  input: any // oxlint-disable-line typescript/no-explicit-any
}

type TestClientOptions = Partial<ClientOptions> & {
  /** Comes before the coordinator: throws, answers itself, or lets the request pass. */
  before?: (request: SentRequest) => Response | undefined | void
}

/** `Jobs` of the test, or the ones above. */
export function clientOf<TestJobs extends Registry<TestJobs> = Jobs>(
  { coordinator, clock }: Pick<TestErrand, 'coordinator' | 'clock'>,
  { before, ...options }: TestClientOptions = {},
): { client: Client<TestJobs>; sent: SentRequest[] } {
  const sent: SentRequest[] = []
  const client = createClient<TestJobs>({
    url,
    clock,
    random: () => 1,
    fetch: async (input, init) => {
      const request = readRequest(input, init)
      sent.push(request)
      return before?.(request) ?? coordinator.fetch(new Request(input, init))
    },
    ...options,
  })
  return { client, sent }
}

const readRequest = (input: string, init: RequestInit): SentRequest => ({
  method: init.method ?? 'GET',
  procedure: new URL(input).pathname.replace('/trpc/', ''),
  headers: new Headers(init.headers),
  input: typeof init.body === 'string' ? JSON.parse(init.body).json : undefined,
})

/** What `fetch` throws when nobody listens. */
export const refused = () =>
  new TypeError('fetch failed', { cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }) })

export interface ObservedClock extends ManualClock {
  /** Resolves when somebody begins to sleep for just so long. */
  slept(ms: number): Promise<void>
}

export function observedClock(): ObservedClock {
  const clock = manualClock()
  const observers = new Map<number, () => void>()
  return {
    ...clock,
    sleep(ms, signal) {
      observers.get(ms)?.()
      observers.delete(ms)
      return clock.sleep(ms, signal)
    },
    slept: (ms) => new Promise((resolve) => observers.set(ms, resolve)),
  }
}

/** A promise and the way to end it: what a job in a test waits for. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

/** A response whose body ends when the test says so, as where a proxy cuts it. */
export function streamCut(response: Response): { response: Response; cut: () => void } {
  const { opened, open } = gate()
  const reader = response.body!.getReader()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await Promise.race([reader.read(), opened])
      if (chunk && !chunk.done) return controller.enqueue(chunk.value)
      controller.close()
      if (!chunk) await reader.cancel()
    },
    cancel: () => reader.cancel(),
  })
  return { response: new Response(body, response), cut: open }
}
