import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { generate, type Manifest } from '../../codegen/index.js'
import { plainWorker, testProject, worker, type TestProject } from './project.js'

const greet = (greeting: string, name = 'z.string()'): string =>
  worker(
    `args: z.object({ name: ${name} }), result: z.string(), run: ({ name }) => greet('${greeting}', String(name))`,
    `import { greet } from '../lib/greet.js'`,
  )

const files = {
  'jobs/a.ts': greet('hello'),
  'jobs/b.ts': greet('good day'),
  'jobs/deep/down/c.ts': plainWorker,
  'lib/greet.ts': `export const greet = (greeting: string, name: string): string => greeting + ', ' + name\n`,
}

const manifestOf = async (project: TestProject): Promise<Manifest> =>
  JSON.parse(await project.read('.errand/manifest.json')) as Manifest

describe('codegen', () => {
  it('writes registry, manifest, contracts and one function for each worker', async () => {
    await using project = await testProject({
      ...files,
      'jobs/nightly.ts': worker(
        `args: z.object({}), result: z.null(), receipt: 'posted', schedule: { cron: '0 3 * * *' }, run: () => null`,
      ),
    })
    const report = await project.generate()
    expect(report).toMatchObject({
      workers: [
        { name: 'a', file: 'jobs/a.ts' },
        { name: 'b', file: 'jobs/b.ts' },
        { name: 'deep.down.c', file: 'jobs/deep/down/c.ts' },
        { name: 'nightly', file: 'jobs/nightly.ts' },
      ],
      changed: ['a', 'b', 'deep.down.c', 'nightly'],
      removed: [],
      warnings: [],
    })
    expect(report.written).toEqual(Object.keys(await project.outputs()))
    const { version, workers } = await manifestOf(project)
    expect(version).toBe(1)
    expect(Object.keys(workers)).toEqual(['a', 'b', 'deep.down.c', 'nightly'])
    expect(workers['deep.down.c']).toEqual({
      file: 'jobs/deep/down/c.ts',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      function: 'functions/deep.down.c/index.mjs',
      bytes: (await readFile(join(project.root, '.errand/functions/deep.down.c/index.mjs'))).byteLength,
      receipt: 'answered',
      scheduled: false,
    })
    expect(workers['nightly']).toMatchObject({ receipt: 'posted', scheduled: true })
  })

  it('leaves out tests, declarations, and what starts with an underscore', async () => {
    await using project = await testProject({
      'jobs/a.ts': plainWorker,
      'jobs/b.mts': plainWorker,
      'jobs/c.tsx': plainWorker,
      'jobs/index.ts': plainWorker,
      'jobs/a.test.ts': 'not a worker',
      'jobs/a.spec.tsx': 'not a worker',
      'jobs/__tests__/a.ts': 'not a worker',
      'jobs/_shared.ts': 'not a worker',
      'jobs/_lib/deep.ts': 'not a worker',
      'jobs/types.d.ts': 'not a worker',
      'jobs/notes.md': 'not a worker',
    })
    const { workers } = await project.generate()
    expect(workers.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'index'])
    expect((await project.generate()).workers).toHaveLength(4)
  })

  it('gives the same bytes in every folder, on every run, from nothing and from its cache', async () => {
    await using project = await testProject({
      ...files,
      'jobs/inferred.ts': worker('args: z.object({}), run: () => ({ n: 1 })'),
    })
    await using other = await testProject({
      ...files,
      'jobs/inferred.ts': worker('args: z.object({}), run: () => ({ n: 1 })'),
    })
    await project.generate()
    const first = await project.outputs()
    expect(await project.generate()).toMatchObject({ changed: [], removed: [], written: [] })
    expect(await project.outputs()).toEqual(first)

    await project.remove('.errand')
    await project.generate()
    expect(await project.outputs()).toEqual(first)

    // one after the other instead of all at once
    await other.remove('jobs/b.ts')
    await other.generate()
    await other.write('jobs/b.ts', files['jobs/b.ts'])
    await other.generate()
    expect(await other.outputs()).toEqual(first)
    expect(JSON.stringify(first)).not.toContain(project.root)
  })

  it('builds again only what changed', async () => {
    await using project = await testProject(files)
    await project.generate()

    await project.write('jobs/a.ts', greet('hi'))
    expect(await project.generate()).toMatchObject({
      changed: ['a'],
      written: ['.errand/functions/a/index.mjs', '.errand/functions/a/index.mjs.map', '.errand/manifest.json'],
    })

    await project.write('jobs/a.ts', greet('hi', 'z.string().max(9)'))
    expect(await project.generate()).toMatchObject({
      changed: ['a'],
      written: [
        '.errand/contracts.mjs',
        '.errand/functions/a/index.mjs',
        '.errand/functions/a/index.mjs.map',
        '.errand/manifest.json',
      ],
    })

    await project.write('jobs/a.ts', greet('hi', 'z.number()'))
    const { written } = await project.generate()
    expect(written).toContain('jobs/registry.gen.ts')

    // a comment changes neither code nor contract, so only the map, whose lines moved, is written
    await project.write('jobs/a.ts', `// a comment\n${greet('hi', 'z.number()')}`)
    expect((await project.generate()).written).toEqual(['.errand/functions/a/index.mjs.map', '.errand/manifest.json'])

    await project.write('lib/greet.ts', `export const greet = (...words: string[]): string => words.join(' ')\n`)
    expect(await project.generate()).toMatchObject({ changed: ['a', 'b'] })
  })

  it('makes again what was lost from its output', async () => {
    await using project = await testProject(files)
    await project.generate()
    const first = await project.outputs()
    await project.remove('.errand/functions/a')
    await project.remove('.errand/contracts.mjs')
    await project.remove('jobs/registry.gen.ts')
    await project.write('.errand/manifest.json', '{}')
    await project.generate()
    expect(await project.outputs()).toEqual(first)
  })

  it('starts afresh where its cache cannot be read', async () => {
    await using project = await testProject(files)
    await project.generate()
    const first = await project.outputs()
    await project.write('.errand/cache.json', '{"fingerprint":')
    await project.generate()
    expect(await project.outputs()).toEqual(first)
  })

  it('deletes the functions of workers that are gone', async () => {
    await using project = await testProject(files)
    await project.generate()
    await project.remove('jobs/a.ts')
    expect(await project.generate()).toMatchObject({ changed: [], removed: ['a'] })
    expect(await project.exists('.errand/functions/a')).toBe(false)
    expect(Object.keys((await manifestOf(project)).workers)).toEqual(['b', 'deep.down.c'])
    expect(await project.read('jobs/registry.gen.ts')).not.toContain('AArgs')
  })

  it('leaves all output as it was where any worker has a problem', async () => {
    await using project = await testProject(files)
    await project.generate()
    const first = await project.outputs()
    await project.write('jobs/a.ts', greet('changed'))
    await project.write('jobs/new.ts', plainWorker)
    await project.write('jobs/bad.ts', 'export default 1\n')
    await project.remove('jobs/b.ts')
    expect(await project.problems()).toHaveLength(1)
    expect(await project.outputs()).toEqual(first)
  })

  it('has nothing to do where there are no workers', async () => {
    await using project = await testProject({})
    expect(await project.generate()).toMatchObject({ workers: [], changed: [], warnings: [] })
    expect(await project.exists('jobs/registry.gen.ts')).toBe(false)
    expect(await project.read('.errand/contracts.mjs')).toBe('export default {}\n')
  })

  it('says what is wrong with the project itself', async () => {
    await using project = await testProject({ 'package.json': '{ "errand": { "external": "sharp" } }' })
    await expect(project.generate()).rejects.toThrow('"errand.external" in')
    await project.write('package.json', '{')
    await expect(project.generate()).rejects.toThrow('package.json is not JSON')
    await expect(generate({ root: join(project.root, 'gone') })).rejects.toThrow('There is no folder')
  })

  it('serves a project that has no errand of its own', async () => {
    await using project = await testProject({
      ...files,
      'jobs/inferred.ts': worker('args: z.object({}), run: () => ({ n: 1 })'),
    })
    await project.remove('node_modules/errand')
    await project.generate()
    expect(await project.read('jobs/registry.gen.ts')).toContain('export interface InferredResult {\n  n: number\n}')
  })
})

