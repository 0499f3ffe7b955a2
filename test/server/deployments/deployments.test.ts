/**
 * Deployments: contracts made by codegen, taken up by coordinators that have no access to jobs/. Each build has its
 * functions on a host of its own, in this process.
 */
import type { AuditEntry } from '../../../core/views/answers.gen.js'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ParsedRegisterRequest } from '../../../core/requests/deployments.js'
import { z } from 'zod'
import { defineJob } from '../../../core/job/defineJob.js'
import { ErrandError } from '../../../core/errors.js'
import { noBuild } from '../../../core/functions/ping.js'
import { createContractTrial } from '../../../server/deployments/contractTrial.js'
import { createContracts } from '../../../server/deployments/contracts.js'
import { createCoordinator } from '../../../server/coordinator.js'
import { readAnswer } from '../../../server/functions/invoke.js'
import { wrap } from '../../../runtime/index.js'
import { testProject, type TestProject } from '../../codegen/project.js'
import { insteadOnce } from '../../support/between.js'
import { wireHeader, wireVersion } from '../../../core/wireVersion.js'
import { manualClock } from '../../support/clock.js'
import { loseAnswers, meanwhile } from '../../support/lostAnswers.js'
import { testErrand, testKey, type TestErrand, type TestErrandOptions, type TestWorkers } from '../../support/errand.js'
import type { ContractTrial, Invoke } from '../../../server/deps.js'
import { endless, trialByHand } from './trials.js'

const worker = (options: string) =>
  `import { defineJob } from 'errand'\nimport { z } from 'zod'\nexport default defineJob({ args: z.object({ n: z.number() }), result: z.string(), ${options} })\n`

/** The same project at three times. */
const builds = {
  first: {
    'jobs/mail.ts': worker(`run: () => 'first'`),
    'jobs/slow.ts': worker(`deployment: 'pinned', retry: { backoff: ['1s'] }, run: () => 'first'`),
    'jobs/old.ts': worker(`run: () => 'first'`),
    'jobs/oldPinned.ts': worker(`deployment: 'pinned', run: () => 'first'`),
    'jobs/bulk.ts': worker(`deployment: 'pinned', jobsPerCall: 10, run: () => 'first'`),
    'jobs/daily.ts': worker(`schedule: { cron: '0 9 * * *', args: { n: 1 } }, run: () => 'first'`),
  },
  second: {
    'jobs/mail.ts': worker(`retry: { attempts: 2 }, run: () => 'second'`),
    'jobs/slow.ts': worker(`deployment: 'pinned', retry: { backoff: ['1s'] }, run: () => 'second'`),
    'jobs/bulk.ts': worker(`deployment: 'pinned', jobsPerCall: 10, run: () => 'second'`),
    'jobs/fresh.ts': worker(`schedule: { every: '1h', args: { n: 2 } }, run: () => 'second'`),
  },
  third: { 'jobs/mail.ts': worker(`run: () => 'third'`) },
}
type Name = keyof typeof builds

const projects = new Map<Name, TestProject>()
const requests = new Map<Name, ParsedRegisterRequest>()
beforeAll(async () => {
  for (const name of Object.keys(builds) as Name[]) {
    const project = await testProject(builds[name])
    projects.set(name, project)
    await project.generate()
    const manifest = JSON.parse(await project.read('.errand/manifest.json'))
    requests.set(name, {
      functions: `http://${name}.test`,
      workers: Object.entries(manifest.workers).map(([worker, { hash }]: [string, any]) => ({ name: worker, hash })), // oxlint-disable-line typescript/no-explicit-any
      contracts: await project.read('.errand/contracts.mjs'),
    })
  }
})
afterAll(async () => {
  for (const project of projects.values()) await project[Symbol.asyncDispose]()
})

/** A trial whose patience is over as soon as the contract of `mail` loops. */
const impatient: ContractTrial = (text) => {
  const { begun, ring, ...byHand } = trialByHand('mail')
  void begun.then(ring)
  return createContractTrial({ limitMs: 1_000, ...byHand })(text)
}
const patient = createContractTrial({ clock: endless })
const tryContracts: ContractTrial = (text) => (text.includes('for (;;)') ? impatient : patient)(text)

/** What every function does: it tells which build it is of. `n: 0` fails at the first attempt. */
const jobOf = (build: Name) =>
  defineJob({
    args: z.object({ n: z.number() }),
    run({ n }, { attempt }) {
      if (n === 0 && attempt === 1) throw new Error('at first')
      return build
    },
  })

/** Coordinators that share a database, and the hosts of all builds. */
interface Fleet extends AsyncDisposable {
  a: TestErrand
  /** Hosts, such as `first`, and functions, such as `first/mail`, that do not answer. */
  down: Set<string>
  /** Called before a host answers a call or a ping. */
  onCall: (url: string) => Promise<void>
  beside(options?: TestErrandOptions): Promise<TestErrand>
}

