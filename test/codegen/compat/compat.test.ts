/** New contracts, in a project's working tree, against what a coordinator has waiting from old ones. */
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createTransport } from '../../../client/transport.js'
import { checkCompat, type CompatReport, type Waiting } from '../../../codegen/index.js'
import { systemClock } from '../../../core/time/clock.js'
import { defineJob } from '../../../core/index.js'
import { encodePayload } from '../../../core/payload/payload.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { testProject, worker } from '../project.js'

const run = `result: z.null(), run: () => null`
const old = defineJob({ args: z.looseObject({}), run: () => null })

function waitingOf({ coordinator }: TestErrand): Waiting {
  const { call } = createTransport({
    url: 'http://coordinator.test',
    apiKey: undefined,
    fetch: async (url, init) => coordinator.fetch(new Request(url, init)),
    timeoutMs: 60_000,
    retryForMs: 0,
    clock: systemClock,
    random: () => 0,
  })
  return {
    workers: async () => (await call((router) => router.workers.list.query())).workers.map(({ name }) => name),
    schedules: async () => (await call((router) => router.schedules.list.query())).schedules,
    page: (cursor) => call((router) => router.compat.waiting.query(cursor === undefined ? {} : { cursor })),
  }
}

async function enqueueLater(errand: TestErrand, worker: string, args: unknown): Promise<void> {
  const { json, meta } = encodePayload(args)
  const argsMeta = meta === undefined ? {} : { argsMeta: JSON.parse(meta) as unknown }
  await errand.enqueue(worker, JSON.parse(json), { delay: '1h', ...argsMeta })
}

/** The report on `jobs/mail.ts` with these options, where jobs with these args wait for it. */
async function reportOn(options: string, waiting: unknown[], above = ''): Promise<CompatReport> {
  await using errand = await testErrand({ mail: old })
  for (const args of waiting) await enqueueLater(errand, 'mail', args)
  await using project = await testProject({ 'jobs/mail.ts': worker(`${options}, ${run}`, above) })
  return await checkCompat({ root: project.root, waiting: waitingOf(errand) })
}

const told = ({ problems }: CompatReport) => problems.map(({ message }) => message)

/** Args that wait, and what is told of them: the path by names of the schema, and no value. */
const untold: [what: string, schema: string, args: unknown, message: string][] = [
  [
    'an item of a list',
    'z.object({ lines: z.array(z.object({ price: z.number() })) })',
    { lines: [{}, {}] },
    'has no `lines[].price`',
  ],
  [
    'a key of a record',
    'z.object({ by: z.record(z.string(), z.object({ n: z.number() })) })',
    { by: { secret: {} } },
    'has no `by.*.n`',
  ],
  [
    'a map',
    'z.object({ by: z.map(z.string(), z.number()) })',
    { by: new Map([['secret', '1']]) },
    'does not fit in `by.*`: Invalid input: expected number, received string',
  ],
  [
    'a union',
    'z.object({ a: z.union([z.string(), z.object({ b: z.number() })]).optional() })',
    { a: { b: 'x' } },
    'does not fit in `a`: Invalid input',
  ],
  [
    'a schema that holds itself',
    'tree',
    { in: { in: { in: 3 } } },
    'does not fit in `in.in.in`: Invalid input: expected object, received number',
  ],
  [
    'a path of a refinement',
    "z.object({ a: z.string() }).refine(() => false, { message: 'no', path: ['a'] })",
    { a: 'b' },
    'does not fit in `a`: no',
  ],
  [
    'a path that is data',
    "z.object({ a: z.string() }).superRefine(({ a }, check) => check.addIssue({ code: 'custom', path: [a], message: 'no' }))",
    { a: 'secret' },
    'does not fit in `*`: no',
  ],
  [
    'a field that is not known',
    'z.strictObject({ a: z.object({}).strict() })',
    { a: { b: 1 } },
    'has fields that the schema does not take: `a.b`',
  ],
  [
    'a message that holds a value',
    'z.object({ a: z.string().refine(() => false, { error: ({ input }) => `bad: ${input}` }) })',
    { a: 'secret' },
    'does not fit in `a`',
  ],
  [
    'a schema that throws',
    "z.object({ a: z.string().transform((): string => { throw new RangeError('secret') }) })",
    { a: 'b' },
    'makes the schema throw RangeError',
  ],
]

