/** `errand keys` and `errand audit` against a real coordinator, from open to locked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { serve, type Service } from './program.js'
import { errand, jsonOf, makeProject, worker, type Project } from './support.js'

let database: TestDatabase
let project: Project
let coordinator: Service
let url: string

const start = (env: Record<string, string> = {}) =>
  serve(['start', '--json'], {
    cwd: project.root,
    env: { MONGODB_URI: database.uri, ERRAND_PORT: '0', ERRAND_FUNCTIONS_URL: 'http://127.0.0.1:9', ...env },
  })
const run = (args: string[], key?: string) =>
  errand(args, { cwd: project.root, env: { ERRAND_URL: url, ...(key === undefined ? {} : { ERRAND_API_KEY: key }) } })

beforeAll(async () => {
  database = await testDatabase()
  project = await makeProject({
    'jobs/greet.ts': worker('name: z.string()', 'run: () => null'),
    'jobs/pay.ts': worker('card: z.string()', 'run: () => null', `redact: ['card'],`),
  })
  const { code, stderr } = await errand(['codegen'], { cwd: project.root })
  if (code !== 0) throw new Error(stderr)
  coordinator = start()
  url = ((await coordinator.event('ready')) as { url: string }).url
})

afterAll(async () => {
  await coordinator?.[Symbol.asyncDispose]()
  await project?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

describe('errand keys', () => {
  it('makes the first key, an operator, prints it alone on standard output, and says that calls need one now', async () => {
    expect(await run(['keys', 'list'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('everything is open'),
    })
    expect(await run(['keys', 'create', '--name', 'web', '--role', 'enqueue'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('Create one with the role operate first'),
    })
    const made = await run(['keys', 'create', '--name', 'ada', '--role', 'operate'])
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^errand_[\w-]{43}\n$/) })
    expect(made.stderr).toContain('From now on every call needs a key: set ERRAND_API_KEY.')
    expect(await run(['jobs', 'list'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Set ERRAND_API_KEY'),
    })
    const ada = made.stdout.trim()
    expect(await run(['jobs', 'list'], ada)).toMatchObject({ code: 0 })

    const web = jsonOf(
      await run(['keys', 'create', '--name', 'web', '--role', 'enqueue', '--worker', 'greet', 'shop.*', '--json'], ada),
    )
    expect(web).toMatchObject({ name: 'web', workers: ['greet', 'shop.*'], key: expect.any(String) })
    expect(await run(['enqueue', 'greet', '{"name":"Ada"}', '--delay', '1h'], web.key)).toMatchObject({ code: 0 })
    expect(await run(['enqueue', 'pay', '{"card":"4242"}'], web.key)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('may not enqueue "pay". It takes greet, shop.*.'),
    })

    const listed = await run(['keys', 'list'], ada)
    expect(listed.stdout).toMatch(/ada +operate .* by local/)
    expect(listed.stdout).toMatch(/web +enqueue +greet, shop\.\* .* by ada/)
    expect(listed.stdout).not.toContain('errand_')

    const { id } = jsonOf(await run(['enqueue', 'pay', '{"card":"4242"}', '--delay', '1h', '--json'], ada))
    const shown = await run(['jobs', 'get', id], ada)
    expect(shown.stdout).toContain('{"card":"[redacted]"}')
    const board = (await run(['keys', 'create', '--name', 'board', '--role', 'observe'], ada)).stdout.trim()
    expect((await run(['jobs', 'get', id], board)).stdout).toMatch(/args +hidden/)

    expect(await run(['keys', 'revoke', 'web', 'nobody'], ada)).toMatchObject({
      code: 1,
      stdout: 'web  revoked\n',
      stderr: expect.stringContaining('There is no key "nobody"'),
    })
    expect(await run(['jobs', 'list'], web.key)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('known API key'),
    })
    expect(await run(['keys', 'revoke', 'ada'], ada)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the last key with the role operate'),
    })

    const audit = await run(['audit', 'list', '--action', 'keys.revoke'], ada)
    expect(audit.stdout).toMatch(/ada +keys\.revoke +OPERATE_KEY_NEEDED +name=ada/)
    expect(audit.stdout).toMatch(/ada +keys\.revoke +ok +name=web/)
    const entries = jsonOf(await run(['audit', 'list', '--json', '--limit', '1'], ada))
    expect(entries).toMatchObject({ entries: [{ action: 'keys.revoke' }], cursor: expect.any(String) })

    // beyond loopback keys are asked for, and these are enough to begin
    await using outside = start({ ERRAND_HOST: '0.0.0.0' })
    const { url: address } = (await outside.event('ready')) as { url: string }
    const list = (key: string) => errand(['jobs', 'list', '--url', address], { env: { ERRAND_API_KEY: key } })
    expect(await list(ada)).toMatchObject({ code: 0 })
    expect(await list('nobody-0123456789')).toMatchObject({ code: 1 })
  })

  it('is what a coordinator beyond loopback asks for where there is no key', async () => {
    await using empty = await testDatabase()
    const refused = await errand(['start'], {
      cwd: project.root,
      env: { MONGODB_URI: empty.uri, ERRAND_PORT: '0', ERRAND_HOST: '0.0.0.0' },
    })
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('errand keys create') })
  })

  it.each([
    ['a role that is none', ['create', '--name', 'a', '--role', 'oprate'], /Did you mean "operate"\?/],
    ['a missing name', ['create', '--role', 'operate'], /--name <name>' not specified/],
    [
      'a pattern that is none',
      ['create', '--name', 'a', '--role', 'enqueue', '--worker', '*'],
      /no pattern of workers/,
    ],
  ])('refuses %s with exit code 2', async (_what, args, message) => {
    const { code, stderr } = await run(['keys', ...args])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})
