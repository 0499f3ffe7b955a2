/**
 * A project of its own for each test: real files in a temporary folder, with this repository and its packages installed
 * by link.
 */
import { access, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CodegenError, generate, type CodegenReport } from '../../codegen/index.js'
import { removeAtOnce, writeAtOnce } from '../support/files.js'
import { repository } from '../support/repository.js'

export interface TestProject extends AsyncDisposable {
  root: string
  write(file: string, content: string): Promise<void>
  remove(file: string): Promise<void>
  read(file: string): Promise<string>
  exists(file: string): Promise<boolean>
  generate(options?: { check?: boolean }): Promise<CodegenReport>
  /** The problems of a run that must fail, one a line. */
  problems(): Promise<string[]>
  /** Every output file with its bytes, the cache left out. */
  outputs(): Promise<Record<string, string>>
}

/** `packages` are linked from this repository's node_modules, beside errand and zod. */
export async function testProject(files: Record<string, string>, packages: string[] = []): Promise<TestProject> {
  const root = await mkdtemp(join(tmpdir(), 'errand-codegen-'))
  await mkdir(join(root, 'node_modules'))
  await symlink(repository, join(root, 'node_modules', 'errand'))
  for (const name of ['zod', ...packages]) {
    await symlink(join(repository, 'node_modules', name), join(root, 'node_modules', name))
  }
  const project: TestProject = {
    root,
    write: async (file, content) => writeAtOnce(join(root, file), content),
    remove: async (file) => removeAtOnce(join(root, file)),
    read: (file) => readFile(join(root, file), 'utf8'),
    exists: (file) =>
      access(join(root, file)).then(
        () => true,
        () => false,
      ),
    generate: (options = {}) => generate({ root, ...options }),
    async problems() {
      try {
        await generate({ root })
      } catch (error) {
        if (error instanceof CodegenError) return error.message.split('\n')
        throw error
      }
      throw new Error('codegen found no problem')
    },
    async outputs() {
      const listed = await readdir(join(root, '.errand'), { recursive: true, withFileTypes: true }).catch(() => [])
      const paths = listed
        .filter((entry) => entry.isFile() && entry.name !== 'cache.json')
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      for (const path of ['jobs/context.gen.ts', 'jobs/registry.gen.ts'])
        if (await project.exists(path)) paths.push(path)
      const entries = paths.toSorted().map(async (path) => [path, await project.read(path)] as const)
      return Object.fromEntries(await Promise.all(entries))
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
  for (const [file, content] of Object.entries(files)) await project.write(file, content)
  return project
}

/** A worker's module; its `result` schema spares the type checker. */
export const worker = (options: string, above = ''): string =>
  `import { defineJob } from 'errand'\nimport { z } from 'zod'\n${above}\nexport default defineJob({ ${options} })\n`

export const plainWorker = worker(
  'args: z.object({ id: z.string() }), result: z.undefined(), run() { return undefined }',
)

/**
 * Loads contracts.mjs in a bare process, without packages or settings, runs the body with `contracts`, and gives what
 * it returns.
 */
export async function inBareProcess(project: TestProject, body: string): Promise<unknown> {
  const { execFile } = await import('node:child_process')
  const { promisify } = await import('node:util')
  const folder = await mkdtemp(join(tmpdir(), 'errand-bare-'))
  try {
    await writeFile(join(folder, 'contracts.mjs'), await project.read('.errand/contracts.mjs'))
    await writeFile(
      join(folder, 'main.mjs'),
      `import contracts from './contracts.mjs'\nconst result = await (async () => { ${body} })()\nconsole.log('\\n' + JSON.stringify(result))`,
    )
    const { stdout } = await promisify(execFile)(process.execPath, ['main.mjs'], { cwd: folder, env: {} })
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as unknown
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
