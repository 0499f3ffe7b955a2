/**
 * A coordinator for a test: on a database of its own, with a clock that stands still, and no loops, so that a test
 * takes each step by hand. Functions run in this process, through the real `wrap` and real signatures; only the socket
 * is left out. Tests of the socket use `listen`.
 */
import type { JobView } from '../../core/views/answers.gen.js'
import { createCoordinator, type Coordinator, type CoordinatorOptions } from '../../server/coordinator.js'
import { createContracts } from '../../server/deployments/contracts.js'
import { readAnswer } from '../../server/functions/invoke.js'
import { reap } from '../../server/jobs/reap.js'
import { recur } from '../../server/schedules/recur.js'
import { stage } from '../../server/jobs/stage.js'
import { purge } from '../../server/jobs/purge.js'
import type { Job } from '../../core/job/defineJob.js'
import { wrap } from '../../runtime/index.js'
import type { Clock } from '../../core/time/clock.js'
import { manualClock, type ManualClock } from './clock.js'
import type { Invoke } from '../../server/deps.js'
import { lendDatabase, type LentDatabase } from './pool.js'

export const testKey = `whsec_${Buffer.from('a key of thirty-two bytes for it').toString('base64')}`

// the schemas differ from worker to worker; what they have in common is only known to wrap and to the contract
// oxlint-disable-next-line typescript/no-explicit-any
export type TestWorkers = Record<string, Job<any, any>>

export interface TestErrandOptions extends Partial<Omit<CoordinatorOptions, 'clock'>> {
  clock?: ManualClock
  /** Shares the database and the clock of another one: a second coordinator. */
  beside?: TestErrand
}

export interface TestErrand extends AsyncDisposable {
  coordinator: Coordinator
  clock: ManualClock
  /** Prepared, and lent to this test alone. */
  database: LentDatabase
  workers: TestWorkers
  /** Enqueues over `POST /job` and answers with the id. */
  enqueue(worker: string, args?: unknown, options?: Record<string, unknown>): Promise<string>
  get(id: string): Promise<JobView>
  /** Stages what is due, claims, and waits until no attempt runs. */
  run(): Promise<void>
  /** Claims and starts, and does not wait for the ends. */
  claim(): Promise<void>
  stage(): Promise<Date | undefined>
  reap(): Promise<string[]>
  recur(): Promise<Date | undefined>
  purge(): Promise<number>
  /**
   * Resolves when no coordinator of its database asks that anything, nor is about to: then all that needs no clock has
   * happened.
   */
  quiet(): Promise<void>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<{ status: number; body: any }> // oxlint-disable-line typescript/no-explicit-any
}

export async function testErrand(workers: TestWorkers, options: TestErrandOptions = {}): Promise<TestErrand> {
  const { beside, clock = beside?.clock ?? manualClock(), ...coordinatorOptions } = options
  const database = beside?.database ?? (await lendDatabase())
  const coordinator = createCoordinator({
    // asked for at each operation, so that a coordinator that outlives its test writes nothing into the next one's database
    database: {
      get db() {
        return database.db
      },
      renew: async () => {},
    },
    contracts: createContracts(
      Object.fromEntries(
        Object.entries(workers).map(([name, { run: _, ...contract }]) => [
          name,
          { load: async () => contract, scheduled: contract.schedule !== undefined },
        ]),
      ),
    ),
    url: 'http://coordinator.test',
    functionsUrl: 'http://functions.test',
    signingKeys: [testKey],
    clock,
    random: () => 0.5,
    // functions reach the coordinator that called them
    invoke: inProcess(workers, clock, async (...request) => coordinator.fetch(new Request(...request))),
    ...coordinatorOptions,
  })
  const { deps, dispatcher } = coordinator
  const { questions } = database
  questions.watch(deps.store)

  const request = async (path: string, init: RequestInit) => {
    const response = await coordinator.fetch(new Request(`http://coordinator.test${path}`, init))
    return { status: response.status, body: await response.json() }
  }
  const errand: TestErrand = {
    coordinator,
    clock,
    database,
    workers,
    async enqueue(worker, args = {}, more = {}) {
      const { status, body } = await errand.post('/job', { worker, args, ...more })
      if (status !== 201) throw new Error(`POST /job answered ${status}: ${JSON.stringify(body)}`)
      await dispatcher.pump() // the wake that the enqueue gave
      return body.id as string
    },
    get: async (id) => (await request(`/job/${id}`, {})).body as JobView,
    async claim() {
      await dispatcher.pump()
    },
    async run() {
      await stage(deps)
      await dispatcher.pump()
      await dispatcher.idle()
    },
    stage: async () => (await stage(deps)).due,
    reap: () => reap(deps),
    recur: async () => (await recur(deps)).due,
    purge: () => purge(deps),
    quiet: () => questions.quiet(),
    post: (path, body, headers = {}) =>
      request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      await coordinator.stop({ graceMs: 0 })
      if (!beside) await database[Symbol.asyncDispose]()
    },
  }
  return errand
}

/** Calls functions as the HTTP invoker does, less the socket. */
export function inProcess(workers: TestWorkers, clock: Clock, fetch?: typeof globalThis.fetch): Invoke {
  return async ({ url, headers, body, signal }) => {
    const name = new URL(url).pathname.slice(1).replaceAll('/', '.')
    const worker = workers[name]
    if (!worker) return readAnswer(404, undefined, '')
    const handler = wrap(worker, { worker: name, keys: [testKey], clock, ...(fetch && { fetch }) })
    const aborted = new Promise<undefined>((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    )
    const answer = handler.fetch(new Request(url, { method: 'POST', headers, body, signal }))
    const response = await Promise.race([answer, aborted])
    if (!response || signal.aborted) return { kind: 'aborted' }
    return readAnswer(response.status, response.headers.get('retry-after') ?? undefined, await response.text())
  }
}
