/** `errand tick` against a real coordinator. */
import { expect, it } from 'vitest'
import { testDatabase } from '../support/database.js'
import { serve } from './program.js'
import { errand, makeProject, worker } from './support.js'

it('errand tick has the coordinator do what is due, and tells it', async () => {
  await using database = await testDatabase()
  await using project = await makeProject({ 'jobs/greet.ts': worker('name: z.string()', 'run: () => null') })
  expect(await errand(['codegen'], { cwd: project.root })).toMatchObject({ code: 0 })
  await using coordinator = serve(['start', '--json'], {
    cwd: project.root,
    env: { MONGODB_URI: database.uri, ERRAND_PORT: '0', ERRAND_FUNCTIONS_URL: 'http://127.0.0.1:9' },
  })
  const { url } = (await coordinator.event('ready')) as { url: string }
  const run = (...args: string[]) => errand(args, { cwd: project.root, env: { ERRAND_URL: url } })
  expect(await run('tick')).toMatchObject({ code: 0, stdout: '✔ nothing was due; nothing is scheduled\n' })
  expect(await run('enqueue', 'greet', '{"name":"Ada"}', '--delay', '1h')).toMatchObject({ code: 0 })
  expect((await run('tick', '--budget', '10s')).stdout).toMatch(/nothing was due; next: in (59m|1h)/)
  const { stdout } = await run('tick', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ staged: 0, more: false, nextAt: expect.any(String) })
  expect(await run('tick', '--budget', '2m')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('50s at the most'),
  })
})
