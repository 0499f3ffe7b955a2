import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { errand, jsonOf, makeProject, worker } from './support.js'

const plain = worker('n: z.number()', 'run: () => null', 'result: z.null(),')

it('builds several targets at once, and says what comes next', async () => {
  await using project = await makeProject({ 'jobs/mail/send.ts': plain })
  const built = await errand(['build', '--target', 'node,cloudflare', '--target', 'vercel'], { cwd: project.root })
  expect(built).toMatchObject({ code: 0 })
  expect(built.stdout).toMatch(
    /✔ node: 1 function in \.errand\/build\/node, largest \d+\.\d kB gzipped\n {2}Next: docker build/,
  )
  expect(built.stdout).toContain('cloudflare: 1 function')
  expect(built.stdout).toContain('vercel: 1 function')
  expect(existsSync(join(project.root, '.errand/build/vercel/.vercel/output/config.json'))).toBe(true)
})

it('puts the coordinator beside the functions, but not where it cannot run', async () => {
  await using project = await makeProject({ 'jobs/mail/send.ts': plain })
  const built = await errand(['build', '--target', 'node', '--coordinator'], { cwd: project.root })
  expect(built).toMatchObject({ code: 0, stdout: expect.stringContaining('node: 1 function and the coordinator in') })
  expect(existsSync(join(project.root, '.errand/build/node/coordinator.mjs'))).toBe(true)
  expect(await errand(['build', '--target', 'cloudflare', '--coordinator'], { cwd: project.root })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("MongoDB's driver does not run on Cloudflare Workers"),
  })
})

it('tells machines the sizes and hashes, and puts the build where it is told', async () => {
  await using project = await makeProject({ 'jobs/a.ts': plain, 'jobs/b.ts': plain })
  const args = ['build', '--target', 'aws-lambda', '--only', 'a', '--minify', '--out', 'out', '--json']
  const built = jsonOf(await errand(args, { cwd: project.root }))
  expect(built.targets).toEqual([
    {
      target: 'aws-lambda',
      dir: join(project.root, 'out/aws-lambda'),
      workers: [
        expect.objectContaining({
          worker: 'a',
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          bytes: expect.any(Number),
        }),
      ],
    },
  ])
})

it('names worker, limit and platform, each at its line, and ends with 1', async () => {
  await using project = await makeProject({
    'jobs/long.ts': worker('n: z.number()', 'run: () => null', `timeout: '1h', result: z.null(),`),
  })
  const built = await errand(['build', '--target', 'aws-lambda'], { cwd: project.root })
  expect(built).toMatchObject({ code: 1, stdout: '' })
  expect(built.stderr).toMatch(/jobs\/long\.ts:6:3 long has a timeout of 1h, and AWS Lambda ends a function after 15m/)
})

it.each([
  [['build'], /Required option '--target <targets>' not specified/],
  [['build', '--target', 'lamda'], /Targets are node, vercel, aws-lambda, cloudflare/],
])('is wrong usage: %j', async (args, message) => {
  const ended = await errand(args)
  expect(ended.code).toBe(2)
  expect(ended.stderr).toMatch(message)
})
