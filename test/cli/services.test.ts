/** A real coordinator and real functions, each a process of its own, and the commands that talk to them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { errandProgram, serve, type Service } from './program.js'
import { errand, jsonOf, makeProject, worker, type Project, type RunOptions } from './support.js'

/** A project on its own database, built, with both services ready. */
interface Running {
  project: Project
  coordinator: Service
  functions: Service
  /** For commands that call the coordinator. */
  caller: RunOptions
}

let database: TestDatabase
let project: Project
let running: Running

const files = {
  'jobs/greet.ts': worker('name: z.string()', 'run: ({ name }) => ({ greeting: `Hello, ${name}!` })'),
  'jobs/whale.ts': worker(
    '',
    `async run(): Promise<string> {
    throw Object.assign(new Error('too deep', { cause: new Error('gravity') }), { code: 'DEEP' })
  }`,
    `retry: { attempts: 2, backoff: ['10ms'] },`,
  ),
  'jobs/slow.ts': worker(
    'ms: z.number()',
    `async run({ ms }) {
    console.log('slow began')
    await new Promise((resolve) => setTimeout(resolve, ms))
    return 'slept'
  }`,
    `timeout: '2m',`,
  ),
}

async function start(env: Record<string, string> = {}): Promise<Running> {
  const common = { cwd: project.root, env: { MONGODB_URI: database.uri, ERRAND_PORT: '0', ...env } }
  const functions = serve(['functions', '--json'], { cwd: project.root, env: { ERRAND_FUNCTIONS_PORT: '0', ...env } })
  const { url: functionsUrl } = await functions.event('ready')
  const coordinator = serve(['start', '--json'], {
    ...common,
    env: { ...common.env, ERRAND_FUNCTIONS_URL: functionsUrl },
  })
  const { url } = await coordinator.event('ready')
  return { project, coordinator, functions, caller: { cwd: project.root, env: { ERRAND_URL: url } } }
}

async function stop({ coordinator, functions }: Running) {
  await coordinator[Symbol.asyncDispose]()
  await functions[Symbol.asyncDispose]()
}

beforeAll(async () => {
  database = await testDatabase()
  project = await makeProject(files)
  const { code, stderr } = await errand(['codegen'], { cwd: project.root })
  if (code !== 0) throw new Error(stderr)
  running = await start()
})

afterAll(async () => {
  if (running) await stop(running)
  await project?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

const call = (...args: string[]) => errand(args, running.caller)

describe('enqueue-many', () => {
  const lines = (...names: unknown[]) =>
    names.map((name) => JSON.stringify({ worker: 'greet', args: { name } })).join('\n')
  const many = (input: string, ...args: string[]) =>
    errand(['enqueue-many', '-', ...args], { ...running.caller, input })

  it('prints a line for each job, and what is wrong with a bad one', async () => {
    const { code, stdout, stderr } = await many(`${lines('Ada', 7, 'Bob')}\n`)
    expect(stdout).toMatch(/^([0-9a-f-]{36} {2}greet {2}queued\n){2}$/)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Line 2: The args do not fit greet.') })
    expect(stderr).toContain('2 enqueued, 1 refused.')
    const machines = await many(lines('Ada', 7), '--json')
    expect(machines.code).toBe(1)
    expect(jsonOf(machines)).toMatchObject([{ ok: true }, { ok: false, error: { code: 'INVALID_ARGS' } }])
  })

  it('takes all or none with --atomic', async () => {
    const refused = await many(lines('Ada', 7), '--atomic')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('Nothing was enqueued')
    expect((await many(lines('Ada', 'Bob'), '--atomic')).stdout.trim().split('\n')).toHaveLength(2)
  })

  it('reads a file, and says which line of it is no job', async () => {
    await project.write('jobs.jsonl', `${lines('Ada')}\n\n[]\n`)
    expect(await call('enqueue-many', 'jobs.jsonl')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Line 3 of jobs.jsonl must be a JSON object'),
    })
    expect(await call('enqueue-many', 'job.jsonl')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('job.jsonl cannot be read (ENOENT)'),
    })
  })
})