describe('codegen --check', () => {
  it('passes on a registry that is up to date, and writes nothing', async () => {
    await using project = await testProject(files)
    await project.generate()
    const before = await project.outputs()
    expect((await project.generate({ check: true })).stale).toBeUndefined()
    expect(await project.outputs()).toEqual(before)

    await project.remove('.errand')
    expect((await project.generate({ check: true })).stale).toBeUndefined()
    expect(await project.exists('.errand')).toBe(false)
  })

  it('says what to do where the registry is stale or missing, and does not mend it', async () => {
    await using project = await testProject(files)
    await project.generate()
    await project.write('jobs/a.ts', greet('hi', 'z.number()'))
    const before = await project.outputs()
    const { stale } = await project.generate({ check: true })
    expect(stale).toBe('jobs/registry.gen.ts does not match the workers in jobs/. Run `npm run codegen` and commit it.')
    expect(await project.outputs()).toEqual(before)

    await project.remove('jobs/registry.gen.ts')
    expect((await project.generate({ check: true })).stale).toBe(
      'jobs/registry.gen.ts is missing. Run `npm run codegen` and commit it.',
    )
    await project.generate()
    await project.remove('jobs/context.gen.ts')
    expect((await project.generate({ check: true })).stale).toBe(
      'jobs/context.gen.ts is missing. Run `npm run codegen` and commit it.',
    )
  })

  it('tells an edit of the registry by hand', async () => {
    await using project = await testProject(files)
    await project.generate()
    const path = join(project.root, 'jobs/registry.gen.ts')
    await writeFile(path, (await readFile(path, 'utf8')).replace('name: string', 'name?: string'))
    expect((await project.generate({ check: true })).stale).toContain('does not match')
  })
})
