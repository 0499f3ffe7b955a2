import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CodegenError, watch, type CodegenReport } from '../../../codegen/index.js'
import { plainWorker, testProject, worker, type TestProject } from '../project.js'

/** A running watch, whose outcomes are taken one by one as they come. */
function startWatch(project: TestProject) {
  const abort = new AbortController()
  const outcomes: (CodegenReport | CodegenError)[] = []
  let wake = (): void => {}
  const done = watch({
    root: project.root,
    signal: abort.signal,
    onRebuild(outcome) {
      outcomes.push(outcome)
      wake()
    },
  })
  const next = async (): Promise<CodegenReport | CodegenError> => {
    while (outcomes.length === 0) await Promise.race([done, new Promise<void>((resolve) => (wake = resolve))])
    return outcomes.shift()!
  }
  return {
    done,
    abort,
    async report(): Promise<CodegenReport> {
      const outcome = await next()
      if (outcome instanceof CodegenError) throw outcome
      return outcome
    },
    async problems(): Promise<string[]> {
      const outcome = await next()
      if (!(outcome instanceof CodegenError)) throw new Error(`no problem, but ${JSON.stringify(outcome)}`)
      return outcome.message.split('\n')
    },
    async [Symbol.asyncDispose](): Promise<void> {
      abort.abort()
      await done
    },
  }
}

const using = worker(`args: z.object({}), result: z.string(), run: () => text`, `import { text } from '../lib/text.js'`)

describe('watch', () => {
  it('builds again after an edit, and only what changed', async () => {
    await using project = await testProject({ 'jobs/a.ts': plainWorker, 'jobs/b.ts': plainWorker })
    await using watching = startWatch(project)
    expect((await watching.report()).changed).toEqual(['a', 'b'])
    await project.write('jobs/b.ts', plainWorker.replace('z.string()', 'z.number()'))
    expect(await watching.report()).toMatchObject({ changed: ['b'] })
    expect(await project.read('jobs/registry.gen.ts')).toContain('id: number')
  })

  it('sees a file that an editor renames into place', async () => {
    await using project = await testProject({ 'jobs/a.ts': plainWorker })
    await using watching = startWatch(project)
    await watching.report()
    await project.write('draft.tmp', plainWorker.replace('z.string()', 'z.number()'))
    await rename(join(project.root, 'draft.tmp'), join(project.root, 'jobs/a.ts'))
    expect(await watching.report()).toMatchObject({ changed: ['a'] })
    await project.write('draft.tmp', plainWorker)
    await rename(join(project.root, 'draft.tmp'), join(project.root, 'jobs/a.ts'))
    expect(await watching.report()).toMatchObject({ changed: ['a'] })
  })

  it('sees new files, new folders, removed folders, and folders that come back', async () => {
    await using project = await testProject({})
    await using watching = startWatch(project)
    expect((await watching.report()).workers).toEqual([])
    await project.write('jobs/deep/down/a.ts', plainWorker)
    expect(await watching.report()).toMatchObject({ changed: ['deep.down.a'] })
    await project.write('jobs/deep/down/b.ts', plainWorker)
    expect(await watching.report()).toMatchObject({ changed: ['deep.down.b'] })
    await project.remove('jobs/deep')
    expect(await watching.report()).toMatchObject({ removed: ['deep.down.a', 'deep.down.b'] })
    await project.write('jobs/deep/down/b.ts', plainWorker)
    expect(await watching.report()).toMatchObject({ changed: ['deep.down.b'] })
  })

  it('sees edits in a folder that was removed and made again in one go', async () => {
    await using project = await testProject({ 'jobs/deep/a.ts': plainWorker })
    await using watching = startWatch(project)
    await watching.report()
    await project.remove('jobs/deep')
    await project.write('jobs/deep/b.ts', plainWorker)
    expect(await watching.report()).toMatchObject({ changed: ['deep.b'], removed: ['deep.a'] })
    await project.write('jobs/deep/b.ts', plainWorker.replace('z.string()', 'z.number()'))
    expect(await watching.report()).toMatchObject({ changed: ['deep.b'] })
  })

  it('follows modules outside jobs/ for as long as a worker imports them', async () => {
    await using project = await testProject({
      'jobs/a.ts': plainWorker,
      'jobs/b.ts': using,
      'lib/text.ts': `export const text = 'one'\n`,
    })
    await using watching = startWatch(project)
    await watching.report()
    await project.write('lib/text.ts', `export const text = 'two'\n`)
    expect(await watching.report()).toMatchObject({ changed: ['b'] })
  })

  it('infers a result type again when a shared module changes', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker(`args: z.object({}), run: () => load()`, `import { load } from '../lib/load.js'`),
      'lib/load.ts': `export const load = () => ({ one: 1 })\n`,
    })
    await using watching = startWatch(project)
    await watching.report()
    expect(await project.read('jobs/registry.gen.ts')).toContain('one: number')
    await project.write('lib/load.ts', `export const load = () => ({ two: '2' })\n`)
    await watching.report()
    expect(await project.read('jobs/registry.gen.ts')).toContain('two: string')
  })

  it('tells problems and goes on when they are mended, also by adding a file', async () => {
    await using project = await testProject({
      'jobs/a.ts': plainWorker,
      'jobs/b.ts': using,
      'lib/other.ts': `export {}\n`,
    })
    await using watching = startWatch(project)
    expect(await watching.problems()).toEqual(['jobs/b.ts:3:22 Could not resolve "../lib/text.js". Is the path right?'])
    await project.write('lib/text.ts', `export const text =\n`)
    expect(await watching.problems()).toEqual(['lib/text.ts:2:1 Unexpected end of file.'])
    await project.write('lib/text.ts', `export const text = 'one'\n`)
    expect(await watching.report()).toMatchObject({ changed: ['a', 'b'] })
    await project.write('jobs/a.ts', 'export default 1\n')
    await watching.problems()
    await project.write('jobs/a.ts', plainWorker)
    // the same as before the problem, which is news all the same
    expect(await watching.report()).toMatchObject({ changed: [], written: [] })
  })

  it('ends when its signal aborts, also before it began', async () => {
    await using project = await testProject({ 'jobs/a.ts': plainWorker })
    const watching = startWatch(project)
    await watching.report()
    watching.abort.abort()
    await watching.done
    await watch({ root: project.root, signal: AbortSignal.abort(), onRebuild: () => expect.unreachable() })
  })
})