describe('enqueue', () => {
  it('prints id and state', async () => {
    const people = await call('enqueue', 'greet', '{"name":"Ada"}')
    expect(people).toMatchObject({ code: 0, stderr: '' })
    expect(people.stdout).toMatch(/^[0-9a-f-]{36} {2}greet {2}queued\n$/)
    const machines = jsonOf(await call('enqueue', 'greet', '{"name":"Ada"}', '--json'))
    expect(machines).toEqual({ id: expect.any(String), state: 'queued', runAt: expect.stringMatching(/Z$/) })
  })

  it('waits for the receipt with --wait, and prints it', async () => {
    const people = await call('enqueue', 'greet', '{"name":"Ada"}', '--wait')
    // what takes a while is told
    expect(people).toMatchObject({ code: 0, stderr: expect.stringMatching(/^(Enqueueing greet …\n)?$/) })
    expect(people.stdout).toContain('succeeded')
    expect(people.stdout).toContain('{"greeting":"Hello, Ada!"}')
    const machines = await call('enqueue', 'greet', '{"name":"Ada"}', '--wait', '1m', '--json')
    expect(jsonOf(machines)).toMatchObject({
      worker: 'greet',
      state: 'succeeded',
      attempt: 1,
      receipt: { status: 'success', result: { greeting: 'Hello, Ada!' } },
    })
  })

  it('ends with exit code 1 when the job that it waits for has failed', async () => {
    const { code, stdout, stderr } = await call('enqueue', 'whale', '{}', '--wait')
    expect(code).toBe(1)
    // a wait of more than a second says first that the job was enqueued
    expect(stderr).toMatch(/(^|\n)errand: Job \S+ failed at attempt 2\.\n$/)
    expect(stdout).toMatch(/attempt 2 {2}failure/)
    expect(stdout).toContain('Error [DEEP]: too deep')
  })

  it('ends with exit code 1 when the time to wait is over, and the job goes on', async () => {
    const ended = await call('enqueue', 'slow', '{"ms":60000}', '--wait', '50ms', '--json')
    expect(ended.code).toBe(1)
    const { id, state, receipt } = jsonOf(ended)
    expect(JSON.parse(ended.stderr)).toMatchObject({ error: { code: 'RECEIPT_TIMEOUT' } })
    expect({ state, receipt }).toEqual({ state: expect.stringMatching(/queued|running/), receipt: null })
    expect(await call('jobs', 'cancel', id)).toMatchObject({ code: 0 })
  })

  it('reads the args from standard input', async () => {
    const ended = await errandProgram(['enqueue', 'greet', '-', '--wait', '--json'], {
      ...running.caller,
      input: '{"name":"Bo"}\n',
    })
    expect(jsonOf(ended).receipt.result).toEqual({ greeting: 'Hello, Bo!' })
  })

  it('takes delay, time with zone, priority and key', async () => {
    const delayed = jsonOf(await call('enqueue', 'greet', '{"name":"a"}', '--delay', '1h', '--json'))
    expect(delayed.state).toBe('scheduled')
    const at = ['--run-at', '2040-01-31 10:00', '--timezone', 'Europe/Berlin', '--priority', '-5', '--key', 'k']
    const job = jsonOf(await call('enqueue', 'greet', '{"name":"a"}', ...at, '--json'))
    expect(job.runAt).toBe('2040-01-31T09:00:00.000Z')
    expect(jsonOf(await call('jobs', 'get', job.id, '--json'))).toMatchObject({ priority: -5, key: 'k' })
    const taken = await call('enqueue', 'greet', '{"name":"a"}', '--key', 'k', '--json')
    expect(taken.code).toBe(1)
    expect(JSON.parse(taken.stderr)).toMatchObject({ error: { code: 'KEY_TAKEN', id: job.id } })
  })

  it('names the nearest worker for an unknown one, and each thing wrong with args', async () => {
    const unknown = await call('enqueue', 'gret', '{}')
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Did you mean "greet"?') })
    const wrong = await call('enqueue', 'greet', '{"name":1}')
    expect(wrong).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^errand: .*name: .*string.*\n$/),
    })
  })

  it('calls a time that cannot be read wrong usage', async () => {
    const ended = await call('enqueue', 'greet', '{"name":"a"}', '--run-at', 'tomorrow')
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('ISO 8601') })
  })
})

