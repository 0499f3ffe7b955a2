/** Runs every example of docs/control.md, section by section, against a coordinator and functions of their own. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve, type Service } from '../cli/program.js'
import { errand, makeProject, type Project } from '../cli/support.js'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { putCommands } from './commands.js'
import { rewriteClient, runBlock, type Scope, type Stage } from './examples.js'
import { repository } from '../support/repository.js'
import { readPage, type Block, type Section } from './page.js'

const sections = await readPage('control')
const apiKey = 'the-key-of-the-examples'

let database: TestDatabase
let project: Project
let commands: AsyncDisposable
const services: Service[] = []
let stage: Stage
/** What every section knows. */
let given: Scope

beforeAll(async () => {
  database = await testDatabase()
  project = await makeProject(workersOf(sections))
  const { root } = project
  commands = await putCommands(root)
  const { code, stderr } = await errand(['codegen'], { cwd: root })
  if (code !== 0) throw new Error(stderr)
  const functions = serve(['functions', '--json'], { cwd: root, env: { ERRAND_FUNCTIONS_PORT: '0' } })
  services.push(functions)
  const { url: functionsUrl } = (await functions.event('ready')) as { url: string }
  const coordinator = serve(['start', '--json'], {
    cwd: root,
    env: {
      MONGODB_URI: database.uri,
      ERRAND_PORT: '0',
      ERRAND_FUNCTIONS_URL: functionsUrl,
      ERRAND_API_KEYS: `operate:${apiKey}`,
    },
  })
  services.unshift(coordinator)
  const { url } = (await coordinator.event('ready')) as { url: string }
  stage = { root, url, apiKey }
  given = { functionsUrl }
})

afterAll(async () => {
  for (const service of services) await service[Symbol.asyncDispose]()
  await commands?.[Symbol.asyncDispose]()
  await project?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

/** All of the page's workers make one project. */
function workersOf(sections: Section[]): Record<string, string> {
  const files: Record<string, string> = {}
  for (const { blocks } of sections) {
    for (const block of blocks) {
      if (block.kind !== 'worker') continue
      if (block.file in files) throw new Error(`Line ${block.line}: ${block.file} stands on the page twice.`)
      files[block.file] = block.text
    }
  }
  return files
}

const isRun = ({ kind }: Block): boolean => kind !== 'worker'

describe('the examples of docs/control.md', () => {
  // a section without examples is being built
  const written = sections.filter(({ blocks }) => blocks.some(isRun))
  it.each(written.map(({ heading, blocks }) => [heading, blocks] as const))('%s', async (_, blocks) => {
    const scope: Scope = { ...given }
    for (const block of blocks) await expect(runBlock(stage, scope, block)).resolves.toBeUndefined()
  })

  it('compile, each section on its own', async () => {
    for (const [index, { blocks }] of sections.entries()) {
      await project.write(`client/section${index}.ts`, typedSection(blocks))
    }
    await project.write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          target: 'es2023',
          lib: ['es2023', 'dom', 'dom.iterable', 'esnext.disposable'],
          module: 'nodenext',
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          skipLibCheck: true,
          types: ['node'],
          customConditions: ['@errand/source'],
          paths: {
            errand: [join(repository, 'core/index.ts')],
            'errand/client': [join(repository, 'client/index.ts')],
          },
        },
        include: ['client', 'jobs'],
      }),
    )
    const compiler = join(repository, 'node_modules/typescript/bin/tsc')
    const complaints = await promisify(execFile)(process.execPath, [compiler, '-p', '.'], { cwd: project.root }).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    )
    expect(complaints).toBe('')
  })
})

/** A section's client code as one module. What sh and http examples name is text. */
function typedSection(blocks: Block[]): string {
  const code = blocks.filter(({ kind }) => kind === 'client').map(({ text }) => text)
  const declared = new Set(code.flatMap((text) => rewriteClient(text).names))
  const others = blocks.filter(({ kind }) => kind === 'sh' || kind === 'http')
  const given = others.flatMap(({ text }) => [...text.matchAll(/^(\w+)=\$\(|"\$(\w+)"/gm)].map(([, a, b]) => a ?? b!))
  const missing = [...new Set(given)].filter((name) => !declared.has(name))
  return `import { createClient } from 'errand/client'
import type { Jobs } from '../jobs/registry.gen.js'
const url = '', apiKey = ''
const errand = createClient<Jobs>({ url, apiKey })
${missing.map((name) => `declare const ${name}: string`).join('\n')}
${code.join('\n')}
export { errand }
`
}

describe('an example that is not true fails', () => {
  const block = (kind: 'client' | 'sh' | 'http', text: string): Block => ({ kind, text, line: 1 })
  it.each([
    block('client', 'await errand.workers.list() // → []'),
    block('client', "await errand.job('none').receipt() // throws KEY_TAKEN"),
    block('client', 'await errand.workers.list() // throws KEY_TAKEN'),
    block('sh', 'errand jobs get none'),
    block('sh', 'errand jobs list  # exit 1'),
    block('sh', 'errand schedules list  # → never printed'),
    block('http', 'GET /job/none\n\n# 200'),
    block('http', 'GET /job/none\n\n# 404 { "error": { "code": "KEY_TAKEN" } }'),
    block('http', 'GET /metrics\n\n# 200 never_printed'),
  ])('$kind $text', async (block) => {
    await expect(runBlock(stage, {}, block)).rejects.toThrow(/expected/)
  })
})

describe('the page', () => {
  it('keeps its sections', () => {
    expect(sections.map(({ heading }) => heading)).toEqual([
      'Priority',
      'Concurrency',
      'Unique',
      'Bulk intake',
      'When jobs come too quickly',
      'Schedules',
      'Cancel',
      'Retry and replay',
      "Deleting a person's data",
      'When a function fails',
      'Pause and resume',
      'Snooze',
      'While it runs',
      'Groups',
      'Results',
      'Why does it wait?',
      'Workers',
      'Safe change',
      'Ticks',
      'Deployments',
      'Keys, roles and audit',
      'Redaction',
    ])
  })
})
