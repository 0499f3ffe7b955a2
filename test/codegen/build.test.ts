import { readFile, readdir } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { build, CodegenError, type BuildOptions, type TargetName } from '../../codegen/index.js'
import { callOf, key, signedRequest } from '../runtime/support.js'
import { testProject, worker, type TestProject } from './project.js'

const all: TargetName[] = ['node', 'vercel', 'aws-lambda', 'cloudflare']
const plain = worker(`args: z.object({}), result: z.null(), run: () => null`)
const withTimeout = (timeout: string, more = '') =>
  worker(`args: z.object({}),\n  timeout: '${timeout}', ${more}\n  result: z.null(), run: () => null`)

const make = (project: TestProject, options: Partial<BuildOptions> = {}) =>
  build({ root: project.root, targets: all, ...options })

async function problemsOf(project: TestProject, targets: TargetName[]): Promise<string[]> {
  const failure = await make(project, { targets }).catch((error: unknown) => error)
  if (!(failure instanceof CodegenError)) throw new Error(`no limit was broken: ${String(failure)}`)
  return failure.message.split('\n')
}

/** Every file of a build, by its path. */
async function treeOf(project: TestProject): Promise<Record<string, string>> {
  const root = join(project.root, '.errand/build')
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const hashes = files
    .toSorted()
    .map(async (file) => [file.slice(root.length + 1), sha256(await readFile(file))] as const)
  return Object.fromEntries(await Promise.all(hashes))
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('a build', () => {
  it('gives every platform the same core artefact, and tells its size and hash in the manifest', async () => {
    await using project = await testProject({ 'jobs/mail/send.ts': plain })
    const { targets } = await make(project)
    expect(targets.map(({ target }) => target)).toEqual(all)
    const core = await readFile(join(project.root, '.errand/build/node/functions/mail.send/job.mjs'))
    for (const { target, dir, workers } of targets) {
      const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as unknown
      const [{ worker: name, ...rest }] = workers as [(typeof workers)[0]]
      expect(manifest).toEqual({ version: 1, target, workers: { [name]: rest } })
      expect(rest).toMatchObject({ bytes: core.length, sha256: sha256(core) })
    }
    const lambda = targets[2]!.workers[0]!
    const zip = await readFile(join(targets[2]!.dir, lambda.function))
    expect(lambda.file).toEqual({ bytes: zip.length, sha256: sha256(zip) })
  })

  it('is the same byte for byte wherever and whenever it is made', async () => {
    const files = { 'jobs/a.ts': plain, 'jobs/mail/send.ts': plain }
    await using one = await testProject(files)
    await using other = await testProject(files)
    await make(one)
    await make(other)
    const tree = await treeOf(one)
    expect(Object.keys(tree).length).toBeGreaterThan(20)
    expect(await treeOf(other)).toEqual(tree)
    await make(one)
    expect(await treeOf(one)).toEqual(tree)
    await make(one, { minify: true })
    await make(other, { minify: true })
    expect(await treeOf(other)).toEqual(await treeOf(one))
  })

  it('names the sources in its map and holds none of them', async () => {
    await using project = await testProject({ 'jobs/mail/send.ts': plain })
    await make(project, { targets: ['node'] })
    const text = await project.read('.errand/build/node/functions/mail.send/job.mjs.map')
    const map = JSON.parse(text) as { sources: string[]; sourcesContent?: unknown }
    expect(map.sources).toContain('jobs/mail/send.ts')
    expect(map.sources).toContain('node_modules/errand/runtime/wrap.ts')
    expect(map.sources.filter((source) => source.startsWith('..') || source.startsWith('/'))).toEqual([])
    expect(map.sourcesContent).toBeUndefined()
  })

  it('is smaller when it is minified, and does the same', async () => {
    await using project = await testProject({ 'jobs/mail/send.ts': plain })
    const sizeOf = async (minify: boolean) =>
      (await make(project, { targets: ['node'], minify })).targets[0]!.workers[0]!.bytes
    expect(await sizeOf(true)).toBeLessThan((await sizeOf(false)) * 0.9)
    await make(project, { targets: ['node'], minify: true })
    const url = pathToFileURL(join(project.root, '.errand/build/node/functions/mail.send/job.mjs')).href
    const { default: handler } = (await import(url)) as {
      default: { fetch(request: Request, env: unknown): Promise<Response> }
    }
    const call = callOf({ deadline: new Date(Date.now() + 30_000).toISOString() })
    const answer = await handler.fetch(await signedRequest(call, { at: new Date() }), { ERRAND_SIGNING_KEYS: key })
    expect(await answer.json()).toEqual({ status: 'success', result: null })
  })

  it('takes the place of the one before, and leaves what the user put beside it on Vercel', async () => {
    await using project = await testProject({ 'jobs/a.ts': plain, 'jobs/b.ts': plain })
    await make(project)
    await project.write('.errand/build/vercel/.vercel/project.json', '{"projectId":"p"}')
    await project.remove('jobs/b.ts')
    await make(project)
    const files = Object.keys(await treeOf(project))
    expect(files.filter((file) => /\bb\b/.test(file.replace('build', '')))).toEqual([])
    expect(files).toContain('vercel/.vercel/project.json')
  })

  it('holds the workers that were asked for', async () => {
    await using project = await testProject({
      'jobs/mail/a.ts': plain,
      'jobs/mail/b.ts': plain,
      'jobs/other.ts': plain,
    })
    const namesOf = async (only: string[]) =>
      (await make(project, { targets: ['node'], only })).targets[0]!.workers.map((one) => one.worker)
    expect(await namesOf(['mail.*'])).toEqual(['mail.a', 'mail.b'])
    expect(await namesOf(['other', 'mail.b'])).toEqual(['mail.b', 'other'])
    await expect(namesOf(['othr'])).rejects.toThrow('--only: no worker is named "othr". Did you mean "other"?')
  })

  it('says what is wrong with an option in package.json', async () => {
    await using project = await testProject({ 'jobs/a.ts': plain })
    const withTargets = (targets: object) =>
      project.write('package.json', JSON.stringify({ type: 'module', errand: { targets } }))
    await withTargets({ vercel: { plan: 'free' } })
    await expect(make(project)).rejects.toThrow('"errand.targets.vercel.plan" in package.json')
    await withTargets({ lambda: {} })
    await expect(make(project)).rejects.toThrow(/lambda.*Targets are node, vercel, aws-lambda, cloudflare/)
    await withTargets({ 'aws-lambda': { environment: ['A_B', 'AB', 'a_b'] } })
    await expect(make(project)).rejects.toThrow('a_b would be the parameter AB, which is taken')
  })
})

describe('a limit', () => {
  it('of time is told for each platform at the line of the timeout, and nothing is written', async () => {
    await using project = await testProject({ 'jobs/long.ts': withTimeout('20m'), 'jobs/short.ts': plain })
    const problems = await problemsOf(project, all)
    expect(problems).toHaveLength(2)
    expect(problems[0]).toMatch(
      /^jobs\/long\.ts:5:3 long has a timeout of 20m, and AWS Lambda ends a function after 15m\. Shorten the timeout/,
    )
    expect(problems[1]).toMatch(/^jobs\/long\.ts:5:3 long .*Vercel ends a function after 13m 20s/)
    expect(await project.exists('.errand/build')).toBe(false)
  })

  it('of time is the plan’s on Vercel', async () => {
    await using project = await testProject({ 'jobs/long.ts': withTimeout('10m') })
    await make(project, { targets: ['vercel'] })
    await project.write(
      'package.json',
      '{ "type": "module", "errand": { "targets": { "vercel": { "plan": "hobby" } } } }',
    )
    expect(await problemsOf(project, ['vercel'])).toEqual([
      expect.stringContaining('long has a timeout of 10m, and Vercel Hobby ends a function after 5m'),
    ])
  })

  it('of time after the answer is told to workers that post their receipt on Cloudflare', async () => {
    await using project = await testProject({
      'jobs/posted.ts': withTimeout('1m', `receipt: 'posted',`),
      'jobs/answered.ts': withTimeout('2h'),
    })
    expect(await problemsOf(project, ['cloudflare', 'node'])).toEqual([
      expect.stringMatching(
        /posted has a timeout of 1m, and Cloudflare Workers ends a function after 30s after it has answered/,
      ),
    ])
  })

  it.each([
    ['an import', `import { spawn } from 'node:child_process'\nexport const use = spawn`, 'node:child_process'],
    [
      'an import without node:',
      `import { isMainThread } from 'worker_threads'\nexport const use = isMainThread`,
      'node:worker_threads',
    ],
    ['a require inside a package', `import { use } from 'needs-vm'\nexport { use }`, 'node:vm'],
  ])('is that Cloudflare has not all of Node: %s', async (_, module, name) => {
    await using project = await testProject({
      'jobs/a.ts': worker(
        `args: z.object({}), result: z.null(), run: () => (use, null)`,
        `import { use } from './_use.js'`,
      ),
      'jobs/_use.ts': module,
      'node_modules/needs-vm/package.json': `{ "name": "needs-vm", "version": "1.0.0", "main": "index.js" }`,
      'node_modules/needs-vm/index.js': `exports.use = require('vm')`,
      'node_modules/needs-vm/index.d.ts': `export const use: unknown`,
    })
    expect(await problemsOf(project, ['cloudflare'])).toEqual([
      expect.stringContaining(`a imports ${name}, which does not work on Cloudflare Workers.`),
    ])
    await make(project, { targets: ['node', 'vercel', 'aws-lambda'] })
    await project.write(
      'package.json',
      JSON.stringify({ type: 'module', errand: { targets: { cloudflare: { allow: [name] } } } }),
    )
    await make(project, { targets: ['cloudflare'] })
  })

  it('is that packages outside of bundles have no place but the Node host, which installs them', async () => {
    await using project = await testProject({
      'package.json': `{ "type": "module", "errand": { "external": ["native"] } }`,
      'jobs/a.ts': worker(
        `args: z.object({}), result: z.null(), run: () => (native, null)`,
        `import native from 'native'`,
      ),
      'node_modules/native/package.json': `{ "name": "native", "version": "1.2.3", "main": "index.js" }`,
      'node_modules/native/index.js': `module.exports = 1`,
      'node_modules/native/index.d.ts': `declare const native: number\nexport default native`,
    })
    for (const [target, platform] of [
      ['vercel', 'Vercel'],
      ['aws-lambda', 'AWS Lambda'],
      ['cloudflare', 'Cloudflare Workers'],
    ] as const) {
      const [problem] = await problemsOf(project, [target])
      expect(problem).toMatch(
        new RegExp(`a imports native, which "errand.external" .* ${platform} is given bundles alone`),
      )
    }
    await make(project, { targets: ['node'] })
    expect(JSON.parse(await project.read('.errand/build/node/package.json'))).toMatchObject({
      dependencies: { native: '1.2.3' },
    })
    expect(await project.read('.errand/build/node/Dockerfile')).toContain('RUN npm install')
  })

  it('of args and results is told by what the worker says of its own, and by how many jobs a call carries', async () => {
    const limited = (limits: string, more = '') =>
      worker(`args: z.object({}), ${more} limits: { ${limits} }, result: z.null(), run: () => null`)
    await using project = await testProject({
      'jobs/large.ts': limited(`args: '5mb'`),
      'jobs/many.ts': limited(`args: '1mb', result: '900kb'`, 'jobsPerCall: 5,'),
      'jobs/small.ts': limited(`args: '4mb', result: '1mb'`),
    })
    expect(await problemsOf(project, ['vercel'])).toEqual([
      expect.stringMatching(
        /^jobs\/large\.ts:4:.* large may have args of up to 5 MB, and Vercel takes calls of at most 4\.5 MB\. Lower limits\.args/,
      ),
      expect.stringMatching(
        /many may have 5 jobs a call with args of up to 1 MB each, and Vercel takes calls of at most 4\.5 MB/,
      ),
      expect.stringMatching(
        /many may have 5 jobs a call with result of up to 900 kB each, and Vercel takes answers of at most 4\.2 MB/,
      ),
    ])
  })

  it('of names on Cloudflare is told when two workers would be one Worker', async () => {
    await using project = await testProject({ 'jobs/mail/send.ts': plain, 'jobs/mail-send.ts': plain })
    await expect(make(project)).rejects.toThrow(
      'mail-send and mail.send would both be the Worker "errand-mail-send" on Cloudflare',
    )
  })
})