describe('jobs', () => {
  let failed: string

  beforeAll(async () => {
    failed = jsonOf(await call('enqueue', 'whale', '{}', '--wait', '--json')).id as string
  })

  it('list shows jobs by worker and state, page by page', async () => {
    const table = await call('jobs', 'list', '--worker', 'whale', '--state', 'failed')
    expect(table.stdout).toMatch(/^ID +WORKER +STATE +ATTEMPT +CREATED\n/)
    expect(table.stdout).toMatch(new RegExp(`^${failed} +whale +failed +2 of 2 +`, 'm'))
    const first = jsonOf(await call('jobs', 'list', '--limit', '1', '--json'))
    expect(first).toEqual({ jobs: [expect.objectContaining({ id: expect.any(String) })], cursor: expect.any(String) })
    const second = jsonOf(await call('jobs', 'list', '--limit', '1', '--cursor', first.cursor, '--json'))
    expect(second.jobs[0].id < first.jobs[0].id).toBe(true)
  })

  it('list says what a misspelt worker may have meant', async () => {
    const ended = await call('jobs', 'list', '--worker', 'whales', '--json')
    expect(jsonOf(ended)).toEqual({ jobs: [], cursor: null })
    expect(ended.stderr).toContain('Did you mean "whale"?')
  })

  it('get shows every receipt with code, cause and a stack of the source', async () => {
    // as it is built, because the frames that it leaves out are those of its own folder
    const { code, stdout } = await errandProgram(['jobs', 'get', failed], running.caller)
    expect(code).toBe(0)
    expect(stdout).toMatch(/attempt 1 {2}failure[\s\S]*attempt 2 {2}failure/)
    expect(stdout).toMatch(/Error \[DEEP\]: too deep\n +at .*\(jobs\/whale\.ts:\d+:\d+\)\n/)
    expect(stdout).toContain('caused by Error: gravity')
    expect(stdout).not.toMatch(/runtime\/perform|node:internal/)
  })

  it('get prints the job as the API has it with --json', async () => {
    const job = jsonOf(await call('jobs', 'get', failed, '--json'))
    expect(job).toMatchObject({ id: failed, state: 'failed', args: {}, receipts: [{ attempt: 1 }, { attempt: 2 }] })
  })

  it('get of an unknown id is a problem', async () => {
    const ended = await call('jobs', 'get', 'nope')
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('There is no job "nope"') })
  })

  it('retry and cancel do what they can, and tell of the rest', async () => {
    const retried = await call('jobs', 'retry', failed, 'nope')
    expect(retried).toMatchObject({ code: 1, stdout: `${failed}  queued\n`, stderr: expect.stringContaining('nope') })
    const { id } = jsonOf(await call('enqueue', 'greet', '{"name":"a"}', '--delay', '1h', '--json'))
    const cancelled = await call('jobs', 'cancel', 'nope', id, '--json')
    expect(cancelled.code).toBe(1)
    expect(jsonOf(cancelled)).toEqual([
      { id: 'nope', error: { code: 'UNKNOWN_JOB', message: expect.any(String) } },
      { id, state: 'cancelled' },
    ])
  })

  it('replay makes a new job, with other args where they are given', async () => {
    const { id } = jsonOf(await call('enqueue', 'greet', '{"name":"a"}', '--wait', '--json'))
    const replayed = jsonOf(await call('jobs', 'replay', id, '--args', '{"name":"b"}', '--json'))
    expect(replayed).toMatchObject([{ id: expect.any(String), replayOf: id }])
    const { receipt } = jsonOf(await call('jobs', 'receipt', replayed[0].id, '--json'))
    expect(receipt.result).toEqual({ greeting: 'Hello, b!' })
    expect((await call('jobs', 'get', replayed[0].id)).stdout).toMatch(new RegExp(`replay of +${id}`))
  })

  it('takes a filter instead of ids: counts it, wants a yes, and does it', async () => {
    const later = ['enqueue', 'slow', '{"ms":1}', '--delay', '1h', '--json']
    const ids = [jsonOf(await call(...later)).id, jsonOf(await call(...later)).id]
    const filter = ['--worker', 'slow', '--state', 'scheduled']
    expect(await call('jobs', 'cancel', ...filter, '--dry-run')).toMatchObject({ code: 0, stdout: '2 jobs\n' })
    expect(await call('jobs', 'cancel', ...filter)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('This would cancel 2 jobs. Say --yes to do it'),
    })
    expect(await call('jobs', 'cancel', ...filter, '--yes')).toMatchObject({ code: 0, stdout: '2 jobs cancelled\n' })
    expect(jsonOf(await call('jobs', 'get', ids[0], '--json')).state).toBe('cancelled')
    const retried = await call('jobs', 'retry', '--worker', 'slow', '--state', 'cancelled', '--yes', '--json')
    expect(jsonOf(retried)).toMatchObject({ skipped: [] })
    expect(jsonOf(await call('jobs', 'get', ids[0], '--json')).state).not.toBe('cancelled')
    expect(await call('jobs', 'retry', '--state', 'running', '--yes')).toMatchObject({ code: 2 })
  })

  it('list ends quietly when its reader has seen enough', async () => {
    await using reader = serve(['jobs', 'list', '--json'], running.caller)
    reader.closeOutput()
    expect(await reader.exit).toBe(0)
    expect(reader.output).toEqual([])
  })
})

