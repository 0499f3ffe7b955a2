/** What is shown of args and results, to whom, through every door. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { encodePayload } from '../../../core/payload/payload.js'
import { clientOf } from '../../client/support.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const keys = {
  web: { role: 'enqueue' as const, key: 'the-key-of-an-app-1' },
  mailer: { role: 'enqueue' as const, key: 'the-key-of-mailers', workers: ['mail.*'] },
  board: { role: 'observe' as const, key: 'the-key-of-a-viewer' },
  support: { role: 'observe' as const, key: 'the-key-of-support', args: true },
  admin: { role: 'operate' as const, key: 'the-key-of-an-admin' },
}
type Name = keyof typeof keys
const apiKeys = Object.values(keys)
const as = (errand: TestErrand, name: Name) => clientOf<AnyJobs>(errand, { apiKey: keys[name].key }).client
type AnyJobs = Record<string, { args: object; result: unknown }>

const secret = 'hunter2'
const charge = defineJob({
  args: z.object({ card: z.object({ number: z.string(), until: z.date() }), amount: z.number() }),
  redact: ['card.number', 'card.until', 'items.*.token'],
  result: z.object({
    id: z.number(),
    at: z.date(),
    items: z.array(z.object({ token: z.string(), place: z.number() })),
  }),
  unique: { key: ({ card }) => card.number },
  run({ card }, context) {
    context.progress(0.5, 'half way')
    context.log('a line')
    return { id: 7, at: new Date(5), items: [{ token: card.number, place: 1 }] }
  },
})
const send = defineJob({ args: z.object({ to: z.string() }), run: ({ to }) => ({ sentTo: to }) })
const workers = { 'pay.charge': charge, 'mail.send': send }
const args = { card: { number: secret, until: new Date(9) }, amount: 3 }
const redactedArgs = { card: { number: '[redacted]', until: '[redacted]' }, amount: 3 }
const result = { id: 7, at: new Date(5), items: [{ token: secret, place: 1 }] }
const redactedResult = { ...result, items: [{ token: '[redacted]', place: 1 }] }

/** Everything that a caller gets from a door over HTTP, as text. */
async function textOf(errand: TestErrand, name: Name, path: string, body?: unknown): Promise<string> {
  const headers = { authorization: `Bearer ${keys[name].key}`, 'content-type': 'application/json' }
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
  return (await errand.coordinator.fetch(new Request(`http://coordinator.test${path}`, init))).text()
}

const inputOf = (input: unknown) => `?input=${encodeURIComponent(JSON.stringify({ json: input }))}`

async function withChargedJob(errand: TestErrand): Promise<string> {
  const { id } = await as(errand, 'web').enqueue('pay.charge', args)
  await errand.run()
  return id
}

