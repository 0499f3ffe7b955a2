/**
 * `errand deploy` as its user has it: functions in processes of their own, and two coordinators on folders without
 * jobs/.
 */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.js'
import { run, type Program } from '../platforms/process.js'
import { serve } from './program.js'
import { closedUrl, errand, jsonOf, makeProject, worker, type Project } from './support.js'

const signingKey = `whsec_${Buffer.from('a key that both sides are told of').toString('base64')}`
const greet = (text: string) =>
  worker('name: z.string()', `run: ({ name }) => \`${text}, \${name}\``, 'result: z.string(),')

/** What `errand build --target node` made, copied away and started there, as on a host of its own. */
async function startHost(project: Project, name: string): Promise<{ url: string; program: Program }> {
  const dir = join(project.root, name)
  await cp(join(project.root, '.errand/build/node'), dir, { recursive: true })
  const env = { ERRAND_SIGNING_KEYS: signingKey, PORT: '0', HOST: '127.0.0.1' }
  const program = run(process.execPath, ['server.mjs'], { cwd: dir, env })
  const [, url] = await program.line(/ready at (\S+)/)
  return { url: url!, program }
}

describe('errand deploy', () => {
  it('brings builds to coordinators that run without restart and without jobs/, and errand rollback takes one back', async () => {
    await using database = await testDatabase()
    await using project = await makeProject({ 'jobs/greet.ts': greet('Hello'), 'jobs/old.ts': greet('Old') })
    await using empty = await makeProject()
    const coordinator = () =>
      serve(['start', '--json'], {
        cwd: empty.root,
        env: {
          MONGODB_URI: database.uri,
          ERRAND_PORT: '0',
          ERRAND_SIGNING_KEYS: signingKey,
          ERRAND_PRIVATE_FUNCTIONS: 'allow',
        },
      })
    await using first = coordinator()
    const { url, workers } = await first.event('ready')
    expect(workers).toBe(0)
    const call = (...args: string[]) => errand(args, { cwd: project.root, env: { ERRAND_URL: url } })
    const greeting = async (at = url) =>
      jsonOf(
        await errand(['enqueue', 'greet', '{"name":"Ada"}', '--wait', '--json'], {
          cwd: empty.root,
          env: { ERRAND_URL: at },
        }),
      ).receipt.result

    expect(await call('build', '--target', 'node')).toMatchObject({ code: 0 })
    const hello = await startHost(project, 'first')
    await using _hello = hello.program
    expect(await call('deploy', '--target', 'node', '--url', hello.url, '--note', 'the first')).toMatchObject({
      code: 0,
      stdout: '✔ Deployment 1 is live: 2 functions answered.\n  new: greet, old\n',
    })
    expect(await greeting()).toBe('Hello, Ada')

    await project.write('jobs/greet.ts', greet('Good day'))
    await project.remove('jobs/old.ts')
    expect(await call('codegen')).toMatchObject({ code: 0 })
    expect(await call('deploy', '--target', 'node', '--url', hello.url)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('jobs/ has changed since it was built for node: greet.'),
    })
    expect(await call('build', '--target', 'node')).toMatchObject({ code: 0 })
    const other = await call('deploy', '--target', 'node', '--url', hello.url)
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('greet: OTHER_BUILD') })
    const nobody = await closedUrl()
    const refused = await call('deploy', '--target', 'node', '--url', nobody)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain(
      'Deployment 3 is not live, because functions did not answer a ping as themselves (1 of 1). greet: UNREACHABLE',
    )

    const goodDay = await startHost(project, 'second')
    await using _goodDay = goodDay.program
    expect(await call('deploy', '--target', 'node', '--url', goodDay.url)).toMatchObject({
      code: 0,
      stdout: '✔ Deployment 4 is live: 1 function answered.\n  changed: greet\n  gone, so that their jobs wait: old\n',
    })
    expect(await greeting()).toBe('Good day, Ada')
    await using second = coordinator()
    const started = await second.event('ready')
    expect(started).toMatchObject({ deployment: 4, workers: 1 })
    expect(await greeting(started.url)).toBe('Good day, Ada')

    const { stdout } = await call('deployments')
    expect(
      stdout.split('\n').map((line) =>
        line
          .trim()
          .split(/\s{2,}/)
          .slice(0, 3),
      ),
    ).toEqual([
      ['DEPLOYMENT', 'STATE', 'WORKERS'],
      ['4', 'live', '1'],
      ['3', 'waits', '1'],
      ['2', 'waits', '1'],
      ['1', 'waits', '2'],
      [''],
    ])
    expect(await call('rollback')).toMatchObject({
      code: 0,
      stdout: '✔ Deployment 1 is live: 2 functions answered.\n  new: old\n  changed: greet\n',
    })
    expect(await greeting()).toBe('Hello, Ada')
    expect(await call('deployments', 'retire', '2')).toMatchObject({ code: 0, stdout: 'Deployment 2 is retired.\n' })
    expect(await call('deployments', 'deactivate')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('No deployment is live'),
    })
  })

  it('names a build that is missing, and what is wrong with what was written', async () => {
    await using project = await makeProject({ 'jobs/greet.ts': greet('Hello') })
    const call = (...args: string[]) => errand(['deploy', ...args], { cwd: project.root })
    expect(await call('--url', 'https://a.example')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Run `errand build` or `errand codegen` first.'),
    })
    expect(await errand(['codegen'], { cwd: project.root })).toMatchObject({ code: 0 })
    expect(await call('--target', 'vercel', '--url', 'https://a.example')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Run `errand build --target vercel` and deploy what it makes there, then this.'),
    })
    expect(await call('--target', 'vercel')).toMatchObject({ code: 2, stderr: expect.stringContaining('--url') })
    expect(await call('--url', 'https://a.example', '--url', 'https://b.example')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Each --target goes with its --url.'),
    })
    expect(await call('--target', 'lamda', '--url', 'https://a.example')).toMatchObject({ code: 2 })
    expect(await call('--url', 'https://a.example', '--coordinator', await closedUrl())).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/No coordinator answers at .* or name another with --coordinator or ERRAND_URL/),
    })
    expect(await errand(['rollback', 'one'], { cwd: project.root })).toMatchObject({ code: 2 })
  })
})
