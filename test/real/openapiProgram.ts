/**
 * A program by the client that openapi-typescript and openapi-fetch make of the description: every step is typed by it.
 * `client.d.ts` stands beside it where it is compiled. Prints what it saw, as JSON.
 */
import createClient from 'openapi-fetch'
import type { components, paths } from './client.js'

declare const process: { env: Record<string, string | undefined> }
const { ERRAND_URL = '', ERRAND_API_KEY = '' } = process.env
const headers = { authorization: `Bearer ${ERRAND_API_KEY}` }
const errand = createClient<paths>({ baseUrl: ERRAND_URL, headers })
const stranger = createClient<paths>({ baseUrl: ERRAND_URL })

const saw: Record<string, unknown> = {}
const codes: string[] = []

/** The answer, or what it failed with. */
async function ok<Data>(
  asked: Promise<{ data?: Data; error?: { error: components['schemas']['WireError'] } }>,
): Promise<Data> {
  const { data, error } = await asked
  if (error) throw new Error(`${error.error.code}: ${error.error.message}`)
  return data as Data
}

async function refused(asked: Promise<{ error?: { error: components['schemas']['WireError'] } }>): Promise<void> {
  const { error } = await asked
  if (!error) throw new Error('It was to be refused.')
  codes.push(error.error.code)
}

// enqueue, wait, look
const job = await ok(errand.POST('/job', { body: { worker: 'echo', args: { text: 'hello' } } }))
if (!('id' in job)) throw new Error('It is a schedule.')
const end = await ok(errand.GET('/jobs/{id}/receipt', { params: { path: { id: job.id }, query: { timeout: '20s' } } }))
saw['end'] = [end.state, 'receipt' in end ? end.receipt?.result : undefined]
const shown = await ok(errand.GET('/jobs/{id}', { params: { path: { id: job.id } } }))
saw['job'] = [shown.worker, shown.args, shown.receipts.map(({ status }) => status)]
const why = await ok(errand.GET('/jobs/{id}/why', { params: { path: { id: job.id } } }))
saw['why'] = why.reasons.map((reason) => (reason.kind === 'final' ? reason.state : reason.kind))

// many, in pages
const many = await ok(
  errand.POST('/jobs', {
    body: { jobs: [1, 2, 3].map((n) => ({ worker: 'echo', args: { text: String(n) }, delay: '1h' })), atomic: true },
  }),
)
saw['many'] = many.outcomes.map(({ ok }) => ok)
const ids: string[] = []
for (let cursor: string | null | undefined; cursor !== null;) {
  const page: components['schemas']['JobPage'] = await ok(
    errand.GET('/jobs', { params: { query: { state: 'scheduled', limit: 2, ...(cursor ? { cursor } : {}) } } }),
  )
  ids.push(...page.jobs.map(({ id }) => id))
  cursor = page.cursor
}
saw['pages'] = ids.length

// operate
const [first = '', second = ''] = ids
saw['cancelled'] = (await ok(errand.DELETE('/jobs/{id}', { params: { path: { id: first } } }))).state
saw['retried'] = (await ok(errand.POST('/jobs/{id}/retry', { params: { path: { id: first } } }))).state
const counted = await ok(errand.POST('/jobs/cancel', { body: { filter: { worker: 'echo' }, dryRun: true } }))
saw['counted'] = 'count' in counted && counted.count > 0
const replayed = await ok(errand.POST('/jobs/{id}/replay', { params: { path: { id: job.id } }, body: {} }))
saw['replayed'] = replayed.replayOf === job.id
saw['paused'] = (await ok(errand.POST('/pauses', { body: { worker: 'echo', reason: 'lunch' } }))).scope
saw['pauses'] = (await ok(errand.GET('/pauses'))).pauses.map(({ reason }) => reason)
await ok(errand.DELETE('/pauses', { params: { query: { worker: 'echo' } } }))

// schedules, groups
const scheduled = await ok(
  errand.POST('/schedules', { body: { id: 'hourly', worker: 'echo', args: { text: 'x' }, every: '1h' } }),
)
saw['scheduled'] = scheduled.scheduleId
saw['schedules'] = (await ok(errand.GET('/schedules'))).schedules.map(({ every }) => every)
await ok(errand.PATCH('/schedules/{id}', { params: { path: { id: 'hourly' } }, body: { every: '2h' } }))
await ok(errand.POST('/schedules/{id}/pause', { params: { path: { id: 'hourly' } } }))
await ok(errand.POST('/schedules/{id}/run', { params: { path: { id: 'hourly' } } }))
await ok(errand.DELETE('/schedules/{id}', { params: { path: { id: 'hourly' } } }))
const group = await ok(errand.POST('/groups', { body: { jobs: [{ worker: 'echo', args: { text: 'g' } }] } }))
saw['group'] = [group.total, (await ok(errand.GET('/groups/{id}', { params: { path: { id: group.id } } }))).policy]

// workers, keys, the audit
saw['workers'] = (await ok(errand.GET('/workers'))).workers.map(({ name }) => name)
saw['example'] = (await ok(errand.GET('/workers/{name}', { params: { path: { name: 'echo' } } }))).example
const { key } = await ok(errand.POST('/keys', { body: { name: 'board', role: 'observe' } }))
saw['actions'] = (await ok(errand.GET('/audit', { params: { query: { limit: 500 } } }))).entries.length > 5

// what is refused, by its code
const board = createClient<paths>({ baseUrl: ERRAND_URL, headers: { authorization: `Bearer ${key}` } })
await refused(stranger.GET('/jobs'))
await refused(board.DELETE('/jobs/{id}', { params: { path: { id: second } } }))
// @ts-expect-error no worker has this name
await refused(errand.POST('/job', { body: { worker: 'ecco', args: { text: 'x' } } }))
// @ts-expect-error its args are missing
await refused(errand.POST('/job', { body: { worker: 'echo', args: {} } }))
await refused(errand.POST('/job', { body: { worker: 'echo', args: { text: 'x' }, runAt: 'someday' } }))
await refused(errand.POST('/job', { body: { worker: 'echo', args: { text: 'x'.repeat(2_000_000) } } }))
await refused(errand.POST('/jobs', { body: { jobs: [{ worker: 'none' }], atomic: true } }))
await refused(errand.GET('/jobs/{id}', { params: { path: { id: 'none' } } }))
await refused(errand.GET('/groups/{id}', { params: { path: { id: 'none' } } }))
await refused(errand.GET('/schedules/{id}', { params: { path: { id: 'none' } } }))
await refused(errand.DELETE('/keys/{name}', { params: { path: { name: 'none' } } }))
await refused(errand.DELETE('/pauses', { params: { query: { worker: 'echo' } } }))
await refused(errand.POST('/deployments/{id}/activate', { params: { path: { id: 7 } }, body: {} }))
await refused(errand.POST('/deployments/deactivate'))
await refused(errand.POST('/keys', { body: { name: 'board', role: 'observe' } }))
await refused(errand.POST('/keys', { body: { name: 'a b', role: 'observe' } }))
const unique = { worker: 'echo', args: { text: 'u' }, key: 'one', delay: '1h' } as const
await ok(errand.POST('/job', { body: unique }))
await refused(errand.POST('/job', { body: unique }))
saw['codes'] = codes
console.log(JSON.stringify(saw))