describe('args, results and what is made of them', () => {
  it('are shown to operators, and to those who observe with args', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { id } = await as(errand, 'web').enqueue('mail.send', { to: 'ada' }, { key: 'ada' })
    await errand.run()
    for (const name of ['admin', 'support'] as const) {
      expect(await as(errand, name).jobs.get(id)).toMatchObject({
        key: 'ada',
        args: { to: 'ada' },
        receipts: [{ result: { sentTo: 'ada' } }],
      })
      expect(await as(errand, name).jobs.list()).toMatchObject({ jobs: [{ key: 'ada', args: { to: 'ada' } }] })
    }
  })

  it('are hidden from those who observe without, through every door', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { id } = await as(errand, 'web').enqueue('mail.send', { to: secret }, { key: secret })
    const told = await withChargedJob(errand)
    await as(errand, 'web').schedule('mail.send', { to: secret }, { cron: '0 9 * * *', id: 'daily' })
    const board = as(errand, 'board')
    const job = await board.jobs.get(id)
    expect(job).toMatchObject({ args: null, argsHidden: true, receipts: [{ result: undefined, resultHidden: true }] })
    expect(job).not.toHaveProperty('key')
    expect((await board.jobs.get(told)).receipts).toMatchObject([{ progress: { fraction: 0.5 } }])
    expect(await board.jobs.list({ worker: 'mail.send' })).toMatchObject({ jobs: [{ args: null, argsHidden: true }] })
    expect(await board.schedules.list()).toMatchObject([{ args: null, argsHidden: true }])
    expect(await board.schedules.get('daily')).toMatchObject({ args: null, argsHidden: true })
    await expect(board.job(id).result()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('may not see the result'),
    })
    const doors = [
      ...[id, told].flatMap((id) => [
        `/job/${id}`,
        `/job/${id}/receipt`,
        `/trpc/jobs.get${inputOf({ id })}`,
        `/trpc/jobs.wait${inputOf({ id })}`,
        `/trpc/jobs.waitMany${inputOf({ ids: [id] })}`,
      ]),
      '/schedules',
      '/schedules/daily',
      '/compat/waiting',
      `/trpc/jobs.list${inputOf({})}`,
      `/trpc/compat.waiting${inputOf({})}`,
      '/metrics',
    ]
    for (const door of doors) {
      const text = await textOf(errand, 'board', door)
      expect({ door, text }).toEqual({ door, text: expect.not.stringMatching(/hunter2|half way|a line/) })
    }
    const stream = await textOf(errand, 'board', '/trpc/jobs.ended', { json: { ids: [id, told] } })
    expect(stream).toContain(id)
    expect(stream).not.toMatch(/hunter2|half way|a line/)
  })

  it('are hidden from an app but for the results of jobs whose id it holds', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { id } = await as(errand, 'web').enqueue('mail.send', { to: 'ada' }, { key: 'ada' })
    await errand.run()
    const job = await as(errand, 'web').jobs.get(id)
    expect(job).toMatchObject({ args: null, argsHidden: true, receipts: [{ result: { sentTo: 'ada' } }] })
    expect(job).not.toHaveProperty('key')
  })

  it('are not even found with a key for other workers', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { id } = await as(errand, 'web').enqueue('pay.charge', args)
    const own = await as(errand, 'mailer').enqueue('mail.send', { to: 'ada' })
    await errand.run()
    await expect(as(errand, 'mailer').jobs.get(id)).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
    await expect(as(errand, 'mailer').job(id).result()).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
    expect(await textOf(errand, 'mailer', `/job/${id}`)).toContain('UNKNOWN_JOB')
    expect(await textOf(errand, 'mailer', `/job/${id}/receipt`)).toContain('UNKNOWN_JOB')
    expect(await as(errand, 'mailer').job(own.id).result()).toEqual({ sentTo: 'ada' })
  })
})

describe('keys, which are made of args', () => {
  const sync = defineJob({
    args: z.object({ shop: z.string() }),
    concurrency: { limit: 1, key: ({ shop }) => shop },
    throttle: { limit: 1, per: '1m', key: ({ shop }) => shop },
    run: () => null,
  })

  it('are in no reason, no pause and no message to those who do not see args', async () => {
    await using errand = await testErrand({ ...workers, 'shop.sync': sync }, { apiKeys })
    const admin = as(errand, 'admin')
    const ids: string[] = []
    for (let n = 0; n < 2; n++)
      ids.push((await admin.enqueue('shop.sync', { shop: secret }, { key: `${secret}${n}` })).id)
    await errand.run()
    const doors = () => [
      ...ids.flatMap((id) => [`/job/${id}`, `/job/${id}/why`, `/trpc/jobs.why${inputOf({ id })}`]),
      '/pauses',
      '/trpc/pauses.list',
    ]
    const seen = async (name: Name) => (await Promise.all(doors().map((door) => textOf(errand, name, door)))).join('\n')
    expect(await seen('support')).toMatch(/The key \\"hunter2\\" of shop\.sync is throttled/)
    await admin.pause({ worker: 'shop.sync', key: secret })
    expect(await seen('support')).toMatch(/The key \\"hunter2\\" of shop\.sync is paused/)
    const hidden = await seen('board')
    expect(hidden).not.toContain(secret)
    expect(hidden).toContain('A key of shop.sync is paused')
    expect(hidden).toContain('"keyHidden":true')
  })

  it('are in none to anybody where their worker redacts args', async () => {
    const redacting = { 'shop.sync': { ...sync, redact: ['shop'] } as typeof sync }
    await using errand = await testErrand(redacting, { apiKeys })
    const { id } = await as(errand, 'admin').enqueue('shop.sync', { shop: secret }, { delay: '1h', key: secret })
    await as(errand, 'admin').pause({ worker: 'shop.sync', key: secret })
    for (const door of [`/job/${id}`, `/job/${id}/why`])
      expect(await textOf(errand, 'admin', door)).not.toContain(secret)
    // who paused it named the key, and needs it to resume
    expect(await textOf(errand, 'admin', '/pauses')).toContain(secret)
  })
})