async function startFleet(options: TestErrandOptions = {}, own: TestWorkers = {}): Promise<Fleet> {
  const clock = manualClock()
  const down = new Set<string>()
  const invoke: Invoke = async ({ url, headers, body }) => {
    await fleet.onCall(url)
    const { host, pathname } = new URL(url)
    const [build, name] = [host.replace('.test', '') as Name, pathname.slice(1)]
    if (down.has(build) || down.has(`${build}/${name}`)) {
      return { kind: 'failed', code: 'UNREACHABLE', message: 'It is down.' }
    }
    if (!Object.hasOwn(builds[build], `jobs/${name}.ts`)) return readAnswer(404, undefined, '')
    const handler = wrap(jobOf(build), { worker: name, keys: [testKey], clock })
    const response = await handler.fetch(new Request(url, { method: 'POST', headers, body }))
    return readAnswer(response.status, undefined, await response.text())
  }
  const a = await testErrand(own, { clock, invoke, tryContracts, ...options })
  const others: TestErrand[] = []
  const fleet: Fleet = {
    a,
    down,
    onCall: async () => {},
    async beside(more = {}) {
      const other = await testErrand(own, { beside: a, invoke, tryContracts, ...options, ...more })
      others.push(other)
      return other
    },
    async [Symbol.asyncDispose]() {
      for (const other of others) await other[Symbol.asyncDispose]()
      await a[Symbol.asyncDispose]()
    },
  }
  return fleet
}

async function register(errand: TestErrand, name: Name, more: object = {}): Promise<number> {
  const { status, body } = await errand.post('/deployments', { ...requests.get(name), ...more })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return body.id
}

async function deploy(errand: TestErrand, name: Name): Promise<number> {
  const id = await register(errand, name)
  const { status, body } = await errand.post(`/deployments/${id}/activate`, {})
  if (status !== 200) throw new Error(JSON.stringify(body))
  return id
}

// oxlint-disable-next-line typescript/no-explicit-any
async function retire({ coordinator }: TestErrand, id: number): Promise<any> {
  const request = new Request(`http://coordinator.test/deployments/${id}`, { method: 'DELETE' })
  return (await coordinator.fetch(request)).json()
}

const resultOf = async (errand: TestErrand, id: string) => {
  const receipt = (await errand.get(id)).receipts.at(-1)
  return receipt?.status === 'success' ? receipt.result : receipt?.error?.code
}
const codeOf = ({ body }: { body: { error: { code: string } } }) => body.error.code
const look = ({ coordinator }: TestErrand) => coordinator.deps.liveDeployment.look()
const schedulesOf = async ({ coordinator }: TestErrand) =>
  (await coordinator.deps.store.schedules.list()).map(({ _id }) => _id)

