import crypto, { createHash } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { describe, expect, it, vi } from 'vitest'
import type { Client } from '../../../client/index.js'
import { clientOf, gate } from '../../client/support.js'
import { workers, type Jobs } from '../../client/workers.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const as = (errand: TestErrand, apiKey?: string): Client<Jobs> => clientOf(errand, { apiKey }).client
const stored = (errand: TestErrand) =>
  errand.database.db.collection<{ _id: string; leaving?: boolean }>('errand_api_keys')

/** A coordinator whose first key is ada's. */
async function withOperator(errand: TestErrand): Promise<{ ada: Client<Jobs>; key: string }> {
  const { key } = await as(errand).keys.create({ name: 'ada', role: 'operate' })
  return { ada: as(errand, key), key }
}

describe('the first key', () => {
  it('must be an operator, and from then on every call needs a key', async () => {
    await using errand = await testErrand(workers)
    await expect(as(errand).keys.create({ name: 'web', role: 'enqueue' })).rejects.toMatchObject({
      code: 'OPERATE_KEY_NEEDED',
      message: expect.stringContaining('role operate first'),
    })
    await as(errand).enqueue('tick')
    const created = await as(errand).keys.create({ name: 'ada', role: 'operate' })
    expect(created).toEqual({
      name: 'ada',
      role: 'operate',
      source: 'stored',
      createdAt: new Date('2030-01-01T00:00:00Z'),
      createdBy: 'local',
      key: expect.stringMatching(/^errand_[\w-]{43}$/),
      first: true,
    })
    await expect(as(errand).enqueue('tick')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    const ada = as(errand, created.key)
    await ada.enqueue('tick')
    expect(await ada.keys.create({ name: 'web', role: 'enqueue' })).not.toHaveProperty('first')
  })

  it('need not be one where an operator is in the setting', async () => {
    const apiKeys = [{ role: 'operate' as const, key: 'the-key-of-an-admin' }]
    await using errand = await testErrand(workers, { apiKeys })
    const { key, createdBy } = await as(errand, 'the-key-of-an-admin').keys.create({ name: 'web', role: 'enqueue' })
    expect(createdBy).toBe('setting:operate#1')
    await as(errand, key).enqueue('tick')
  })

  it('is asked for at once where keys are required, as they are beyond loopback', async () => {
    await using errand = await testErrand(workers, { keysRequired: true })
    await expect(as(errand).enqueue('tick')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })
})

describe('keys', () => {
  it('may do what their role may, and are called by their names in the audit', async () => {
    await using errand = await testErrand(workers)
    const { ada } = await withOperator(errand)
    const web = as(errand, (await ada.keys.create({ name: 'web', role: 'enqueue' })).key)
    const board = as(errand, (await ada.keys.create({ name: 'board', role: 'observe' })).key)
    const { id } = await web.enqueue('tick', {}, { delay: '1h' })
    await expect(web.jobs.list()).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect((await board.jobs.list()).jobs).toHaveLength(1)
    await expect(board.jobs.cancel(id)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await ada.jobs.cancel(id)
    const { entries } = await ada.audit.list()
    expect(entries.map(({ by, action, target, outcome }) => [by.name, action, target, outcome])).toEqual([
      ['ada', 'jobs.cancel', { id }, 'ok'],
      ['board', 'jobs.cancel', { id }, 'FORBIDDEN'],
      ['ada', 'keys.create', { name: 'board', role: 'observe' }, 'ok'],
      ['ada', 'keys.create', { name: 'web', role: 'enqueue' }, 'ok'],
      ['local', 'keys.create', { name: 'ada', role: 'operate' }, 'ok'],
    ])
  })

  it('lie in the database as hashes only, and are in no entry and no line of the log', async () => {
    const lines: unknown[] = []
    await using errand = await testErrand(workers, { log: (...line) => lines.push(line) })
    const { ada, key } = await withOperator(errand)
    const { key: other } = await ada.keys.create({ name: 'web', role: 'enqueue', workers: ['mail.*'] })
    await as(errand, other).enqueue('mail.send', { to: 'a' })
    await as(errand, other)
      .keys.list()
      .catch(() => {})
    await ada.keys.revoke('web')
    await ada.keys.revoke('web').catch(() => {})
    await as(errand, other)
      .enqueue('tick')
      .catch(() => {})
    const collections = await errand.database.db.collections()
    const rest = JSON.stringify([await Promise.all(collections.map((each) => each.find().toArray())), lines])
    for (const secret of [key, other, key.slice(7), other.slice(7)]) expect(rest).not.toContain(secret)
    expect(await stored(errand).findOne({ _id: 'ada' })).toMatchObject({
      hash: createHash('sha256').update(key).digest('hex'),
    })
    expect(JSON.stringify(await ada.keys.list())).not.toMatch(/[0-9a-f]{64}/)
  })

  it('are listed with those of the setting, and with their last use', async () => {
    const apiKeys = [
      { role: 'observe' as const, key: 'the-key-of-a-viewer', args: true },
      { role: 'operate' as const, hash: createHash('sha256').update('the-key-of-an-admin').digest('hex') },
    ]
    await using errand = await testErrand(workers, { apiKeys })
    const admin = as(errand, 'the-key-of-an-admin')
    const { key } = await admin.keys.create({ name: 'web', role: 'enqueue', workers: ['tick', 'mail.*'] })
    const createdAt = new Date('2030-01-01T00:00:00Z')
    const web = { name: 'web', role: 'enqueue', workers: ['tick', 'mail.*'], source: 'stored', createdAt }
    expect(await admin.keys.list()).toEqual([
      { name: 'setting:observe#1', role: 'observe', args: true, source: 'setting' },
      { name: 'setting:operate#2', role: 'operate', source: 'setting' },
      { ...web, createdBy: 'setting:operate#2' },
    ])
    await errand.clock.advance('1h')
    await as(errand, key).enqueue('tick')
    expect((await admin.keys.list())[2]).toMatchObject({ lastUsedAt: new Date('2030-01-01T01:00:00Z') })
    await errand.clock.advance('30s')
    await as(errand, key).enqueue('tick')
    await errand.clock.advance('5m')
    await as(errand, key).enqueue('tick')
    await errand.coordinator.stop() // what it knows of uses is written down at the latest now
    expect(await stored(errand).findOne()).toMatchObject({ lastUsedAt: new Date('2030-01-01T01:05:30Z') })
  })

  it.each([
    [{ name: 'a b', role: 'enqueue' }, 'name'],
    [{ name: 'setting:operate#1', role: 'enqueue' }, 'name'],
    [{ name: 'local', role: 'enqueue' }, 'name'],
    [{ name: 'web', role: 'admin' }, 'role'],
    [{ name: 'web', role: 'observe', workers: ['tick'] }, 'workers'],
    [{ name: 'web', role: 'enqueue', workers: [] }, 'workers'],
    [{ name: 'web', role: 'enqueue', workers: ['mail.*.send'] }, 'workers.0'],
    [{ name: 'web', role: 'enqueue', workers: ['tick', '*'] }, 'workers.1'],
    [{ name: 'web', role: 'enqueue', args: true }, 'args'],
    [{ name: 'web', role: 'enqueue', hash: 'x' }, 'hash'],
  ])('that cannot be are refused with what is wrong: %j', async (request, path) => {
    await using errand = await testErrand(workers)
    const { status, body } = await errand.post('/keys', request)
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'BAD_REQUEST', message: expect.stringContaining(path) })
    expect(body.error.issues.map((issue: { path: unknown[] }) => issue.path.join('.'))).toEqual([path])
    expect(await stored(errand).countDocuments()).toBe(0)
  })

  it('have one name each', async () => {
    await using errand = await testErrand(workers)
    const { ada, key } = await withOperator(errand)
    await expect(ada.keys.create({ name: 'ada', role: 'operate' })).rejects.toMatchObject({ code: 'NAME_TAKEN' })
    expect(await as(errand, key).jobs.list()).toMatchObject({ jobs: [] })
  })

  it('are made, listed and revoked over HTTP', async () => {
    await using errand = await testErrand(workers)
    const { status, body } = await errand.post('/keys', { name: 'ada', role: 'operate' })
    expect({ status, body }).toMatchObject({ status: 201, body: { name: 'ada', key: expect.any(String), first: true } })
    const headers = { authorization: `Bearer ${body.key}` }
    const call = async (method: string, path: string) => {
      const response = await errand.coordinator.fetch(
        new Request(`http://coordinator.test${path}`, { method, headers }),
      )
      return { status: response.status, body: await response.json() }
    }
    await errand.post('/keys', { name: 'web', role: 'enqueue' }, headers)
    expect(await call('GET', '/keys')).toMatchObject({ body: { keys: [{ name: 'ada' }, { name: 'web' }] } })
    expect(await call('DELETE', '/keys/web')).toEqual({ status: 200, body: { name: 'web', revoked: true } })
    expect(await call('DELETE', '/keys/web')).toMatchObject({ status: 404, body: { error: { code: 'UNKNOWN_KEY' } } })
    expect(await call('DELETE', '/keys/ada')).toMatchObject({
      status: 409,
      body: { error: { code: 'OPERATE_KEY_NEEDED' } },
    })
  })
})

describe('a revoked key', () => {
  it('is of no use at once here, and within three seconds on another coordinator', async () => {
    await using errand = await testErrand(workers)
    const { ada } = await withOperator(errand)
    const { key } = await ada.keys.create({ name: 'web', role: 'enqueue' })
    await using other = await testErrand(workers, { beside: errand })
    await as(other, key).enqueue('tick')
    await ada.keys.revoke('web')
    await expect(as(errand, key).enqueue('tick')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    await as(other, key).enqueue('tick') // it has not looked again yet
    await errand.clock.advance('3s')
    await expect(as(other, key).enqueue('tick')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  it('is of no use to a read of the keys that was under way', async () => {
    await using errand = await testErrand(workers)
    const { ada } = await withOperator(errand)
    const { key } = await ada.keys.create({ name: 'web', role: 'enqueue' })
    const { apiKeys: keys } = errand.coordinator.deps.store
    const { all } = keys
    const held = gate()
    const begun = gate()
    keys.all = async () => {
      const found = await all()
      begun.open()
      await held.opened
      return found
    }
    const early = as(errand, key).enqueue('tick')
    await begun.opened
    keys.all = all
    await errand.database.db.collection<{ _id: string }>('errand_api_keys').deleteOne({ _id: 'web' })
    errand.coordinator.deps.keyRing.forget()
    held.open()
    await early
    await expect(as(errand, key).enqueue('tick')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  it('may be the one that revokes, as long as another operator is left', async () => {
    await using errand = await testErrand(workers)
    const { ada } = await withOperator(errand)
    await expect(ada.keys.revoke('ada')).rejects.toMatchObject({ code: 'OPERATE_KEY_NEEDED' })
    const bo = as(errand, (await ada.keys.create({ name: 'bo', role: 'operate' })).key)
    await ada.keys.revoke('ada')
    await expect(ada.keys.list()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    await expect(bo.keys.revoke('bo')).rejects.toMatchObject({ code: 'OPERATE_KEY_NEEDED' })
    expect(await bo.keys.list()).toHaveLength(1)
  })

  it('is never the last operator, when the last two are revoked on two coordinators at the same time', async () => {
    await using errand = await testErrand(workers)
    await using other = await testErrand(workers, { beside: errand })
    const { ada } = await withOperator(errand)
    const { key } = await ada.keys.create({ name: 'bo', role: 'operate' })
    // both are marked before either looks for another one
    const marked = gate()
    let looking = 0
    for (const { apiKeys: keys } of [errand.coordinator.deps.store, other.coordinator.deps.store]) {
      const { operatorsBeside } = keys
      keys.operatorsBeside = async (name) => {
        if (++looking === 2) marked.open()
        await marked.opened
        return operatorsBeside(name)
      }
    }
    const revoked = await Promise.allSettled([ada.keys.revoke('bo'), as(other, key).keys.revoke('ada')])
    expect(revoked.map(({ status }) => status)).not.toEqual(['fulfilled', 'fulfilled'])
    const left = await stored(errand)
      .find({ leaving: { $exists: false } })
      .toArray()
    expect(left.length).toBeGreaterThan(0)
  })

  it('may be revoked again after the coordinator died in between, and is good until then', async () => {
    await using errand = await testErrand(workers)
    const { ada } = await withOperator(errand)
    const { key } = await ada.keys.create({ name: 'bo', role: 'operate' })
    const { store } = errand.coordinator.deps
    const { apiKeys: keys } = store
    store.apiKeys = { ...keys, remove: () => Promise.reject(new Error('killed')) }
    await expect(ada.keys.revoke('bo')).rejects.toMatchObject({ code: 'INTERNAL' })
    store.apiKeys = keys
    await as(errand, key).jobs.list()
    await expect(ada.keys.revoke('ada')).rejects.toMatchObject({
      code: 'OPERATE_KEY_NEEDED',
      message: expect.stringContaining('"bo" is being revoked'),
    })
    await ada.keys.revoke('bo')
    expect(await ada.keys.list()).toMatchObject([{ name: 'ada' }])
    expect(await stored(errand).findOne({ _id: 'ada' })).not.toHaveProperty('leaving')
  })

  it('leaves everything open again only where the setting had an operator meanwhile', async () => {
    await using errand = await testErrand(workers)
    await withOperator(errand)
    const apiKeys = [{ role: 'operate' as const, key: 'the-key-of-an-admin' }]
    await using set = await testErrand(workers, { beside: errand, apiKeys })
    await as(set, 'the-key-of-an-admin').keys.revoke('ada')
    await errand.clock.advance('3s')
    await as(errand).enqueue('tick')
    await expect(as(set, 'the-key-of-an-admin').keys.revoke('setting:operate#1')).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining('ERRAND_API_KEYS'),
    })
  })
})

describe('a key that is shown', () => {
  it('is compared with all of them, right or wrong, and in the same time', async () => {
    const apiKeys = [
      { role: 'enqueue' as const, key: 'the-key-of-an-app-1' },
      { role: 'operate' as const, key: 'the-key-of-an-admin' },
    ]
    await using errand = await testErrand(workers, { apiKeys })
    const admin = as(errand, 'the-key-of-an-admin')
    const keys: string[] = []
    for (const name of ['a', 'b', 'c']) keys.push((await admin.keys.create({ name, role: 'enqueue' })).key)
    const compare = vi.spyOn(crypto, 'timingSafeEqual')
    // modules that import it by name have the spy from now on
    syncBuiltinESMExports()
    const comparisons = async (key: string) => {
      compare.mockClear()
      await as(errand, key)
        .workers.list()
        .catch(() => {})
      return compare.mock.calls.length
    }
    try {
      for (const key of [...keys, 'nobody', keys[0]!.slice(0, -1)]) expect(await comparisons(key)).toBe(5)
      expect(await comparisons('the-key-of-an-app-1')).toBe(2)
    } finally {
      compare.mockRestore()
      syncBuiltinESMExports()
    }
  })

  it('of the setting asks nothing of the database, and a stored one at most once in three seconds', async () => {
    const apiKeys = [{ role: 'operate' as const, key: 'the-key-of-an-admin' }]
    await using errand = await testErrand(workers, { apiKeys })
    const { key } = await as(errand, 'the-key-of-an-admin').keys.create({ name: 'web', role: 'enqueue' })
    const { apiKeys: keys } = errand.coordinator.deps.store
    const read = vi.spyOn(keys, 'all')
    await as(errand, 'the-key-of-an-admin').workers.list()
    expect(read).toHaveBeenCalledTimes(0)
    await Promise.all(Array.from({ length: 20 }, () => as(errand, key).enqueue('tick', {}, { delay: '1h' })))
    await as(errand, key).enqueue('tick', {}, { delay: '1h' })
    expect(read).toHaveBeenCalledTimes(1)
  })

  it('cannot be told while the database is away, which is another thing than a wrong key', async () => {
    await using errand = await testErrand(workers)
    const { apiKeys: keys } = errand.coordinator.deps.store
    keys.all = () => Promise.reject(Object.assign(new Error('gone'), { name: 'MongoNetworkError' }))
    await expect(as(errand).workers.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const health = await errand.coordinator.fetch(new Request('http://coordinator.test/healthz'))
    expect(health.status).toBe(200)
  })
})
