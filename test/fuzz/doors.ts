/**
 * Every door, with a request that it takes and the roles that may: read off the router and the API's description, so
 * that a new one must be given here.
 */
import type { Role } from '../../core/roles.js'
import { describeApi } from '../../server/api/rest/description.js'
import { router } from '../../server/api/router/index.js'
import type { Random } from '../support/random.js'
import type { Json } from './hostile.js'

const openapi = JSON.parse(describeApi()) as { paths: Record<string, Record<string, any>> } // oxlint-disable-line typescript/no-explicit-any

export interface Door {
  kind: 'rest' | 'trpc' | 'receipt' | 'function'
  method: string
  /** With `{id}` where an id is to stand; of a procedure its name. */
  path: string
  /** Undefined: open to everyone. */
  roles: readonly Role[] | undefined
  /** Bodies, or inputs, that it takes. */
  samples: readonly Json[]
  query?: readonly string[]
}

const job: Json = { worker: 'echo', args: { n: 1 } }
const jobs: Json[] = [
  job,
  { worker: 'strict.send', args: { to: 'ada@example.org', tags: ['a'] } },
  { worker: 'strict.send', args: { to: 'b', at: '2030-01-01T00:00:00.000Z' }, argsMeta: { values: { at: ['Date'] } } },
  { worker: 'limited.keyed', args: { key: 'k' }, delay: '1s', priority: 5 },
  { worker: 'echo', args: {}, runAt: '2030-01-01 10:00:00 AM', timezone: 'Europe/Berlin' },
  { worker: 'echo', args: {}, key: 'k1' },
  { worker: 'echo', args: {}, unique: { key: 'k2', until: '1h', onConflict: 'replace' } },
  { worker: 'echo', args: {}, delay: '1h', unique: { key: 'k3', onConflict: 'debounce', maxWait: '2h' } },
  { worker: 'held', args: {} },
]
const rule: Json = { every: '1h' }
const schedules: Json[] = [
  { worker: 'echo', args: { n: 1 }, id: 's1', ...(rule as object) },
  { worker: 'echo', args: {}, id: 's2', cron: '0 3 * * *', timezone: 'Asia/Tokyo', overlap: 'skip', spread: '10m' },
]
const many: Json[] = [{ jobs: [job, job] }, { jobs: jobs.slice(0, 4), atomic: true }]
const groups: Json[] = [
  { jobs: [job, job], then: 'merge' },
  {
    jobs: [{ group: [job], then: 'merge', policy: 'wait' }, job],
    then: { worker: 'merge', args: {}, priority: 1 },
    policy: 'cancelRest',
  },
]
const filters: Json[] = [
  { filter: { worker: 'echo', state: 'failed' }, dryRun: true },
  { filter: { worker: 'echo', createdAfter: '2026-01-01T00:00:00Z', errorCode: 'X' }, token: 'x' },
]
const pauses: Json[] = [{ worker: 'limited.keyed', key: 'k', reason: 'r' }, { worker: 'merge' }]
const keys: Json[] = [
  { name: 'k1', role: 'enqueue', workers: ['echo', 'strict.*'] },
  { name: 'k2', role: 'operate' },
]
const deployment: Json = {
  contracts: 'export default {}',
  functions: 'http://127.0.0.1:9',
  workers: [{ name: 'echo', hash: 'x' }],
}
const receipts: Json[] = [
  { status: 'success', result: { a: 1 } },
  { status: 'success', result: { at: '2030-01-01T00:00:00.000Z' }, resultMeta: { values: { at: ['Date'] } } },
  { status: 'failure', error: { name: 'Error', message: 'm', cause: { message: 'c' } }, retryAfter: '1s' },
  { status: 'failure', error: 'text', fatal: true },
  { status: 'snoozed', delay: '10m' },
]
const reports: Json[] = [
  {
    progress: { fraction: 0.4, note: 'n' },
    log: [{ at: '2030-01-01T00:00:00Z', message: 'm', fields: { a: 1 } }],
    logDropped: 0,
  },
]

const erases: Json[] = [
  { filter: { ids: ['{id}'] }, dryRun: true },
  { filter: { worker: 'limited.keyed', key: 'k' }, dryRun: true },
  { filter: { parent: '{id}' }, token: 'x' },
]

/** Of routes with a body, by method and path. */
const bodies: Record<string, readonly Json[]> = {
  'post /job': [...jobs, { worker: 'echo', args: {}, cron: '0 3 * * *', key: 'c1' }],
  'post /jobs': many,
  'post /jobs/{id}/retry': [{}, { now: true }],
  'post /jobs/{id}/replay': [{}, { args: { n: 2 } }],
  'post /jobs/retry': filters,
  'post /jobs/replay': filters,
  'post /jobs/cancel': filters,
  'post /jobs/erase': erases,
  'post /job/{id}/receipt': receipts,
  'post /job/{id}/progress': reports,
  'post /job/{id}/enqueue': [{ worker: 'echo', args: {}, call: 'c' }],
  'post /job/{id}/heartbeat': [{}],
  'post /pauses': pauses,
  'post /keys': keys,
  'post /deployments': [deployment],
  'post /deployments/{id}/activate': [{ force: false }],
  'post /deployments/rollback': [{}],
  'post /groups': groups,
  'post /schedules': schedules,
  'post /schedules/preview': [
    { every: '90m', count: 3 },
    { cron: '*/5 * * * *', from: '2030-01-01T00:00:00Z' },
  ],
  'patch /schedules/{id}': [{ every: '2h' }, { cron: '0 4 * * *', missed: 'all', timezone: null }],
  'post /tick': [{ budget: '100ms' }],
}