describe('a deployment', () => {
  it('is taken up at once by the coordinator that is told of it, which has no job code', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    expect(codeOf(await a.post('/job', { worker: 'mail', args: { n: 1 } }))).toBe('UNKNOWN_WORKER')
    const id = await deploy(a, 'first')
    const job = await a.enqueue('mail', { n: 1 })
    await a.run()
    expect(await a.get(job)).toMatchObject({ state: 'succeeded', deployment: id, workerKnown: true })
    expect(await resultOf(a, job)).toBe('first')
    expect(codeOf(await a.post('/job', { worker: 'mail', args: { n: 'one' } }))).toBe('INVALID_ARGS')
  })

  it('is taken up by the others when they look, and when they are asked for a worker that they do not know', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const [b, c] = [await fleet.beside(), await fleet.beside()]
    await Promise.all([look(b), look(c)])
    await deploy(a, 'first')
    await look(b)
    expect(b.coordinator.deps.contracts.names).toContain('mail')
    // it has looked a moment ago
    expect(codeOf(await c.post('/job', { worker: 'mail', args: { n: 1 } }))).toBe('UNKNOWN_WORKER')
    await a.clock.advance('1s')
    const job = await c.enqueue('mail', { n: 1 })
    await c.run()
    expect(await resultOf(c, job)).toBe('first')
  })

  it('is in effect on a coordinator that starts after it', async () => {
    await using fleet = await startFleet()
    const id = await deploy(fleet.a, 'first')
    const b = await fleet.beside({ stayOn: false })
    await b.coordinator.start()
    expect(b.coordinator.deps.liveDeployment.live).toBe(id)
  })

  it('tells what it changes', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const first = await deploy(a, 'first')
    const second = await register(a, 'second')
    expect((await a.post(`/deployments/${second}/activate`, {})).body).toEqual({
      id: second,
      previous: first,
      answered: 4,
      added: ['fresh'],
      changed: ['bulk', 'mail', 'slow'],
      gone: ['daily', 'old'],
    })
    expect((await a.post(`/deployments/${second}/activate`, {})).body).toMatchObject({ already: true })
  })

  it('does not go live while a function of it does not answer, unless it is forced', async () => {
    await using fleet = await startFleet()
    const { a, down } = fleet
    const first = await deploy(a, 'first')
    down.add('second/mail')
    const second = await register(a, 'second')
    const refused = await a.post(`/deployments/${second}/activate`, {})
    expect(refused.status).toBe(409)
    expect(refused.body.error).toMatchObject({
      code: 'PROBE_FAILED',
      message: `Deployment ${second} is not live, because functions did not answer a ping as themselves (1 of 4). mail: UNREACHABLE, It is down. Mend that, then: errand deployments activate ${second}.`,
      functions: [{ worker: 'mail', code: 'UNREACHABLE' }],
    })
    expect(a.coordinator.deps.liveDeployment.live).toBe(first)
    expect((await a.post(`/deployments/${second}/activate`, { force: true })).body).toMatchObject({ answered: 0 })
    expect(a.coordinator.deps.liveDeployment.live).toBe(second)
  })

  it('does not go live while its functions are of a release too far away, and says which side to update', async () => {
    const invoke: Invoke = async ({ worker, url, headers, body }) => {
      const handler = wrap(jobOf('first'), { worker, keys: [testKey], clock: manualClock() })
      const later = { ...headers, [wireHeader]: String(wireVersion + 2) }
      const response = await handler.fetch(new Request(url, { method: 'POST', headers: later, body }))
      return readAnswer(response.status, undefined, await response.text())
    }
    await using fleet = await startFleet({ invoke })
    const first = await register(fleet.a, 'first')
    const { status, body } = await fleet.a.post(`/deployments/${first}/activate`, {})
    expect(status).toBe(409)
    expect(body.error).toMatchObject({
      code: 'PROBE_FAILED',
      message: expect.stringContaining('update the function'),
    })
  })

  it.each([
    ['b1', undefined, 'live'],
    ['b1', 'b1', 'live'],
    [undefined, 'b1', 'live'],
    [noBuild, 'b1', 'live'],
    ['b2', 'b1', 'OTHER_BUILD'],
  ])(
    'goes live where a function answers as of the build that is meant: %s for %s is %s',
    async (build, meant, outcome) => {
      const pong: Invoke = async () =>
        readAnswer(200, undefined, JSON.stringify({ status: 'success', result: { worker: 'mail', build } }))
      await using fleet = await startFleet({ invoke: pong })
      const workers = requests.get('third')!.workers.map((one) => ({ ...one, build: meant }))
      const id = await register(fleet.a, 'third', { workers })
      const { body } = await fleet.a.post(`/deployments/${id}/activate`, {})
      expect(body.error?.functions[0].code ?? 'live').toBe(outcome)
    },
  )

  it.each([
    ['none', false],
    ['another', true],
  ])(
    'does not go live over one that went live while it was asked for its functions, where %s was before',
    async (_, before) => {
      await using fleet = await startFleet()
      const { a } = fleet
      if (before) await deploy(a, 'third')
      const b = await fleet.beside()
      const [first, second] = [await register(a, 'first'), await register(a, 'second')]
      fleet.onCall = async (url) => {
        if (!url.startsWith('http://second.test')) return
        fleet.onCall = async () => {}
        expect((await b.post(`/deployments/${first}/activate`, {})).status).toBe(200)
      }
      const late = await a.post(`/deployments/${second}/activate`, {})
      expect(late.status).toBe(409)
      expect(late.body.error).toMatchObject({ code: 'DEPLOYED_MEANWHILE', live: first })
      expect((await a.coordinator.deps.store.deployments.live())?.deployment).toBe(first)
    },
  )

  it('brings its schedules, and ends those of the one before, on whichever coordinator gets to it', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    await deploy(a, 'first')
    expect(await schedulesOf(a)).toEqual(['code:daily'])
    const second = await register(a, 'second')
    // a dies behind the write that switches
    const { deployments } = a.coordinator.deps.store
    const seen = await deployments.live()
    await deployments.turn(seen, { deployment: second, before: [], at: a.clock.now(), by: 'a' })
    expect(await schedulesOf(a)).toEqual(['code:daily'])
    await look(b)
    expect(await schedulesOf(b)).toEqual(['code:fresh'])
  })

  it('keeps its schedules though a coordinator is about to end them by the one before', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    await deploy(a, 'first')
    await deploy(a, 'third')
    insteadOnce(b.coordinator.deps.store.schedules, 'fromCode', (fromCode) => async () => {
      // the first is live again, and an operator pauses its schedule
      await a.post('/deployments/rollback', {})
      await a.post('/schedules/code:daily/pause', {})
      return fromCode()
    })
    await look(b)
    expect(await a.coordinator.deps.store.schedules.find('code:daily')).toMatchObject({ pausedAt: expect.any(Date) })
    expect(b.coordinator.deps.contracts.scheduled).toEqual(['daily'])
  })

  it('does what follows from a switch again where that failed', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    await deploy(a, 'first')
    const broken = vi.spyOn(a.coordinator.deps.store.schedules, 'fromCode')
    broken.mockRejectedValue(new Error('the database is away'))
    await deploy(a, 'third')
    await expect(look(a)).rejects.toThrow('the database is away')
    expect(await schedulesOf(a)).toEqual(['code:daily'])
    broken.mockRestore()
    await look(a)
    expect(await schedulesOf(a)).toEqual([])
  })

  it('leaves the one before in effect where its contracts cannot be loaded', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    await deploy(a, 'first')
    await look(b)
    const second = await deploy(a, 'second')
    const broken = vi.spyOn(b.coordinator.deps.store.deployments, 'contractsOf')
    broken.mockResolvedValue('export default {')
    await expect(look(b)).rejects.toThrow('Unexpected end of input')
    expect(b.coordinator.deps.contracts.names).toContain('old')
    broken.mockRestore()
    await look(b)
    expect(b.coordinator.deps.liveDeployment.live).toBe(second)
  })
})

