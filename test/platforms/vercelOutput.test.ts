/** The Vercel target as Vercel's own build code reads it, and the cron's function. */
import { deserializeBuildOutput, NodejsLambda, validateBuildResult } from '@vercel/build-utils'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build } from '../../codegen/index.js'
import { tickPath } from '../../core/views/tick.js'
import { createTickHandler } from '../../runtime/vercelTick.js'
import { testProject, worker, type TestProject } from '../codegen/project.js'
import { startFunction } from './vercel.js'

let project: TestProject
beforeAll(async () => {
  project = await testProject({
    'jobs/mail/send.ts': worker(`args: z.object({}), timeout: '90s', result: z.null(), run: () => null`),
    'jobs/longest.ts': worker(`args: z.object({}), timeout: '800s', result: z.null(), run: () => null`),
  })
  await build({ root: project.root, targets: ['vercel'] })
})
afterAll(() => project[Symbol.asyncDispose]())

const outputDir = () => join(project.root, '.errand/build/vercel/.vercel/output')

describe('the output', () => {
  it('is what Vercel deploys: a function at each worker’s path, with the time it needs', async () => {
    const result = await deserializeBuildOutput({
      outputDir: outputDir(),
      repoRootPath: project.root,
      deserializeLambda: async (_files: unknown, config: object) => new NodejsLambda({ ...config, files: {} } as never),
      groupLambdas: async (lambdas: unknown) => lambdas,
    } as never)
    const { output, routes, crons } = result as unknown as {
      output: Record<string, { handler: string; maxDuration: number; runtime: string }>
      routes: unknown
      crons?: unknown
    }
    expect(Object.keys(output).toSorted()).toEqual(['_errand/tick', 'longest', 'mail/send'])
    expect(output['mail/send']).toMatchObject({ handler: 'index.mjs', runtime: 'nodejs22.x', maxDuration: 95 })
    // no more than Vercel allows, though nothing is left then to tell of the timeout
    expect(output['longest']).toMatchObject({ maxDuration: 800 })
    expect(routes).toEqual([{ handle: 'filesystem' }])
    expect(crons ?? JSON.parse(await project.read('.errand/build/vercel/.vercel/output/config.json'))).toMatchObject(
      crons === undefined ? { crons: [{ path: '/_errand/tick', schedule: '* * * * *' }] } : [{ path: '/_errand/tick' }],
    )
    expect(() => validateBuildResult({ buildConfig: {}, buildResponse: result } as never)).not.toThrow()
    for (const path of Object.keys(output)) {
      // Vercel's own check does not look
      expect(await project.exists(`.errand/build/vercel/.vercel/output/functions/${path}.func/index.mjs`)).toBe(true)
    }
  })

  it('has crons as often as the plan and the project want them', async () => {
    const cronsWith = async (vercel: object) => {
      await project.write('package.json', JSON.stringify({ type: 'module', errand: { targets: { vercel } } }))
      await build({ root: project.root, targets: ['vercel'], only: ['mail.send'] })
      const text = await project.read('.errand/build/vercel/.vercel/output/config.json')
      return (JSON.parse(text) as { crons?: { schedule: string }[] }).crons?.map(({ schedule }) => schedule)
    }
    expect(await cronsWith({ plan: 'hobby' })).toEqual(['0 5 * * *'])
    expect(await cronsWith({ tick: '*/5 * * * *' })).toEqual(['*/5 * * * *'])
    expect(await cronsWith({ tick: false })).toBeUndefined()
    expect(await project.exists('.errand/build/vercel/.vercel/output/functions/_errand')).toBe(false)
  })
})

describe('the output with the coordinator', () => {
  it('has the functions beside it, and every other path is its own', async () => {
    await project.write('package.json', '{ "type": "module" }')
    await build({ root: project.root, targets: ['vercel'], coordinator: true })
    const config = JSON.parse(await readFile(join(outputDir(), 'config.json'), 'utf8')) as unknown
    expect(config).toEqual({
      version: 3,
      routes: [{ handle: 'filesystem' }, { src: '/(.*)', dest: '/_errand/coordinator' }],
      crons: [{ path: '/_errand/tick', schedule: '* * * * *' }],
    })
    const folders = (await readdir(join(outputDir(), 'functions'), { recursive: true })).filter((path) =>
      path.endsWith('.func'),
    )
    expect(folders.toSorted()).toEqual([
      '_errand/coordinator.func',
      '_errand/functions/longest.func',
      '_errand/functions/mail/send.func',
    ])
    await build({ root: project.root, targets: ['vercel'] })
  })

  it('is not to be had on Cloudflare Workers', async () => {
    await expect(build({ root: project.root, targets: ['cloudflare'], coordinator: true })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('does not run on Cloudflare Workers'),
    })
  })
})

describe('the function of the cron', () => {
  const settings = { ERRAND_URL: 'https://jobs.example.org/', ERRAND_API_KEY: 'k', CRON_SECRET: 's' }
  const called = (headers: Record<string, string> = {}) => new Request('https://x/_errand/tick', { headers })

  it('hands the tick on to the coordinator and gives its answer', async () => {
    const seen: unknown[] = []
    const coordinator = createServer((request, response) => {
      seen.push([request.method, request.url, request.headers.authorization])
      response.writeHead(503).end('{"claimed":0}')
    }).listen(0, '127.0.0.1')
    await once(coordinator, 'listening')
    const url = `http://127.0.0.1:${(coordinator.address() as AddressInfo).port}`
    await project.write('package.json', '{ "type": "module" }')
    await build({ root: project.root, targets: ['vercel'] })
    {
      await using running = await startFunction(join(outputDir(), 'functions/_errand/tick.func'), {
        ...settings,
        ERRAND_URL: url,
      })
      const answer = await fetch(`${running.url}_errand/tick`, { headers: { authorization: 'Bearer s' } })
      expect([answer.status, await answer.text()]).toEqual([503, '{"claimed":0}'])
    }
    coordinator.close()
    expect(seen).toEqual([['POST', tickPath, 'Bearer k']])
  })

  it('is for the cron alone', async () => {
    const post = () => Promise.reject(new Error('must not be called'))
    const handler = createTickHandler(settings, post)
    expect((await handler.fetch(called())).status).toBe(401)
    expect((await handler.fetch(called({ authorization: 'Bearer other' }))).status).toBe(401)
  })

  it.each(['ERRAND_URL', 'CRON_SECRET'])('says that %s is missing', async (name) => {
    const handler = createTickHandler({ ...settings, [name]: '' })
    const answer = await handler.fetch(called({ authorization: 'Bearer ' }))
    expect(answer.status).toBe(500)
    expect(await answer.text()).toContain(`${name} is not set`)
  })
})
