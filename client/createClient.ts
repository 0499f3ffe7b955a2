/** Assembles the client: one plain engine keyed by name, which gets its types from `Jobs`. */
import { durationProblem, parseDuration, type Duration } from '../core/time/duration.js'
import { encodeArgs, encodeJob } from '../core/job/encodeJob.js'
import type { EnqueueOptions } from '../core/job/enqueueOptions.js'
import { createIds } from '../core/job/newIds.js'
import { configError } from '../core/errors.js'
import type { JobState } from '../core/states.js'
import { systemClock, type Clock } from '../core/time/clock.js'
import { createAudit, createKeys } from './admin.js'
import { createDeployments } from './deployments.js'
import { createEnqueue, enqueueAll, enqueueAtomic, type AnyItem, type Enqueued } from './enqueue.js'
import { dated } from './dated.js'
import { createEnds } from './subscriptions.js'
import { createGrouping } from './groups.js'
import { createPausing } from './pauses.js'
import { createManyJobs } from './bulk.js'
import { jobReference } from './receipt.js'
import { createTransport } from './transport.js'
import { createSchedule, createSchedules } from './schedules.js'
import { createWorkers } from './workers.js'
import { createTicking } from './tick.js'
import type { AnyJobs, Client, Registry } from './types.js'
import { jobDetails, jobSummary } from './view.js'
import type { EnqueueManyOptions, EnqueueOutcome, JobHandle } from './jobTypes.js'

export interface ClientOptions {
  /** The coordinator's address, such as `http://127.0.0.1:4100`. */
  url: string | URL
  /**
   * Sent as `Authorization: Bearer`. To enqueue, its role must be `enqueue` or `operate`. Default: none, which a
   * coordinator on loopback accepts.
   */
  apiKey?: string | undefined
  /**
   * How long a call may take before it fails with `UNAVAILABLE`, or `OVERLOADED`. Default `30s`. A wait for a receipt
   * has a timeout of its own.
   */
  timeout?: Duration | undefined
  /**
   * How long an enqueue is tried again while the coordinator is away: it refuses or resets the connection, a proxy
   * answers in its place (502 to 504), or it has no database. Each job has an id, so it is one job however often it was
   * sent. Within `timeout`. Default `10s`; `0s` for never.
   */
  retryFor?: Duration | undefined
  /** Makes the requests. Default: the global `fetch`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** The time, for tests. Default: the machine's. */
  clock?: Clock | undefined
  /**
   * At least 0 and below 1; spreads the requests of clients that lost their coordinator together. Default:
   * `Math.random`.
   */
  random?: (() => number) | undefined
}

/**
 * A client of the coordinator at `url`. `Jobs` is the interface in `jobs/registry.gen.ts`; without it every worker's
 * name is taken, args and results have no types, and the coordinator alone checks them. Throws `ErrandError` `CONFIG`
 * for options that cannot work; connects at the first call.
 */
export function createClient<Jobs extends Registry<Jobs> = AnyJobs>(options: ClientOptions): Client<Jobs> {
  return createAnyClient(options) as unknown as Client<Jobs>
}

/** A client without a registry and without the types that follow each item of a list. */
interface AnyClient extends Omit<Client, 'enqueueMany' | 'group'>, Pick<ReturnType<typeof createGrouping>, 'group'> {
  enqueueMany(items: readonly AnyItem[], options?: EnqueueManyOptions): Promise<EnqueueOutcome<unknown>[]>
}

function createAnyClient({
  url,
  apiKey,
  timeout = '30s',
  retryFor = '10s',
  fetch = (url, init) => globalThis.fetch(url, init),
  clock = systemClock,
  random = Math.random,
}: ClientOptions): AnyClient {
  const timeoutMs = parseDuration(timeout)
  if (timeoutMs === undefined) throw configError(`\`timeout\` of createClient: ${durationProblem(timeout)}`)
  const retryForMs = parseDuration(retryFor)
  if (retryForMs === undefined) throw configError(`\`retryFor\` of createClient: ${durationProblem(retryFor)}`)
  const transport = createTransport({ url, apiKey, fetch, timeoutMs, retryForMs, clock, random })
  const { call } = transport
  const ends = createEnds({ transport, clock, random })
  const sending = { transport, newId: createIds(() => clock.now()) }
  const enqueue = createEnqueue(sending)
  const reference = (id: string, state?: JobState) => jobReference({ ends, clock }, id, state)
  const handle = ({ id, state, runAt, existing = false }: Enqueued): JobHandle<unknown> =>
    Object.assign(reference(id, state), { state, runAt, existing })

  return {
    enqueue: async (worker: string, args?: object, options?: EnqueueOptions) =>
      handle(await enqueue(encodeJob(worker, args, options))),
    enqueueMany: async (items, { atomic = false } = {}) => {
      const outcomes = await (atomic ? enqueueAtomic : enqueueAll)(sending, items)
      return outcomes.map((outcome) => (outcome.ok ? { ok: true, job: handle(outcome) } : outcome))
    },
    schedule: createSchedule(transport),
    job: (id) => reference(id),
    jobs: {
      get: async (id) => jobDetails(await call((router, options) => router.jobs.get.query({ id }, options))),
      list: async (filter = {}) => {
        const page = await call((router, options) => router.jobs.list.query(filter, options))
        return { jobs: page.jobs.map(jobSummary), cursor: page.cursor }
      },
      why: async (id) => dated(await call((router, options) => router.jobs.why.query({ id }, options))),
      cancel: (id) => call((router, options) => router.jobs.cancel.mutate({ id }, options)),
      retry: (id, { now } = {}) => call((router, options) => router.jobs.retry.mutate({ id, now }, options)),
      replay: async (id, { args } = {}) => {
        const { size: _, ...encoded } = args === undefined ? { size: 0 } : encodeArgs(`job ${id}`, args)
        const request = { id, ...encoded }
        return handle(await call((router, options) => router.jobs.replay.mutate(request, options)))
      },
      ...createManyJobs(transport),
    },
    schedules: createSchedules(transport, handle),
    ...createPausing(transport),
    ...createGrouping({ transport, ends, clock, random }),
    deployments: createDeployments(transport),
    keys: createKeys(transport),
    audit: createAudit(transport),
    ...createTicking(transport),
    workers: createWorkers(transport),
  }
}