describe('a coordinator', () => {
  it('that was looking while somebody switched looks again', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const { deployments } = a.coordinator.deps.store
    const id = await register(a, 'first')
    let read = () => {}
    vi.spyOn(deployments, 'live').mockImplementationOnce(() => new Promise((resolve) => (read = () => resolve(null))))
    const looking = look(a)
    await deployments.turn(null, { deployment: id, before: [], at: a.clock.now(), by: 'a' })
    const lookedAgain = look(a)
    read()
    await Promise.all([looking, lookedAgain])
    expect(a.coordinator.deps.liveDeployment.live).toBe(id)
  })

  it('that cannot load what is live starts, ends no schedules, and can be switched back', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    await deploy(a, 'second')
    const first = await deploy(a, 'first')
    const b = await fleet.beside({ stayOn: false })
    const broken = vi.spyOn(b.coordinator.deps.store.deployments, 'contractsOf')
    broken.mockResolvedValueOnce('export default {')
    await b.coordinator.start()
    expect(b.coordinator.deps.liveDeployment.live).toBeUndefined()
    expect(await schedulesOf(b)).toEqual(['code:daily'])
    expect((await b.post('/deployments/rollback', {})).body).toMatchObject({ previous: first })
    expect(await schedulesOf(b)).toEqual(['code:fresh'])
  })

  it('closes the circuit breakers of functions that others have taken the place of', async () => {
    await using fleet = await startFleet()
    const { a, down } = fleet
    await deploy(a, 'first')
    down.add('first/mail')
    const jobs = await Promise.all(
      Array.from({ length: 25 }, (_, n) => a.enqueue('mail', { n: n + 1 }, { delay: '1s' })),
    )
    await a.clock.advance('1s')
    await a.run()
    const waits = await Promise.all(jobs.map(async (job) => (await a.get(job)).paused))
    expect(waits.some((paused) => paused?.by === 'circuit breaker')).toBe(true)
    await deploy(a, 'second')
    expect(await a.coordinator.deps.store.pauses.list()).toEqual([])
  })
})

describe('a deployment that is retired', () => {
  it('cannot go live while it is', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    await deploy(a, 'third')
    const first = await register(a, 'first')
    const { deployments } = a.coordinator.deps.store
    const mark = deployments.retire.bind(deployments)
    vi.spyOn(deployments, 'retire').mockImplementationOnce(async (...args) => {
      await mark(...args)
      expect(codeOf(await b.post(`/deployments/${first}/activate`, {}))).toBe('WRONG_STATE')
    })
    await a.coordinator.deps.liveDeployment.look()
    expect(await retire(a, first)).toMatchObject({ id: first, retiredAt: expect.any(String) })
    expect(await deployments.contractsOf(first)).toBeNull()
  })

  it('stays as it was where somebody switches meanwhile, and is told', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    await deploy(a, 'third')
    const [first, second] = [await register(a, 'first'), await register(a, 'second')]
    const { deployments } = a.coordinator.deps.store
    const mark = deployments.retire.bind(deployments)
    vi.spyOn(deployments, 'retire').mockImplementationOnce(async (...args) => {
      await b.post(`/deployments/${second}/activate`, {})
      await mark(...args)
    })
    expect(codeOf({ body: await retire(a, first) })).toBe('DEPLOYED_MEANWHILE')
    expect(await deployments.contractsOf(first)).not.toBeNull()
    expect((await a.post(`/deployments/${first}/activate`, {})).body).toMatchObject({ id: first })
  })

  it('is retired by one of two who do it at once, and the other is told', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    await deploy(a, 'third')
    const first = await register(a, 'first')
    const [{ deployments }, others] = [a.coordinator.deps.store, b.coordinator.deps.store.deployments]
    let told = () => {}
    const isTold = new Promise<void>((resolve) => (told = resolve))
    let second: Promise<unknown> | undefined
    insteadOnce(deployments, 'retire', (mark) => async (...given) => {
      // the other has made its switch, and is about to drop the contracts
      await new Promise<void>((resolve) => {
        insteadOnce(others, 'dropContracts', (drop) => async (...dropped) => {
          resolve()
          await isTold
          return drop(...dropped)
        })
        second = retire(b, first)
      })
      return mark(...given)
    })
    expect(codeOf({ body: await retire(a, first) })).toBe('DEPLOYED_MEANWHILE')
    told()
    expect(await second).toMatchObject({ id: first, retiredAt: expect.any(String) })
    expect(await deployments.find(first)).toMatchObject({ retiredAt: expect.any(Date) })
    expect(await deployments.contractsOf(first)).toBeNull()
  })

  it('does not go live by one who asks for its functions meanwhile', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    await deploy(a, 'third')
    const first = await register(a, 'first')
    fleet.onCall = async () => {
      fleet.onCall = async () => {}
      await retire(a, first)
    }
    expect(codeOf(await a.post(`/deployments/${first}/activate`, {}))).toBe('DEPLOYED_MEANWHILE')
  })
})