let reportOnAll: CompatReport
beforeAll(async () => {
  reportOnAll = await tellAll()
})

/** Each is a worker of its own in one project. */
async function tellAll(): Promise<CompatReport> {
  const above = `const tree: z.ZodType<object> = z.lazy(() => z.object({ in: tree.optional() }))`
  await using errand = await testErrand(Object.fromEntries(untold.map((_, index) => [`mail${index}`, old])))
  const files: Record<string, string> = {}
  for (const [index, [, schema, args]] of untold.entries()) {
    await enqueueLater(errand, `mail${index}`, args)
    files[`jobs/mail${index}.ts`] = worker(`args: ${schema}, ${run}`, schema === 'tree' ? above : '')
  }
  await using project = await testProject(files)
  return await checkCompat({ root: project.root, waiting: waitingOf(errand) })
}

describe('args that wait', () => {
  it('fit, where new fields have a default or are migrated', async () => {
    const at = new Date('2030-01-01')
    const same = await reportOn(`args: z.object({ at: z.date() })`, [{ at }, { at }])
    expect(same).toEqual({ fits: true, jobs: 2, schedules: 0, problems: [], notes: [] })
    expect((await reportOn(`args: z.object({ to: z.string(), cc: z.string().default('') })`, [{ to: 'a' }])).fits).toBe(
      true,
    )
    const migrate = `version: 2, migrate: async (args: { at: Date }, from) => ({ day: args.at.getUTCDate() + from })`
    expect((await reportOn(`args: z.object({ day: z.literal(2) }), ${migrate}`, [{ at }])).fits).toBe(true)
  })

  it('that do not are counted by what is wrong, most first, with some of the jobs', async () => {
    const waiting = [...Array.from({ length: 5 }, () => ({ to: 'a' })), { to: 'a', locale: 7 }]
    const report = await reportOn(`args: z.object({ to: z.string(), locale: z.string() })`, waiting)
    expect(report).toMatchObject({
      fits: false,
      jobs: 6,
      problems: [
        {
          worker: 'mail',
          code: 'missing',
          path: 'locale',
          count: 5,
          message: '5 waiting jobs of mail have no `locale`',
        },
        {
          worker: 'mail',
          code: 'invalid_type',
          path: 'locale',
          count: 1,
          message: '1 waiting job of mail does not fit in `locale`: Invalid input: expected string, received number',
        },
      ],
    })
    expect(report.problems.map(({ jobs }) => jobs.length)).toEqual([3, 1])
  })

  it.each(untold)('are told without a value: %s', (what, _schema, _args, message) => {
    const { problems } = reportOnAll
    const name = `mail${untold.findIndex(([each]) => each === what)}`
    const own = problems.filter(({ worker }) => worker === name)
    expect(own.map(({ message }) => message)).toEqual([`1 waiting job of ${name} ${message}`])
  })

  it('are told without a value anywhere, and each of them once', () => {
    expect(reportOnAll.problems).toHaveLength(untold.length)
    expect(JSON.stringify(reportOnAll)).not.toContain('secret')
  })

  it('are told of once for each job, however many parts are wrong, and words that differ are left out', async () => {
    const words = `z.object({ a: z.array(z.number().refine((n) => n < 0, { error: ({ input }) => 'more than ' + (Number(input) - 1) })) })`
    const report = await reportOn(`args: ${words}`, [{ a: [100, 200] }, { a: [300] }])
    expect(told(report)).toEqual(['2 waiting jobs of mail do not fit in `a[]`'])
  })

  it('that break migrate or a key function count as well', async () => {
    const schema = `args: z.object({ to: z.string().optional() })`
    const throwing = `version: 3, migrate() { throw new TypeError('secret') }`
    expect(told(await reportOn(`${schema}, ${throwing}`, [{}]))).toEqual([
      '1 waiting job of mail cannot be migrated from version 1: migrate throws TypeError',
    ])
    const keys = `throttle: { limit: 1, per: '1s', key: ({ to }) => to!.trim() }, unique: { key: ({ to }) => to as string }`
    expect(told(await reportOn(`${schema}, ${keys}`, [{}, { to: 'a' }]))).toEqual([
      '1 waiting job of mail makes throttle.key throw TypeError',
      '1 waiting job of mail gets no key from unique.key, which must return a text',
    ])
  })

  it('of a later version than the working tree do not fit it', async () => {
    await using errand = await testErrand({ mail: { ...old, version: 3 } })
    await errand.enqueue('mail', {}, { delay: '1h' })
    await errand.post('/job', { worker: 'mail', cron: '0 9 * * *', key: 'nine' })
    await using project = await testProject({ 'jobs/mail.ts': worker(`args: z.object({}), version: 2, ${run}`) })
    expect(told(await checkCompat({ root: project.root, waiting: waitingOf(errand) }))).toEqual([
      'The args of schedule nine of mail have args of version 3, and the worker is at version 2',
      '1 waiting job of mail has args of version 3, and the worker is at version 2',
    ])
  })
})