describe('pause', () => {
  it('keeps a worker from starting until it is resumed, and is listed', async () => {
    const paused = await call('pause', 'greet', '--reason', 'no voice')
    expect(paused).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^paused {2}greet {2}by local (now|\d+s ago): no voice\n$/),
    })
    const { id } = jsonOf(await call('enqueue', 'greet', '{"name":"a"}', '--json'))
    const listed = await call('jobs', 'list', '--worker', 'greet', '--state', 'queued')
    expect(listed.stdout).toMatch(new RegExp(`^${id} .*its worker is paused by local .*: no voice$`, 'm'))
    expect((await call('jobs', 'get', id)).stdout).toContain('its worker is paused by local')
    expect((await call('pauses')).stdout).toMatch(/^greet +local +.*no voice$/m)
    expect(jsonOf(await call('pauses', '--json'))).toMatchObject([{ scope: 'worker', worker: 'greet' }])
    expect(jsonOf(await call('resume', 'greet', '--json'))).toMatchObject({ scope: 'worker', worker: 'greet' })
    expect(await call('resume', 'greet')).toMatchObject({ code: 1, stderr: expect.stringContaining('is not paused') })
    expect((await call('pauses')).stdout).toBe('Nothing is paused.\n')
  })
})

describe('schedules', () => {
  it('are added, listed, paused, changed, run and removed', async () => {
    const rule = ['--cron', '0 9 * * *', '--timezone', 'Europe/Berlin', '--args', '{"name":"a"}', '--id', 'nine']
    expect(await call('schedules', 'add', 'greet', ...rule)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^nine {2}greet {2}next /),
    })
    const table = await call('schedules', 'list')
    expect(table.stdout).toMatch(/^nine +greet +0 9 \* \* \* +Europe\/Berlin +in .+ +not yet +run time$/m)
    expect(jsonOf(await call('schedules', 'list', '--json'))).toMatchObject([{ id: 'nine', args: { name: 'a' } }])
    expect(await call('schedules', 'pause', 'nine')).toMatchObject({ code: 0, stdout: 'nine  paused\n' })
    expect((await call('schedules', 'list')).stdout).toMatch(/^nine .+ paused +not yet +run time$/m)
    expect((await call('schedules', 'resume', 'nine')).stdout).toMatch(/^nine {2}next /)
    const updated = jsonOf(await call('schedules', 'update', 'nine', '--every', '6h', '--priority', '5', '--json'))
    expect(updated).toMatchObject({ id: 'nine', every: '6h', priority: 5, args: { name: 'a' } })
    const reset = jsonOf(await call('schedules', 'update', 'nine', '--reset', 'priority', 'timezone', '--json'))
    expect(reset).toMatchObject({ every: '6h', timezone: 'UTC' })
    expect(reset).not.toHaveProperty('priority')
    expect((await call('schedules', 'get', 'nine')).stdout).toMatch(/^greet {2}nine\n\n {2}rule +every 6h\n/)
    expect(jsonOf(await call('schedules', 'preview', 'nine', '--count', '3', '--json')).occurrences).toHaveLength(3)
    const { id } = jsonOf(await call('schedules', 'run', 'nine', '--json'))
    expect(jsonOf(await call('jobs', 'get', id, '--json'))).toMatchObject({ worker: 'greet', scheduleId: 'nine' })
    expect(await call('schedules', 'remove', 'nine')).toMatchObject({ code: 0, stdout: 'nine  removed\n' })
    expect(await call('schedules', 'remove', 'nine')).toMatchObject({ code: 1, stdout: '' })
  })

  it('with an impossible rule or args that do not fit are refused', async () => {
    const cron = await call('schedules', 'add', 'greet', '--cron', '99 * * * *', '--args', '{"name":"a"}')
    expect(cron).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('99 * * * *') })
    const args = await call('schedules', 'add', 'greet', '--cron', '0 9 * * *')
    expect(args).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('name') })
  })
})