describe('a worker that is gone', () => {
  it('keeps its jobs waiting, says so, and runs them when it is back', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    await deploy(a, 'first')
    const job = await a.enqueue('old', { n: 1 }, { delay: '1s' })
    const second = await deploy(a, 'second')
    await a.clock.advance('2s')
    await a.run()
    expect(await a.get(job)).toMatchObject({ state: 'queued', attempt: 0, workerKnown: false })
    const why = await a.coordinator.fetch(new Request(`http://coordinator.test/job/${job}/why`))
    expect((await why.json()).reasons[0].message).toBe(
      `Deployment ${second} is live, and no worker of it is named "old". The job runs once there is one.`,
    )
    expect(codeOf(await a.post('/job', { worker: 'old', args: { n: 1 } }))).toBe('UNKNOWN_WORKER')
    await a.post('/deployments/rollback', {})
    await a.run()
    expect(await resultOf(a, job)).toBe('first')
  })

  it('is not called for jobs that were claimed before it went, and no attempt is charged', async () => {
    await using fleet = await startFleet({ concurrency: 1 })
    const { a } = fleet
    await deploy(a, 'first')
    // quick calls have it claim ahead
    await a.enqueue('mail', { n: 1 })
    await a.run()
    const second = await register(a, 'second')
    const jobs = await Promise.all([1, 2].map((n) => a.enqueue('old', { n }, { delay: '1s' })))
    await a.clock.advance('2s')
    fleet.onCall = async (url) => {
      if (!url.endsWith('/old')) return
      fleet.onCall = async () => {}
      await a.post(`/deployments/${second}/activate`, {})
    }
    await a.run()
    const states = await Promise.all(jobs.map((job) => a.get(job)))
    expect(states.map(({ state, attempt }) => `${state} ${attempt}`).toSorted()).toEqual(['queued 0', 'succeeded 1'])
  })
})

describe('a job', () => {
  it('runs on the deployment that is live when its attempt starts, or is pinned to the one it was enqueued with', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const first = await deploy(a, 'first')
    const [latest, pinned] = [await a.enqueue('mail', { n: 0 }), await a.enqueue('slow', { n: 0 })]
    await a.run()
    await deploy(a, 'second')
    await a.clock.advance('10s')
    await a.run()
    expect([await resultOf(a, latest), await resultOf(a, pinned)]).toEqual(['second', 'first'])
    expect(await a.get(pinned)).toMatchObject({ deployment: first, pinned: true, attempt: 2 })
    expect(await a.get(latest)).not.toHaveProperty('pinned')
  })

  it('that is pinned runs on the live one once its own is retired, on every coordinator', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const first = await deploy(a, 'first')
    const jobs = await Promise.all([1, 2].map((n) => a.enqueue('slow', { n }, { delay: `${n}s` })))
    await deploy(a, 'second')
    const b = await fleet.beside()
    await look(b)
    const retired = await a.coordinator.fetch(
      new Request(`http://coordinator.test/deployments/${first}`, { method: 'DELETE' }),
    )
    expect(await retired.json()).toMatchObject({ id: first, live: false, retiredAt: expect.any(String) })
    await look(b)
    await a.clock.advance('1s')
    await b.run()
    await look(a)
    await a.clock.advance('1s')
    await a.run()
    expect(await Promise.all(jobs.map((job) => resultOf(a, job)))).toEqual(['second', 'second'])
    expect(codeOf(await a.post(`/deployments/${first}/activate`, {}))).toBe('WRONG_STATE')
  })

  it('that is pinned runs on its own though its worker is gone', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    await deploy(a, 'first')
    const job = await a.enqueue('oldPinned', { n: 0 })
    await a.run()
    await deploy(a, 'second')
    await a.clock.advance('10s')
    await a.run()
    expect(await resultOf(a, job)).toBe('first')
  })

  it('that is pinned is called by its own address on a coordinator that did not know it yet', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    await deploy(a, 'first')
    await look(b)
    const second = await deploy(a, 'second')
    const job = await a.enqueue('slow', { n: 1 }, { delay: '1s' })
    await a.post('/deployments/rollback', {})
    await a.clock.advance('1s')
    await b.run()
    expect(await b.get(job)).toMatchObject({ deployment: second, state: 'succeeded' })
    expect(await resultOf(b, job)).toBe('second')
  })

  it('does not share a call with one that is pinned to another deployment', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    await deploy(a, 'first')
    const before = await Promise.all([1, 2].map((n) => a.enqueue('bulk', { n }, { delay: '1s' })))
    await deploy(a, 'second')
    const after = await Promise.all([3, 4].map((n) => a.enqueue('bulk', { n }, { delay: '1s' })))
    const calls: string[] = []
    fleet.onCall = async (url) => void calls.push(url)
    await a.clock.advance('1s')
    await a.run()
    expect(calls.toSorted()).toEqual(['http://first.test/bulk', 'http://second.test/bulk'])
    expect(await Promise.all([...before, ...after].map((job) => resultOf(a, job)))).toEqual([
      'first',
      'first',
      'second',
      'second',
    ])
  })
})

