/**
 * What an earlier commit made, with what this one makes: kept functions and contracts under the newest coordinator and
 * host, the kept client before it, and the newest client before kept functions. A kept part speaks the wire of its
 * time; the versions in test/world/kept are those that ours works with.
 */
import { cp, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as newest from '../../client/index.js'
import { wireVersion } from '../../core/wireVersion.js'
import { serve, type Service } from '../cli/program.js'
import { makeProject, type Project } from '../cli/support.js'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { repository } from '../support/repository.js'

const folder = join(repository, 'test/world/kept')
const versions = (await readdir(folder)).toSorted()
const at = new Date('2030-01-01T00:00:00Z')
const greeting = { name: 'Ada', at }
const greeted = { text: 'Hello, Ada!', next: new Date(at.getTime() + 1), kinds: new Set(['a', 'b']) }

it('keeps this version of the wire, or the one before', () => {
  const near = [wireVersion, wireVersion - 1].map((version) => `wire-${version}`)
  expect(versions.filter((version) => near.includes(version))).not.toEqual([])
})

describe.each(versions)('%s', (version) => {
  let database: TestDatabase
  let project: Project
  let coordinator: Service
  let functions: Service
  let url: string

  beforeAll(async () => {
    database = await testDatabase()
    project = await makeProject()
    await cp(join(folder, version, 'built'), join(project.root, '.errand'), { recursive: true })
    const cwd = project.root
    functions = serve(['functions', '--json'], { cwd, env: { ERRAND_FUNCTIONS_PORT: '0' } })
    const { url: functionsUrl } = (await functions.event('ready')) as { url: string }
    const env = { MONGODB_URI: database.uri, ERRAND_PORT: '0', ERRAND_FUNCTIONS_URL: functionsUrl }
    coordinator = serve(['start', '--json'], { cwd, env })
    ;({ url } = (await coordinator.event('ready')) as { url: string })
  })
  afterAll(async () => {
    await coordinator?.[Symbol.asyncDispose]()
    await functions?.[Symbol.asyncDispose]()
    await project?.[Symbol.asyncDispose]()
    await database?.[Symbol.asyncDispose]()
  })

  const clients = { 'the newest client': async () => newest, 'the kept client': () => keptClient(version) }
  describe.each(Object.entries(clients))('by %s', (_, load) => {
    const connect = async () => {
      const { createClient } = await load()
      return createClient({ url })
    }

    it('args and results come back as they were, also of jobs that share a call', async () => {
      const errand = await connect()
      const job = await errand.enqueue('greet', greeting)
      expect(await job.result()).toEqual(greeted)
      const many = await errand.enqueueMany(Array.from({ length: 12 }, () => ({ worker: 'greet', args: greeting })))
      const results = many.map((each) => (each.ok ? each.job.result() : Promise.reject(each.error)))
      expect(await Promise.all(results)).toEqual(many.map(() => greeted))
    })

    it('errors, retries and causes are told', async () => {
      const errand = await connect()
      const job = await errand.enqueue('fail', {})
      await expect(job.result()).rejects.toMatchObject({ name: 'JobFailedError' })
      const { state, receipts } = await errand.jobs.get(job.id)
      expect({ state, attempts: receipts.length }).toEqual({ state: 'failed', attempts: 2 })
      expect(receipts.at(-1)).toMatchObject({ error: { message: 'no luck', cause: { message: 'a deeper reason' } } })
    })

    it('progress, log, heartbeat and child jobs arrive while it runs', async () => {
      const errand = await connect()
      const job = await errand.enqueue('tell', {})
      const { child } = (await job.result()) as { child: string }
      expect(await errand.job(child).result()).toMatchObject({ text: 'Hello, child!' })
      const { receipts } = await errand.jobs.get(job.id)
      expect(receipts.at(-1)).toMatchObject({ log: [{ message: 'begun', fields: { attempt: 1 } }] })
    })

    it('a receipt may be posted, and a run put off', async () => {
      const errand = await connect()
      const posted = await errand.enqueue('post', {})
      expect(await posted.result()).toBe('posted')
      const file = join(project.root, crypto.randomUUID())
      const snoozed = await errand.enqueue('snooze', { file })
      while ((await errand.jobs.get(snoozed.id)).snoozes === undefined) await setTimeout(50)
      await writeFile(file, '')
      expect(await snoozed.result()).toBe('there')
    })

    it('groups end with their callback, and atomic requests come all or none', async () => {
      const errand = await connect()
      const group = await errand.group(
        [
          { worker: 'greet', args: greeting },
          { worker: 'fail', args: {} },
        ],
        { then: 'close' },
      )
      expect(await group.end()).toMatchObject({ state: 'closed', then: { worker: 'close' } })
      expect(await group.result()).toEqual({ succeeded: 1, failed: 1 })
      await expect(
        errand.enqueueMany(
          [
            { worker: 'greet', args: greeting },
            { worker: 'greet', args: { name: 7 } },
          ],
          { atomic: true },
        ),
      ).rejects.toMatchObject({ code: 'ATOMIC_REFUSED' })
    })

    it('jobs, schedules and pauses are operated', async () => {
      const errand = await connect()
      const later = await errand.enqueue('greet', greeting, { delay: '1h' })
      expect(await errand.jobs.why(later.id)).toMatchObject({ state: 'scheduled' })
      expect((await errand.jobs.list({ worker: 'greet', state: 'scheduled' })).jobs.map(({ id }) => id)).toContain(
        later.id,
      )
      expect(await errand.jobs.cancel(later.id)).toMatchObject({ state: 'cancelled' })
      expect((await errand.jobs.retry(later.id)).state).not.toBe('cancelled')
      expect(await later.result()).toEqual(greeted)

      const { scheduleId } = await errand.schedule('greet', greeting, { cron: '0 9 * * *' })
      expect(await errand.schedules.get(scheduleId)).toMatchObject({ worker: 'greet', cron: '0 9 * * *' })
      await errand.schedules.remove(scheduleId)

      await errand.pause({ worker: 'post' })
      expect(await errand.pauses.list()).toMatchObject([{ worker: 'post' }])
      await errand.resume({ worker: 'post' })
      await expect(errand.jobs.get('none')).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
    })
  })
})

const keptClient = (version: string): Promise<typeof newest> =>
  import(/* @vite-ignore */ join(folder, version, 'client.mjs')) as Promise<typeof newest>