describe('redacted fields', () => {
  it('are shown to nobody, whatever the key, through every door that shows', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    await as(errand, 'web').schedule('pay.charge', args, { cron: '0 9 * * *', id: 'daily' })
    for (const name of ['admin', 'support'] as const) {
      expect(await as(errand, name).jobs.get(id)).toMatchObject({
        args: redactedArgs,
        argsRedacted: true,
        receipts: [{ result: redactedResult }],
      })
    }
    const doors = [
      `/job/${id}`,
      `/trpc/jobs.get${inputOf({ id })}`,
      `/trpc/jobs.wait${inputOf({ id })}`,
      `/trpc/jobs.list${inputOf({})}`,
      '/schedules',
      '/schedules/daily',
      `/trpc/schedules.list`,
      '/compat/waiting',
      `/trpc/compat.waiting${inputOf({})}`,
      '/audit',
    ]
    for (const door of doors) {
      for (const name of Object.keys(keys) as Name[]) {
        const text = await textOf(errand, name, door)
        expect({ door, name, text }).toEqual({ door, name, text: expect.not.stringContaining(secret) })
      }
    }
  })

  it('are in the result that is delivered to whoever waits for it', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    expect(await as(errand, 'web').job(id).result()).toEqual(result)
    expect(await as(errand, 'admin').job(id).result()).toEqual(result)
    expect(await textOf(errand, 'web', `/job/${id}/receipt`)).toContain(secret)
    // who only looks is shown it
    expect(await as(errand, 'support').job(id).result()).toEqual(redactedResult)
    expect(await textOf(errand, 'support', `/job/${id}/receipt`)).not.toContain(secret)
    expect(await textOf(errand, 'support', '/trpc/jobs.ended', { json: { ids: [id] } })).not.toContain(secret)
  })

  it('reach the function as they are', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    expect(await as(errand, 'web').job(id).result()).toMatchObject({ items: [{ token: secret }] })
  })

  it('are refused as args where they were copied from what is shown', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    const admin = as(errand, 'admin')
    const { args: shown } = await admin.jobs.get(id)
    const copied = { ...(shown as typeof args), card: { number: '[redacted]', until: new Date(9) } }
    const refusal = {
      code: 'INVALID_ARGS',
      message: expect.stringContaining('card.number'),
      issues: [{ path: ['card', 'number'], code: 'redacted' }],
    }
    await expect(admin.enqueue('pay.charge', copied)).rejects.toMatchObject(refusal)
    await expect(admin.jobs.replay(id, { args: copied })).rejects.toMatchObject(refusal)
    const { id: again } = await admin.jobs.replay(id)
    await errand.run()
    expect(await admin.job(again).result()).toEqual(result)
    expect(await admin.jobs.get(again)).toMatchObject({ args: redactedArgs })
  })

  it('hide all where nobody knows what to redact, as their worker is not deployed', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    await as(errand, 'web').schedule('pay.charge', args, { cron: '0 9 * * *', id: 'daily' })
    await using without = await testErrand({ 'mail.send': send }, { beside: errand, apiKeys })
    expect(await as(without, 'admin').jobs.get(id)).toMatchObject({
      workerKnown: false,
      args: null,
      argsHidden: true,
      receipts: [{ resultHidden: true }],
    })
    expect(await as(without, 'admin').schedules.list()).toMatchObject([{ args: null, argsHidden: true }])
  })

  it('hide all where the contract of their worker does not load', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    const broken = { ...charge, timeout: 'soon' } as unknown as typeof charge
    await using other = await testErrand({ ...workers, 'pay.charge': broken }, { beside: errand, apiKeys })
    expect(await as(other, 'admin').jobs.get(id)).toMatchObject({ args: null, argsHidden: true })
  })

  it('hide the args of another version of their worker, which may have had other fields', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    const next = { ...charge, version: 2, migrate: (args: object) => args } as typeof charge
    await using other = await testErrand({ 'pay.charge': next }, { beside: errand, apiKeys })
    expect(await as(other, 'admin').jobs.get(id)).toMatchObject({
      args: null,
      argsHidden: true,
      receipts: [{ result: redactedResult }],
    })
    // a worker that redacts nothing hides nothing
    const { redact: _, ...open } = next
    await using third = await testErrand({ 'pay.charge': open as typeof charge }, { beside: errand, apiKeys })
    expect(await as(third, 'admin').jobs.get(id)).toMatchObject({ args })
  })

  it('hide a result whose meta cannot be read', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const id = await withChargedJob(errand)
    await errand.database.db
      .collection('errand_receipts')
      .updateMany({}, { $set: { resultMeta: '{"values":{"__proto__.x":["Date"]}}' } })
    expect(await as(errand, 'admin').jobs.list()).toMatchObject({ jobs: [{ args: redactedArgs }] })
    const text = await textOf(errand, 'admin', `/job/${id}`)
    expect(JSON.parse(text)).toMatchObject({ receipts: [{ resultHidden: true }] })
  })
})