describe('a roll back', () => {
  it('goes to the one before, and from there further back', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const [first, second, third] = [await deploy(a, 'first'), await deploy(a, 'second'), await deploy(a, 'third')]
    const steps = []
    for (let step = 0; step < 3; step++) steps.push(await a.post('/deployments/rollback', ''))
    expect(steps.map(({ body }) => body.id ?? body.error.code)).toEqual([second, first, 'WRONG_STATE'])
    expect((await a.post('/deployments/rollback', { id: third })).body).toMatchObject({ id: third, previous: first })
    expect((await a.post('/deployments/rollback', {})).body.id).toBe(first)
  })

  it('asks the functions first, and can be forced', async () => {
    await using fleet = await startFleet()
    const { a, down } = fleet
    const first = await deploy(a, 'first')
    await deploy(a, 'second')
    down.add('first')
    expect(codeOf(await a.post('/deployments/rollback', {}))).toBe('PROBE_FAILED')
    expect((await a.post('/deployments/rollback', { force: true })).body.id).toBe(first)
  })

  it('to none is back at what the coordinator has itself', async () => {
    const own = { mail: defineJob({ args: z.object({ n: z.number() }), run: () => 'own' }) }
    await using fleet = await startFleet({ functionsUrl: 'http://third.test' }, own)
    const { a } = fleet
    const second = await deploy(a, 'second')
    expect((await a.post('/deployments/deactivate', {})).body).toMatchObject({
      id: null,
      previous: second,
      gone: ['fresh'],
    })
    const job = await a.enqueue('mail', { n: 1 })
    await a.run()
    expect(await resultOf(a, job)).toBe('third')
    expect(await a.get(job)).not.toHaveProperty('deployment')
    expect(codeOf(await a.post('/deployments/deactivate', {}))).toBe('WRONG_STATE')
    expect((await a.post('/deployments/rollback', {})).body.id).toBe(second)
  })
})

describe('a deployment whose contracts cannot be loaded here', () => {
  /** One that another coordinator has registered and made live, and whose contracts are these. */
  async function makeLive({ coordinator }: TestErrand, contracts: string, name = 'mail'): Promise<void> {
    const { deployments } = coordinator.deps.store
    const at = new Date('2030-01-01T00:00:00.000Z')
    const workers = [{ name, hash: 'h' }]
    const { _id } = await deployments.insert({ at, by: 'ada', functions: 'http://third.test', workers, contracts })
    const seen = await deployments.live()
    await deployments.turn(seen, { deployment: _id, before: [], at, by: 'ada' })
  }
  const looping = 'export default { mail() { for (;;); } }'

  it('leaves in effect what was, until another one is live', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside({ tryContracts })
    const first = await deploy(a, 'first')
    await look(b)
    await makeLive(a, looping)
    await expect(look(b)).rejects.toThrow(/cannot be taken up: The contract of mail cannot be loaded: it is not done/)
    expect(b.coordinator.deps.liveDeployment.live).toBe(first)
    const job = await b.enqueue('mail', { n: 1 })
    await b.run()
    expect(await resultOf(b, job)).toBe('first')
    const second = await deploy(b, 'second')
    expect(b.coordinator.deps.liveDeployment.live).toBe(second)
  })

  it('keeps no coordinator from its start, nor from taking another one', async () => {
    const log = vi.fn<(level: string, message: string, fields?: Record<string, unknown>) => void>()
    await using fleet = await startFleet({ tryContracts })
    await makeLive(fleet.a, looping)
    const b = await fleet.beside({ stayOn: false, log })
    await b.coordinator.start()
    expect(log).toHaveBeenCalledWith('error', expect.stringContaining('cannot load'), expect.anything())
    const second = await deploy(b, 'second')
    expect(b.coordinator.deps.liveDeployment.live).toBe(second)
  })

  it('is not made live', async () => {
    await using fleet = await startFleet({ tryContracts })
    await makeLive(fleet.a, looping)
    const first = await deploy(fleet.a, 'first')
    const { status, body } = await fleet.a.post('/deployments/1/activate', { force: true })
    expect([status, body.error.code]).toEqual([400, 'BAD_REQUEST'])
    expect((await fleet.a.coordinator.deps.store.deployments.live())?.deployment).toBe(first)
  })

  it('does not hold a coordinator up where it waits for ever here alone', async () => {
    await using fleet = await startFleet({ tryContracts: async () => {} })
    await makeLive(fleet.a, 'await new Promise(() => {}); export default {}')
    const { clock } = fleet.a
    const asleep = clock.sleeping()
    const looking = look(fleet.a)
    looking.catch(() => {})
    while (clock.sleeping() === asleep) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance('10s')
    await expect(looking).rejects.toThrow('not done within 10s')
  })

  it('is loaded untried, which is logged, where no thread can be started', async () => {
    const log = vi.fn<(level: string, message: string, fields?: Record<string, unknown>) => void>()
    const noThread = new ErrandError('UNAVAILABLE', 'none can be started here')
    await using fleet = await startFleet()
    const b = await fleet.beside({ tryContracts: () => Promise.reject(noThread), log })
    const id = await deploy(fleet.a, 'first')
    await look(b)
    expect(b.coordinator.deps.liveDeployment.live).toBe(id)
    expect(log).toHaveBeenCalledWith('warn', expect.stringContaining('not tried here'), { error: noThread })
    expect(codeOf(await b.post('/deployments', requests.get('third')))).toBe('UNAVAILABLE')
  })
})