const queries: Record<string, readonly string[]> = {
  'get /jobs': ['worker=echo&state=failed&limit=5', 'limit=500', 'cursor=x', 'parent=x'],
  'get /jobs/{id}/receipt': ['timeout=10ms'],
  'get /groups/{id}/jobs': ['limit=2', 'state=queued'],
  'get /audit': ['limit=3', 'action=keys.create'],
  'delete /pauses': ['worker=limited.keyed&key=k', 'worker=merge'],
  'get /compat/waiting': ['limit=5', ''],
  'get /groups/{id}/end': ['timeoutMs=10'],
}

const id: Json = { id: '{id}' }
const inputs: Record<string, readonly Json[]> = {
  enqueue: jobs,
  enqueueMany: many,
  group: groups,
  schedule: schedules,
  'jobs.get': [id],
  'jobs.list': [{}, { worker: 'echo', limit: 5 }],
  'jobs.why': [id],
  'jobs.cancel': [id],
  'jobs.retry': [id],
  'jobs.replay': [id, { id: '{id}', args: { n: 3 } }],
  'jobs.cancelMany': filters,
  'jobs.retryMany': filters,
  'jobs.replayMany': filters,
  'jobs.erase': erases,
  'jobs.wait': [{ id: '{id}', timeoutMs: 10 }],
  'jobs.ended': [{ ids: ['{id}', '{id}'] }],
  'jobs.waitMany': [{ ids: ['{id}', '{id}'], timeoutMs: 10 }],
  'groups.get': [id],
  'groups.jobs': [{ id: '{id}', limit: 5 }],
  'groups.cancel': [id],
  'groups.retry': [id],
  'groups.wait': [{ id: '{id}', timeoutMs: 10 }],
  'schedules.list': [{}],
  'schedules.get': [{ id: 's1' }],
  'schedules.preview': [{ every: '1h' }, { id: 's1', count: 2 }],
  'schedules.update': [{ id: 's1', every: '3h' }],
  'schedules.pause': [{ id: 's1' }],
  'schedules.resume': [{ id: 's1' }],
  'schedules.run': [{ id: 's1' }],
  'schedules.remove': [{ id: 's2' }],
  'pauses.list': [{}],
  'pauses.add': pauses,
  'pauses.remove': [{ worker: 'merge' }],
  'audit.list': [{ limit: 3 }],
  'keys.create': keys,
  'keys.list': [{}],
  'keys.revoke': [{ name: 'k1' }],
  'compat.waiting': [{}],
  'deployments.register': [deployment],
  'deployments.activate': [{ id: 1 }],
  'deployments.rollBack': [{}],
  'deployments.deactivate': [{}],
  'deployments.retire': [{ id: 1 }],
  'deployments.list': [{}],
  tick: [{ budget: '100ms' }],
  'workers.list': [{}],
  'workers.get': [{ name: 'echo' }],
}

const receiptDoor = /^\/job\/\{id\}\/(receipt|progress|enqueue|heartbeat)$/

const restDoors: Door[] = Object.entries(openapi.paths).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, { security?: { apiKey: Role[] }[] }>).map(([method, { security }]): Door => {
    const name = `${method} ${path}`
    return {
      kind: method === 'post' && receiptDoor.test(path) ? 'receipt' : 'rest',
      method: method.toUpperCase(),
      path,
      roles: security?.[0]?.apiKey,
      samples: bodies[name] ?? [],
      ...(queries[name] && { query: queries[name] }),
    }
  }),
)

const trpcDoors: Door[] = Object.entries(router._def.procedures).map(([path, procedure]) => {
  const { type, meta } = (procedure as unknown as { _def: { type: string; meta: { roles: readonly Role[] } } })._def
  return {
    kind: 'trpc',
    method: type === 'query' ? 'GET' : 'POST',
    path,
    roles: meta.roles,
    samples: inputs[path] ?? [],
  }
})

const functionDoors: Door[] = ['/echo', '/strict/send', '/held', '/merge'].map((path) => ({
  kind: 'function',
  method: 'POST',
  path,
  roles: [],
  samples: [
    {
      id: 'job1',
      worker: path.slice(1).replace('/', '.'),
      attempt: 1,
      maxAttempts: 5,
      args: { n: 1, to: 'a' },
      deadline: '2099-01-01T00:00:00.000Z',
      receipt: 'http://127.0.0.1:9/job/job1/receipt?token=t',
    },
  ],
}))

const doors: readonly Door[] = [...restDoors, ...trpcDoors, ...functionDoors]

/** Doors that take a body, and have no sample of one here. */
export const withoutSample = (): string[] => [
  ...trpcDoors.filter(({ samples }) => samples.length === 0).map(({ path }) => path),
  ...Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, { requestBody?: unknown }>)
      .filter(([method, { requestBody }]) => requestBody !== undefined && bodies[`${method} ${path}`] === undefined)
      .map(([method]) => `${method} ${path}`),
  ),
]

/** Receipts and procedures more often than their number, because more comes in by them. */
export function pickDoor(random: Random): Door {
  const kind = random.pick(['rest', 'rest', 'rest', 'trpc', 'trpc', 'trpc', 'receipt', 'receipt', 'function'] as const)
  return random.pick(doors.filter((door) => door.kind === kind))
}
