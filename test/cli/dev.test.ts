/** `errand dev`, as one who edits jobs/ sees it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { serve, type Service } from './program.js'
import { errand, jsonOf, makeProject, worker, type Project } from './support.js'

const greet = (word: string) => worker('name: z.string()', `run: ({ name }) => \`${word}, \${name}!\``)

/** Runs until there is a file of that name. */
const untilThere = worker(
  'file: z.string()',
  `async run({ file }) {
    console.log('waits for a file')
    const { existsSync } = await import('node:fs')
    while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20))
    return 'found'
  }`,
)

const crash = worker(
  '',
  `run(_args, { attempt }) {
    if (attempt === 1) process.exit(3)
    return 'alive'
  }`,
  `retry: { attempts: 2, backoff: ['1ms'] },`,
)

function dev(project: Project, database: TestDatabase, env: Record<string, string> = {}): Service {
  const settings = { MONGODB_URI: database.uri, ERRAND_PORT: '0', ERRAND_FUNCTIONS_PORT: '0', ...env }
  return serve(['dev', '--json', '--root', project.root], { env: settings })
}

/** Enqueues, waits, and answers with the job's last receipt. */
async function receiptOf(url: string, name: string, args: unknown) {
  return jsonOf(await errand(['enqueue', name, JSON.stringify(args), '--wait', '--json', '--url', url])).receipt
}

describe('dev', () => {
  it('begins without jobs/, and takes up edits, new workers and removed ones on the same port, while attempts run on', async () => {
    await using database = await testDatabase()
    await using project = await makeProject()
    await using session = dev(project, database)
    const { url, workers } = await session.event('ready')
    expect(workers).toEqual([])
    await project.write('jobs/greet.ts', greet('Hello'))
    await session.event('built')
    expect(await receiptOf(url, 'greet', { name: 'Ada' })).toMatchObject({ result: 'Hello, Ada!' })

    await project.write('jobs/untilThere.ts', untilThere)
    expect(await session.event('built')).toMatchObject({ changed: ['untilThere'] })
    const file = join(project.root, 'there')
    const waiting = receiptOf(url, 'untilThere', { file })
    await session.line((line) => line.includes('waits for a file'))
    await project.write('jobs/greet.ts', greet('Good morning'))
    expect(await session.event('built')).toMatchObject({ changed: ['greet'] })
    expect(await receiptOf(url, 'greet', { name: 'Ada' })).toMatchObject({ result: 'Good morning, Ada!' })

    await project.write('jobs/shop/greet.ts', greet('Welcome'))
    expect(await session.event('built')).toMatchObject({ changed: ['shop.greet'] })
    expect(await receiptOf(url, 'shop.greet', { name: 'Bo' })).toMatchObject({ result: 'Welcome, Bo!' })

    await project.remove('jobs/greet.ts')
    expect(await session.event('built')).toMatchObject({ removed: ['greet'] })
    const gone = await errand(['enqueue', 'greet', '{"name":"Ada"}', '--url', url])
    expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining('No worker is named "greet"') })

    await project.write('there', '')
    expect(await waiting).toMatchObject({ status: 'success', attempt: 1, result: 'found' })
    session.signal('SIGINT')
    expect(await session.exit).toBe(0)
  })

  it('waits for an edit where the first build fails, and keeps the old build running where a later one does', async () => {
    await using database = await testDatabase()
    await using project = await makeProject({ 'jobs/greet.ts': 'export default 1\n', 'jobs/crash.ts': crash })
    await using session = dev(project, database)
    expect(await session.event('problems')).toMatchObject({ problems: [{ file: 'jobs/greet.ts', line: 1 }] })
    await project.write('jobs/greet.ts', greet('Hello'))
    const { url, workers } = await session.event('ready')
    expect(workers).toEqual(['crash', 'greet'])

    await project.write('jobs/greet.ts', 'export default 1\n')
    expect(await session.event('problems')).toMatchObject({ problems: [{ file: 'jobs/greet.ts', line: 1 }] })
    expect(await receiptOf(url, 'greet', { name: 'Ada' })).toMatchObject({ result: 'Hello, Ada!' })
    await project.write('jobs/greet.ts', greet('Hi'))
    await session.event('built')
    expect(await receiptOf(url, 'greet', { name: 'Ada' })).toMatchObject({ result: 'Hi, Ada!' })

    // a job may end the process of functions, and no other
    expect(await receiptOf(url, 'crash', {})).toMatchObject({ attempt: 2, result: 'alive' })
    const ofCrash = (attempt: number) =>
      session.line((line) => line.includes('"worker":"crash"') && line.includes(`"attempt":${attempt}`))
    expect(JSON.parse(await ofCrash(1))).toMatchObject({ event: 'attempt', status: 'failure' })
    expect(JSON.parse(await ofCrash(2))).toMatchObject({ event: 'attempt', status: 'success' })
  })

  it('needs no database server: its own starts and stops with it', async () => {
    await using project = await makeProject({ 'jobs/greet.ts': greet('Hello') })
    const env = { ERRAND_PORT: '0', ERRAND_FUNCTIONS_PORT: '0' }
    await using session = serve(['dev'], { cwd: project.root, env })
    const ready = await session.line((line) => line.includes('Errand is ready at'))
    const url = /http:\S+/.exec(ready)![0]
    expect(await receiptOf(url, 'greet', { name: 'Ada' })).toMatchObject({ result: 'Hello, Ada!' })
    await session.line((line) => /✔ greet {2}[0-9a-f-]{36} {2}attempt 1/.test(line))
    session.signal('SIGTERM')
    expect(await session.exit).toBe(0)
    expect(existsSync(join(project.root, '.errand/data'))).toBe(true)
  })
})
