/** `errand codegen --compat` against a real coordinator, from the working tree it was built from. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { errandProgram, serve, type Service } from './program.js'
import { closedUrl, errand, jsonOf, makeProject, worker, type Project } from './support.js'

const keys = { observe: 'a-key-that-may-look', operate: 'a-key-that-may-do-all', enqueue: 'a-key-that-may-enqueue' }
const send = (args: string, options = '') => worker(args, 'run: () => null', options)

let database: TestDatabase
let project: Project
let coordinator: Service
let url: string

beforeAll(async () => {
  database = await testDatabase()
  project = await makeProject({ 'jobs/mail/send.ts': send('to: z.string()'), 'jobs/report/old.ts': send('') })
  const { code, stderr } = await errand(['codegen'], { cwd: project.root })
  if (code !== 0) throw new Error(stderr)
  coordinator = serve(['start', '--json'], {
    cwd: project.root,
    env: {
      MONGODB_URI: database.uri,
      ERRAND_PORT: '0',
      ERRAND_FUNCTIONS_URL: 'http://127.0.0.1:9',
      ERRAND_API_KEYS: Object.entries(keys)
        .map(([role, key]) => `${role === 'observe' ? 'observe+args' : role}:${key}`)
        .join(),
    },
  })
  url = ((await coordinator.event('ready')) as { url: string }).url
  for (const to of ['ada', 'bob']) await as('operate', 'enqueue', 'mail.send', `{"to":"${to}"}`, '--delay', '1h')
  await as('operate', 'enqueue', 'report.old', '{}', '--delay', '1h')
})

afterAll(async () => {
  await coordinator?.[Symbol.asyncDispose]()
  await project?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

const as = (role: keyof typeof keys, ...args: string[]) =>
  errand(args, { cwd: project.root, env: { ERRAND_URL: url, ERRAND_API_KEY: keys[role] } })

describe('codegen --compat', () => {
  it('says in one line that all fits, and needs no more than to look', async () => {
    // as it is built, because it runs a file of its own in a thread
    const env = { ERRAND_URL: url, ERRAND_API_KEY: keys.observe }
    expect(await errandProgram(['codegen', '--compat'], { cwd: project.root, env })).toMatchObject({
      code: 0,
      stdout: '✔ 3 waiting jobs and 0 schedules fit the workers in jobs/.\n',
    })
  })

  it('lists what would break, for people and machines, with exit code 1, and writes nothing', async () => {
    await project.write('jobs/mail/send.ts', send('to: z.string(), locale: z.string()'))
    await project.write('jobs/report/daily.ts', send(''))
    await project.remove('jobs/report/old.ts')
    const people = await as('observe', 'codegen', '--compat')
    expect(people.code).toBe(1)
    expect(people.stdout.split('\n')).toEqual([
      '✖ Of 3 waiting jobs and 0 schedules, the workers in jobs/ would break some:',
      expect.stringMatching(
        /^ {2}2 waiting jobs of mail\.send have no `locale` \(such as [0-9a-f-]{36}, [0-9a-f-]{36}\)$/,
      ),
      expect.stringMatching(/^ {2}1 waiting job of report\.old needs a worker .*renamed to report\.daily\? \(such as/),
      expect.stringContaining('say in migrate'),
      '',
    ])
    const machines = await as('observe', 'codegen', '--compat', '--json')
    expect(machines).toMatchObject({ code: 1, stderr: '' })
    expect(jsonOf(machines)).toMatchObject({ fits: false, jobs: 3, problems: [{ code: 'missing', count: 2 }, {}] })
    expect(await as('observe', 'codegen', '--check')).toMatchObject({ code: 1 })

    const migrate = `version: 2, migrate: (args: { to: string }) => ({ ...args, locale: 'en' }),`
    await project.write('jobs/mail/send.ts', send('to: z.string(), locale: z.string()', migrate))
    await project.write('jobs/report/old.ts', send(''))
    expect(await as('observe', 'codegen', '--compat')).toMatchObject({ code: 0 })
  })

  it('explains a coordinator that does not answer, a key that may not look, and jobs/ that cannot be built', async () => {
    const away = await errand(['codegen', '--compat', '--url', await closedUrl()], { cwd: project.root })
    expect(away).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('No coordinator answers at') })
    const refused = await as('enqueue', 'codegen', '--compat')
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('It takes observe') })
    await project.write('jobs/bad.ts', 'export default 1\n')
    const bad = await as('observe', 'codegen', '--compat')
    expect(bad).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('jobs/bad.ts:1:16') })
    await project.remove('jobs/bad.ts')
  })

  it.each([
    ['--url', ['--url', 'http://127.0.0.1:1']],
    ['--sample', ['--sample', '5']],
    ['--compat and --check', ['--compat', '--check']],
  ])('wrong usage: %s', async (_what, args) => {
    expect(await as('observe', 'codegen', ...args)).toMatchObject({ code: 2, stdout: '' })
  })
})