describe('groups', () => {
  const told = defineJob({ args: z.looseObject({ note: z.string() }), run: () => null })

  async function groupOf(errand: TestErrand, jobs: object[]): Promise<{ id: string; callback: string }> {
    const then = { worker: 'told', args: { note: 'ends' } }
    const authorization = { authorization: `Bearer ${keys.admin.key}` }
    const { body } = await errand.post('/groups', { jobs, then }, authorization)
    await errand.run()
    await errand.run()
    const group = JSON.parse(await textOf(errand, 'admin', `/groups/${body.id}`))
    return { id: body.id as string, callback: group.then.jobId as string }
  }

  it('show to each caller of their jobs what it may see of them', async () => {
    await using errand = await testErrand({ ...workers, told }, { apiKeys })
    const { json, meta } = encodePayload(args)
    const paid = { worker: 'pay.charge', args: JSON.parse(json), argsMeta: JSON.parse(meta!) }
    const { id, callback } = await groupOf(errand, [paid, { worker: 'mail.send', args: { to: 'ada' } }])
    const jobs = async (name: Name) => JSON.parse(await textOf(errand, name, `/groups/${id}/jobs`)).jobs as object[]
    expect(await jobs('admin')).toMatchObject([{ argsRedacted: true }, { args: { to: 'ada' } }])
    expect(await jobs('board')).toMatchObject([{ argsHidden: true }, { argsHidden: true }])
    expect(await jobs('mailer')).toMatchObject([{ worker: 'mail.send' }])
    // the callback was given the results, and its args are shown without them
    expect(await as(errand, 'admin').jobs.get(callback)).toMatchObject({
      argsRedacted: true,
      args: { note: 'ends', group: { members: [{ result: '[redacted]' }, { result: '[redacted]' }] } },
    })
    const { id: again } = await as(errand, 'admin').jobs.replay(callback)
    for (const name of Object.keys(keys) as Name[])
      for (const door of [
        `/job/${callback}`,
        `/job/${again}`,
        `/groups/${id}`,
        `/groups/${id}/jobs`,
        '/compat/waiting',
      ])
        expect(await textOf(errand, name, door)).not.toContain(secret)
  })

  it('show the results in the args of a callback where no member redacts any', async () => {
    await using errand = await testErrand({ ...workers, told }, { apiKeys })
    const { callback } = await groupOf(errand, [{ worker: 'mail.send', args: { to: 'ada' } }])
    expect(await as(errand, 'admin').jobs.get(callback)).toMatchObject({
      args: { group: { members: [{ result: { sentTo: 'ada' } }] } },
    })
  })
})

describe('what waits, for new contracts to be tried on', () => {
  it('is shown to those who see args, less jobs that hold redacted fields', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const web = as(errand, 'web')
    await web.enqueue('mail.send', { to: 'ada' }, { delay: '1h' })
    await web.enqueue('pay.charge', args, { delay: '1h' })
    for (const name of ['admin', 'support'] as const) {
      expect(JSON.parse(await textOf(errand, name, '/compat/waiting'))).toMatchObject({
        jobs: [
          { worker: 'pay.charge', argsHidden: true },
          { worker: 'mail.send', args: '{"to":"ada"}' },
        ],
      })
    }
    expect(JSON.parse(await textOf(errand, 'board', '/compat/waiting'))).toMatchObject({ error: { code: 'FORBIDDEN' } })
  })
})