describe('what is registered', () => {
  it('is numbered, and listed newest first, less its contracts', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const b = await fleet.beside()
    const ids = await Promise.all(
      [a, b, a, b].map((errand) => register(errand, 'third', { note: 'abc', targets: ['node'] })),
    )
    expect(ids.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4])
    await a.post('/deployments/2/activate', {})
    const answer = await a.coordinator.fetch(new Request('http://coordinator.test/deployments'))
    const { deployments } = await answer.json()
    expect(deployments.map(({ id, live }: { id: number; live: boolean }) => [id, live])).toEqual([
      [4, false],
      [3, false],
      [2, true],
      [1, false],
    ])
    expect(deployments[0]).toEqual({
      id: 4,
      live: false,
      functions: 'http://third.test',
      workers: 1,
      targets: ['node'],
      note: 'abc',
      createdAt: '2030-01-01T00:00:00.000Z',
      createdBy: 'local',
    })
  })

  it.each([
    ['contracts that do not parse', { contracts: 'export default {' }, 'The contracts cannot be loaded'],
    ['contracts that throw', { contracts: 'throw new Error("no")' }, 'The contracts cannot be loaded: no.'],
    ['contracts that are none', { contracts: 'export const a = 1' }, 'The contracts cannot be loaded'],
    ['contracts that need a package', { contracts: 'import "stripe"' }, 'The contracts cannot be loaded'],
    [
      'contracts that throw later',
      { contracts: 'setTimeout(() => { throw new Error("late") }, 10); export default {}' },
      'they threw after they were loaded: late.',
    ],
    ['contracts that wait for ever', { contracts: 'await new Promise(() => {})' }, 'it waits for what never comes'],
    [
      'a contract that throws',
      { contracts: 'export default { mail() { throw new Error("no") } }' },
      'The contract of mail cannot be loaded: no.',
    ],
    [
      'a contract that loops',
      { contracts: 'export default { mail() { for (;;); } }' },
      'The contract of mail cannot be loaded: it is not done within 1s',
    ],
    ['workers of another build', { workers: [{ name: 'other', hash: 'h' }] }, 'are not of one build: other, mail'],
    ['a worker without an address', { functions: 'other=https://a.example' }, '`functions` has no address for mail'],
    [
      'an address that cannot be called',
      { functions: 'ftp://a.example' },
      '`functions` (`--url` of `errand deploy`) is no address',
    ],
  ])('is refused with %s', async (_what, more, message) => {
    await using fleet = await startFleet({ tryContracts })
    const { status, body } = await fleet.a.post('/deployments', { ...requests.get('third'), ...more })
    expect([status, body.error.code]).toEqual([400, 'BAD_REQUEST'])
    expect(body.error.message).toContain(message)
    expect(await fleet.a.coordinator.deps.store.deployments.list(1)).toEqual([])
  })

  it('is refused with a contract whose policies cannot work', async () => {
    await using fleet = await startFleet()
    const contracts = requests.get('third')!.contracts.replace('result:', 'timeout: "soon", result:')
    const { status, body } = await fleet.a.post('/deployments', { ...requests.get('third'), contracts })
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'BAD_WORKER', message: expect.stringContaining('mail') })
  })

  it('is refused by a coordinator whose contracts are its host’s, and by all for numbers that nothing has', async () => {
    await using fleet = await startFleet()
    const own = await fleet.beside({ followDeployments: false })
    expect(codeOf(await own.post('/deployments', requests.get('third')))).toBe('WRONG_STATE')
    expect(codeOf(await fleet.a.post('/deployments/7/activate', {}))).toBe('UNKNOWN_DEPLOYMENT')
    expect(codeOf(await fleet.a.post('/deployments/seven/activate', {}))).toBe('BAD_REQUEST')
  })

  it('is called at public addresses only, whatever private one the setting names', async () => {
    await using database = await testErrand({}, { functionsUrl: 'http://127.0.0.1:4101' })
    const { db } = database.database
    const coordinator = createCoordinator({
      db,
      contracts: createContracts({}),
      url: 'http://coordinator.test',
      functionsUrl: 'http://10.0.0.1:4101',
      signingKeys: [testKey],
    })
    const request = (path: string, body: unknown) =>
      coordinator.fetch(
        new Request(`http://coordinator.test${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      )
    await request('/deployments', { ...requests.get('third'), functions: 'http://127.0.0.1:1' })
    const refused = await (await request('/deployments/1/activate', {})).json()
    expect(refused.error.functions).toMatchObject([{ worker: 'mail', code: 'ADDRESS_REFUSED' }])
    await coordinator.stop()
  })

  it('is retired when twenty newer ones live, unless a job is pinned to it or it is live', async () => {
    await using fleet = await startFleet()
    const { a } = fleet
    const first = await deploy(a, 'first')
    await a.enqueue('slow', { n: 1 }, { delay: '1h' })
    for (let count = 0; count < 22; count++) await deploy(a, 'third')
    const living = await a.coordinator.deps.store.deployments.living()
    expect(living.map(({ _id }) => _id)).toEqual([first, ...Array.from({ length: 20 }, (_, index) => index + 4)])
    expect(await a.coordinator.deps.store.deployments.contractsOf(2)).toBeNull()
  })
})

describe('the role deploy', () => {
  it('may deploy and nothing else, and what it does is in the audit', async () => {
    const [deployer, operator] = ['a-key-of-the-deployer', 'a-key-of-an-operator']
    await using fleet = await startFleet({
      apiKeys: [
        { role: 'deploy', key: deployer },
        { role: 'operate', key: operator },
      ],
    })
    const { a } = fleet
    const as = (key: string) => ({ authorization: `Bearer ${key}` })
    expect((await a.post('/deployments', requests.get('third'), as(deployer))).status).toBe(201)
    expect((await a.post('/deployments/1/activate', {}, as(deployer))).status).toBe(200)
    expect(codeOf(await a.post('/job', { worker: 'mail', args: { n: 1 } }, as(deployer)))).toBe('FORBIDDEN')
    const audit = await a.coordinator.fetch(new Request('http://coordinator.test/audit', { headers: as(operator) }))
    const { entries } = await audit.json()
    expect((entries as AuditEntry[]).map(({ action, by, outcome }) => [action, by.role, outcome])).toEqual([
      ['deployments.activate', 'deploy', 'ok'],
      ['deployments.register', 'deploy', 'ok'],
    ])
    expect(JSON.stringify(entries)).not.toContain('export')
  })
})

describe('a write whose answer is lost', () => {
  it.for([true, false])('registers a deployment once (it happened: %s)', async (happens) => {
    await using fleet = await startFleet()
    loseAnswers(fleet.a, 'deployments', 'insert', { happens })
    const id = await meanwhile(fleet.a, register(fleet.a, 'first'))
    const { deployments } = await (
      await fleet.a.coordinator.fetch(new Request('http://coordinator.test/deployments'))
    ).json()
    expect(deployments).toMatchObject([{ id }])
  })

  it.for([true, false])('switches, and nobody is told that somebody else did (it happened: %s)', async (happens) => {
    await using fleet = await startFleet()
    const id = await register(fleet.a, 'first')
    loseAnswers(fleet.a, 'deployments', 'turn', { happens })
    const { status } = await meanwhile(fleet.a, fleet.a.post(`/deployments/${id}/activate`, {}))
    expect(status).toBe(200)
    expect(fleet.a.coordinator.deps.liveDeployment.live).toBe(id)
  })

  it.for([true, false])('retires a deployment (it happened: %s)', async (happens) => {
    await using fleet = await startFleet()
    const id = await deploy(fleet.a, 'first')
    await deploy(fleet.a, 'second')
    loseAnswers(fleet.a, 'deployments', 'turn', { happens })
    expect(await meanwhile(fleet.a, retire(fleet.a, id))).toMatchObject({ id, retiredAt: expect.any(String) })
  })

  it('is no switch of ours where somebody else was faster', async () => {
    await using fleet = await startFleet()
    const [first, second] = [await register(fleet.a, 'first'), await register(fleet.a, 'second')]
    await using beside = await fleet.beside()
    const losing = loseAnswers(fleet.a, 'deployments', 'turn', { happens: false })
    const switching = fleet.a.post(`/deployments/${first}/activate`, {})
    while (losing.asked === 0) await new Promise((resolve) => setImmediate(resolve))
    await beside.post(`/deployments/${second}/activate`, {})
    const { status, body } = await meanwhile(fleet.a, switching)
    expect(status).toBe(503)
    expect(body.error.message).toContain('may have been stored')
    await fleet.a.coordinator.deps.liveDeployment.look()
    expect(fleet.a.coordinator.deps.liveDeployment.live).toBe(second)
  })
})
