import { describe, expect, it } from 'vitest'
import { router } from '../../../server/api/router/index.js'
import { targetOf } from '../../../server/access/audit.js'
import { clientOf } from '../../client/support.js'
import { workers } from '../../client/workers.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const operator = 'the-key-of-an-admin'
const apiKeys = [
  { role: 'enqueue' as const, key: 'the-key-of-an-app-1' },
  { role: 'observe' as const, key: 'the-key-of-a-viewer' },
  { role: 'operate' as const, key: operator },
]
const args = { to: 'hunter2@example.org' }
const entriesOf = async (errand: TestErrand) =>
  (await clientOf(errand, { apiKey: operator }).client.audit.list()).entries
const by = { name: 'setting:operate#3', role: 'operate' }

describe('the audit', () => {
  it('has an entry for what an operator does, with who, what, to which thing, and how it ended', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { client } = clientOf(errand, { apiKey: operator })
    const { id } = await client.enqueue('mail.send', args, { delay: '1h' })
    await client.jobs.cancel(id)
    await client.jobs.retry(id)
    await client.schedule('mail.send', args, { id: 'daily', cron: '0 9 * * *' })
    await client.schedules.remove('daily')
    const at = new Date('2030-01-01T00:00:00Z')
    expect(await entriesOf(errand)).toEqual([
      { id: expect.any(String), at, by, action: 'schedules.remove', target: { id: 'daily' }, outcome: 'ok' },
      { id: expect.any(String), at, by, action: 'jobs.retry', target: { id }, outcome: 'ok' },
      { id: expect.any(String), at, by, action: 'jobs.cancel', target: { id }, outcome: 'ok' },
    ])
  })

  it('has the same entry for the same action over REST', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { client } = clientOf(errand, { apiKey: operator })
    const { id } = await client.enqueue('mail.send', args, { delay: '1h' })
    const headers = { authorization: `Bearer ${operator}` }
    const cancel = (id: string) =>
      errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE', headers }))
    expect((await cancel(id)).status).toBe(200)
    expect((await cancel('nobody')).status).toBe(404)
    expect(await entriesOf(errand)).toMatchObject([
      { by, action: 'jobs.cancel', target: { id: 'nobody' }, outcome: 'UNKNOWN_JOB' },
      { by, action: 'jobs.cancel', target: { id }, outcome: 'ok' },
    ])
    const listed = await errand.coordinator.fetch(new Request('http://coordinator.test/audit?limit=1', { headers }))
    expect(await listed.json()).toMatchObject({ entries: [{ outcome: 'UNKNOWN_JOB' }], cursor: expect.any(String) })
  })

  it('has what was refused: by the state of things, by the shape of the request, by the role', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { client } = clientOf(errand, { apiKey: operator })
    const { id } = await client.enqueue('tick')
    await errand.run()
    await expect(client.jobs.cancel(id)).rejects.toMatchObject({ code: 'WRONG_STATE' })
    await expect(client.jobs.cancel('')).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    const viewer = clientOf(errand, { apiKey: 'the-key-of-a-viewer' }).client
    await expect(viewer.jobs.retry(id)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const headers = { authorization: 'Bearer the-key-of-an-app-1' }
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE', headers }))
    expect(await entriesOf(errand)).toMatchObject([
      { by: { name: 'setting:enqueue#1', role: 'enqueue' }, action: 'jobs.cancel', outcome: 'FORBIDDEN' },
      {
        by: { name: 'setting:observe#2', role: 'observe' },
        action: 'jobs.retry',
        target: { id },
        outcome: 'FORBIDDEN',
      },
      { by, action: 'jobs.cancel', target: { id: '' }, outcome: 'BAD_REQUEST' },
      { by, action: 'jobs.cancel', target: { id }, outcome: 'WRONG_STATE' },
    ])
  })

  it('has none for strangers, who could fill it, and none for those who only look', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    await expect(clientOf(errand).client.jobs.cancel('some')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    await errand.coordinator.fetch(new Request('http://coordinator.test/job/some', { method: 'DELETE' }))
    const { client } = clientOf(errand, { apiKey: operator })
    await client.jobs.list()
    expect(await entriesOf(errand)).toEqual([])
  })

  it('names a caller without a key local', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    await expect(client.jobs.cancel('some')).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
    expect((await client.audit.list()).entries).toMatchObject([{ by: { name: 'local', role: 'operate' } }])
  })

  it('has an entry for every mutation of operators, whatever it is', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const operations = Object.entries(router._def.procedures).flatMap(([path, procedure]) => {
      const { type, meta } = (procedure as unknown as { _def: { type: string; meta: { roles: unknown[] } } })._def
      // a cron's tick is no decision of an operator
      return type === 'mutation' && meta.roles.length === 0 && path !== 'tick' ? [path] : []
    })
    expect(operations).toContain('jobs.cancel')
    for (const path of operations)
      await errand.post(`/trpc/${path}`, { json: { id: 'x'.repeat(5_000) } }, { authorization: `Bearer ${operator}` })
    const entries = await entriesOf(errand)
    expect(entries.map(({ action }) => action).toSorted()).toEqual(operations.toSorted())
    for (const { outcome } of entries) expect(outcome).not.toBe('begun')
  })

  it('does nothing where the entry cannot be written', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const { id } = await client.enqueue('tick', {}, { delay: '1h' })
    const { store } = errand.coordinator.deps
    const { audit } = store
    store.audit = { ...audit, insert: () => Promise.reject(new Error('disk full')) }
    await expect(client.jobs.cancel(id)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await client.jobs.get(id)).toMatchObject({ state: 'scheduled' })
  })

  it('keeps the entry as begun where the coordinator dies before the outcome, and says so in the log where only the write fails', async () => {
    const lines: string[] = []
    await using errand = await testErrand(workers, { log: (level, message) => lines.push(`${level} ${message}`) })
    const { client } = clientOf(errand)
    const { id } = await client.enqueue('tick', {}, { delay: '1h' })
    const { store } = errand.coordinator.deps
    store.audit = { ...store.audit, finish: () => Promise.reject(new Error('killed')) }
    expect(await client.jobs.cancel(id)).toEqual({ id, state: 'cancelled' })
    expect((await client.audit.list()).entries).toMatchObject([{ action: 'jobs.cancel', outcome: 'begun' }])
    expect(lines).toContain('error the outcome of an action could not be written to the audit')
  })

  it('is read page by page, by action and by who', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { client } = clientOf(errand, { apiKey: operator })
    for (const id of ['a', 'b', 'c']) await client.jobs.cancel(id).catch(() => {})
    await client.jobs.retry('a').catch(() => {})
    await clientOf(errand, { apiKey: 'the-key-of-a-viewer' })
      .client.jobs.retry('a')
      .catch(() => {})
    const first = await client.audit.list({ action: 'jobs.cancel', limit: 2 })
    expect(first.entries.map(({ target }) => target)).toEqual([{ id: 'c' }, { id: 'b' }])
    const second = await client.audit.list({ action: 'jobs.cancel', limit: 2, cursor: first.cursor! })
    expect(second).toMatchObject({ entries: [{ target: { id: 'a' } }], cursor: null })
    expect((await client.audit.list({ by: 'setting:observe#2' })).entries).toHaveLength(1)
  })

  it('forgets entries after 90 days, and not a moment before', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    await client.jobs.cancel('old').catch(() => {})
    await errand.clock.advance('1h')
    await client.jobs.cancel('young').catch(() => {})
    await errand.clock.advance('2159h')
    await errand.purge()
    expect((await client.audit.list()).entries).toHaveLength(2)
    await errand.clock.advance('1s')
    await errand.purge()
    expect((await client.audit.list()).entries).toMatchObject([{ target: { id: 'young' } }])
  })
})

describe('the target of an entry', () => {
  it('has the fields that name a thing, and nothing that may be payload', () => {
    expect(
      targetOf({
        id: 'a',
        ids: ['a', 'b'],
        worker: 'mail.send',
        filter: { state: ['failed', 'cancelled'], worker: 'mail.send', args: { to: 'x' }, key: 'ada@example.org' },
        args: { to: 'x' },
        argsMeta: {},
        apiKey: 'x',
        reason: 'r'.repeat(1_000),
      }),
    ).toEqual({ id: 'a', ids: 2, worker: 'mail.send', state: 'failed, cancelled', reason: 'r'.repeat(200) })
    for (const input of [undefined, null, 'text', 7, []]) expect(targetOf(input)).toEqual({})
  })
})