describe('names', () => {
  it('that are gone break their jobs, and what they may be called now is asked', async () => {
    await using errand = await testErrand({ 'report.old': old, mail: old, stays: old })
    for (const name of ['report.old', 'report.old', 'mail', 'stays']) await errand.enqueue(name, {}, { delay: '1h' })
    await errand.post('/job', { worker: 'mail', cron: '0 9 * * *', key: 'nine' })
    const plain = worker(`args: z.object({}), ${run}`)
    await using project = await testProject({ 'jobs/report/daily.ts': plain, 'jobs/stays.ts': plain })
    const report = await checkCompat({ root: project.root, waiting: waitingOf(errand) })
    expect(told(report)).toEqual([
      '2 waiting jobs of report.old need a worker that is no longer there; was it renamed to report.daily?',
      'The args of schedule nine of mail need a worker that is no longer there',
      '1 waiting job of mail needs a worker that is no longer there',
    ])
    expect(report.problems.map(({ code }) => code)).toEqual(['unknown_worker', 'unknown_worker', 'unknown_worker'])
  })

  it('that the coordinator does not know either are no doing of this change', async () => {
    await using before = await testErrand({ mail: old })
    await before.enqueue('mail', {}, { delay: '1h' })
    await using errand = await testErrand({}, { beside: before })
    await using project = await testProject({})
    expect(await checkCompat({ root: project.root, waiting: waitingOf(errand) })).toMatchObject({
      fits: true,
      notes: ['1 of mail, which the coordinator does not know now either, waits for it.'],
    })
  })
})

describe('schedules', () => {
  it('made at run time must fit; those in code are told of as they change', async () => {
    const daily = { cron: '0 9 * * *', timezone: 'Europe/Berlin' }
    await using errand = await testErrand({
      ends: { ...old, schedule: daily },
      moves: { ...old, schedule: daily },
      stays: { ...old, schedule: daily },
      waits: { ...old, schedule: daily },
      begins: old,
    })
    await errand.coordinator.start()
    await errand.coordinator.stop()
    await errand.post('/job', { worker: 'begins', args: { to: 1 }, cron: '0 9 * * *', key: 'nightly-a' })
    const scheduled = (cron: string, more = '') =>
      worker(`args: z.object({}), schedule: { cron: '${cron}', timezone: 'Europe/Berlin'${more} }, ${run}`)
    await using project = await testProject({
      'jobs/ends.ts': worker(`args: z.object({}), ${run}`),
      'jobs/moves.ts': scheduled('0 10 * * *'),
      'jobs/stays.ts': scheduled('0 9 * * *'),
      'jobs/waits.ts': scheduled('0 9 * * *', `, missed: 'skip'`),
      'jobs/begins.ts': worker(
        `args: z.object({ to: z.string() }), schedule: { cron: '* * * * *', args: { to: '' } }, ${run}`,
      ),
    })
    const report = await checkCompat({ root: project.root, waiting: waitingOf(errand) })
    expect(report).toMatchObject({ fits: false, jobs: 0, schedules: 5 })
    expect(report.problems).toEqual([
      {
        worker: 'begins',
        schedule: 'nightly-a',
        code: 'invalid_type',
        path: 'to',
        count: 1,
        jobs: [],
        message:
          'The args of schedule nightly-a of begins do not fit in `to`: Invalid input: expected string, received number',
      },
    ])
    expect(report.notes).toEqual([
      'The schedule of ends in code ends: 0 9 * * * (Europe/Berlin).',
      'A schedule of begins in code begins: * * * * * (UTC).',
      'The schedule of moves in code changes from 0 9 * * * (Europe/Berlin) to 0 10 * * * (Europe/Berlin).',
      'The schedule of waits in code changes in missed.',
    ])
  })
})