describe('start', () => {
  it('refuses to listen for other machines without API keys', async () => {
    const ended = await errand(['start'], { cwd: project.root, env: { ERRAND_HOST: '0.0.0.0' } })
    expect(ended).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^(Starting the embedded database …\n)?errand: ERRAND_HOST is 0\.0\.0\.0.*ERRAND_API_KEYS.*\n$/,
      ),
    })
  })

  it('waits for a deployment where nothing was built, and says so', async () => {
    await using empty = await makeProject()
    await using coordinator = serve(['start'], {
      cwd: empty.root,
      env: { MONGODB_URI: database.uri, ERRAND_PORT: '0' },
    })
    expect(await coordinator.line((line) => line.includes('is ready at'))).toContain('(0 workers)')
    expect(await coordinator.line((line) => line.includes('There is no build'))).toContain('waits for `errand deploy`')
  })

  it('names the setting when its port is taken', async () => {
    const { port } = new URL(running.caller.env!['ERRAND_URL']!)
    const ended = await errand(['start'], { cwd: project.root, env: { MONGODB_URI: database.uri, ERRAND_PORT: port } })
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/taken.*ERRAND_PORT/) })
  })

  it('with API keys answers those who have one', async () => {
    await using other = await testDatabase()
    const keys = 'enqueue:enqueue-0123456789,operate:operate-0123456789'
    await using coordinator = serve(['start', '--json'], {
      cwd: project.root,
      env: { MONGODB_URI: other.uri, ERRAND_PORT: '0', ERRAND_HOST: '0.0.0.0', ERRAND_API_KEYS: keys },
    })
    const { url } = await coordinator.event('ready')
    const list = (env: Record<string, string>) => errand(['jobs', 'list'], { env: { ERRAND_URL: url, ...env } })
    expect(await list({})).toMatchObject({ code: 1, stderr: expect.stringContaining('Set ERRAND_API_KEY') })
    expect(await list({ ERRAND_API_KEY: 'wrong' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Check ERRAND_API_KEY'),
    })
    expect(await list({ ERRAND_API_KEY: 'enqueue-0123456789' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('role'),
    })
    expect(await list({ ERRAND_API_KEYS: keys })).toMatchObject({ code: 0, stdout: 'No jobs yet.\n' })
  })

  it('lets running attempts finish after SIGTERM, and ends with exit code 0', async () => {
    await using other = await testDatabase()
    const env = { MONGODB_URI: other.uri }
    const { coordinator, functions, caller } = await start(env)
    const { id } = jsonOf(await errand(['enqueue', 'slow', '{"ms":1500}', '--json'], caller))
    await functions.line((line) => line === 'slow began')
    coordinator.signal('SIGTERM')
    expect(await coordinator.exit).toBe(0)
    functions.signal('SIGTERM')
    expect(await functions.exit).toBe(0)
    expect(await other.db.collection<{ _id: string }>('errand_jobs').findOne({ _id: id })).toMatchObject({
      state: 'succeeded',
      attempt: 1,
    })
  })

  it('gives running attempts back uncharged after a second signal', async () => {
    await using other = await testDatabase()
    const started = await start({ MONGODB_URI: other.uri })
    const { coordinator, functions, caller } = started
    const { id } = jsonOf(await errand(['enqueue', 'slow', '{"ms":60000}', '--json'], caller))
    await functions.line((line) => line === 'slow began')
    coordinator.signal('SIGINT')
    coordinator.signal('SIGTERM')
    expect(await coordinator.exit).toBe(0)
    expect(await other.db.collection<{ _id: string }>('errand_jobs').findOne({ _id: id })).toMatchObject({
      state: 'queued',
      attempt: 0,
    })
    await stop(started)
  })
})