describe('the check', () => {
  it('writes nothing, also beside what an earlier run has built', async () => {
    await using errand = await testErrand({ mail: old })
    await errand.enqueue('mail', { to: 'a' }, { delay: '1h' })
    const mail = (type: string) => worker(`args: z.object({ to: z.${type}() }), ${run}`)
    await using project = await testProject({ 'jobs/mail.ts': mail('string') })
    const check = () => checkCompat({ root: project.root, waiting: waitingOf(errand) })
    expect((await check()).fits).toBe(true)
    expect(await project.outputs()).toEqual({})
    await project.generate()
    const built = await project.outputs()
    expect((await check()).fits).toBe(true)
    await project.write('jobs/mail.ts', mail('number'))
    expect((await check()).fits).toBe(false)
    expect(await project.outputs()).toEqual(built)
  })

  it('tells of a contract that cannot be built as codegen does', async () => {
    await using errand = await testErrand({ mail: old })
    await using project = await testProject({ 'jobs/mail.ts': worker(`args: z.object({}), version: 0, ${run}`) })
    await expect(checkCompat({ root: project.root, waiting: waitingOf(errand) })).rejects.toThrow(
      'jobs/mail.ts:4:48 version must be a whole number from 1 to 1000000.',
    )
  })

  it('outlives a contract that ends its process, and prints nothing', async () => {
    const migrate = `version: 2, migrate() { console.log('printed'); return process.exit(0) }`
    await expect(reportOn(`args: z.object({}), ${migrate}`, [{}])).rejects.toThrow('A contract ended the thread')
  })

  it('looks at all that waits, or at a sample of the newest', async () => {
    await using errand = await testErrand({ mail: old })
    const { deps } = errand.coordinator
    const waiting = Array.from({ length: 5_003 }, (_, n) => ({
      _id: deps.newId(),
      worker: 'mail',
      args: n < 3 ? '{}' : '{"to":"a"}',
      state: 'queued' as const,
      priority: 0,
      runAt: deps.clock.now(),
      createdAt: deps.clock.now(),
      attempt: 0,
      maxAttempts: 5,
    }))
    await deps.store.jobs.insertMany(waiting)
    await using project = await testProject({ 'jobs/mail.ts': worker(`args: z.object({ to: z.string() }), ${run}`) })
    const options = { root: project.root, waiting: waitingOf(errand) }
    const lines: string[] = []
    const all = await checkCompat({ ...options, onProgress: (line) => lines.push(line) })
    expect({ ...all, problems: told(all) }).toMatchObject({
      jobs: 5_003,
      problems: ['3 waiting jobs of mail have no `to`'],
    })
    expect(lines).toContain('Tried the contracts on 5003 waiting jobs')
    expect(await checkCompat({ ...options, sample: 10 })).toMatchObject({ jobs: 10, fits: true })
  })

  it('makes a short list where each job has another problem', async () => {
    const waiting = Array.from({ length: 60 }, (_, n) => ({ [`field${n}`]: 1 }))
    const report = await reportOn(`args: z.strictObject({})`, waiting)
    expect(report.problems).toHaveLength(51)
    expect(report.problems[0]?.message).toBe('10 waiting jobs of mail do not fit in other ways')
  })
})