describe('functions', () => {
  it('say what to do where nothing was built', async () => {
    await using empty = await makeProject()
    const ended = await errandProgram(['functions'], { cwd: empty.root })
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('errand codegen') })
  })
})

describe('codegen', () => {
  it('reports that nothing is to be done, and so does --check', async () => {
    await errand(['codegen'], { cwd: project.root })
    const report = jsonOf(await errand(['codegen', '--json'], { cwd: project.root }))
    expect(report).toMatchObject({
      workers: [{ name: 'greet' }, { name: 'slow' }, { name: 'whale' }],
      changed: [],
      written: [],
    })
    expect(await errand(['codegen', '--check'], { cwd: project.root })).toMatchObject({ code: 0 })
  })

  it('--check fails when the registry is out of date', async () => {
    await using stale = await makeProject({ 'jobs/greet.ts': files['jobs/greet.ts'] })
    const ended = await errand(['codegen', '--check', '--root', stale.root])
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('registry.gen.ts') })
  })

  it('tells every problem with its place, to people and to machines', async () => {
    await using bad = await makeProject({
      'jobs/one.ts': 'export default 1\n',
      'jobs/two.ts': 'export const two = 2\n',
    })
    const people = await errand(['codegen'], { cwd: bad.root })
    expect(people).toMatchObject({ code: 1, stdout: '' })
    expect(people.stderr).toMatch(
      /^(?:Building jobs\/ …\n)?✖ jobs\/ cannot be built: 2 problems\n {2}jobs\/one\.ts:1:\d+ .*\n {2}jobs\/two\.ts:\d+:\d+ .*\n$/,
    )
    const machines = await errand(['codegen', '--json'], { cwd: bad.root })
    expect(machines).toMatchObject({ code: 1, stdout: '' })
    expect(JSON.parse(machines.stderr).error).toMatchObject({
      code: 'BAD_WORKER',
      problems: [{ file: 'jobs/one.ts', line: 1 }, { file: 'jobs/two.ts' }],
    })
  })

  it('shows how to begin where there is no worker yet', async () => {
    await using empty = await makeProject()
    expect(await errand(['codegen'], { cwd: empty.root })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('defineJob'),
    })
  })
})
