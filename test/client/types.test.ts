import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository } from '../support/repository.js'

const run = promisify(execFile)

/** What the compiler says; nothing where it is content. */
function tsc(cwd: string, args: string[]): Promise<string> {
  const strict = ['--ignoreConfig', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess']
  const options = ['--target', 'es2023', '--lib', 'es2023,dom,esnext.disposable', '--module', 'nodenext']
  const command = [join(repository, 'node_modules/typescript/bin/tsc'), ...strict, ...options, ...args]
  return run(process.execPath, command, { cwd }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout, // with complaints it exits with 1 or 2
  )
}
const inRepository = ['--skipLibCheck', '--types', 'node', '--customConditions', '@errand/source']

describe('the types', () => {
  it('take and refuse what typeChecks.ts says', async () => {
    expect(await tsc(repository, ['--noEmit', ...inRepository, 'test/client/typeChecks.ts'])).toBe('')
  })
})

describe('the declarations that are shipped', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'errand-client-types-'))
    const emit = ['--declaration', '--emitDeclarationOnly', '--rootDir', repository, '--outDir', folder]
    const complaints = await tsc(repository, [...emit, ...inRepository, 'client/index.ts'])
    if (complaints !== '') throw new Error(complaints)
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('need no package, and nothing of the server', async () => {
    const seen = new Set<string>()
    const specifiers = new Set<string>()
    const visit = async (file: string): Promise<void> => {
      if (seen.has(file)) return
      seen.add(file)
      const code = (await readFile(file, 'utf8')).replace(/\/\*[^]*?\*\//g, '')
      for (const [, specifier = ''] of code.matchAll(/(?:from|import\(|import)\s*['"]([^'"]+)['"]/g)) {
        specifiers.add(specifier)
        if (specifier.startsWith('.')) await visit(resolve(dirname(file), specifier.replace(/\.js$/, '.d.ts')))
      }
    }
    await visit(join(folder, 'client/index.d.ts'))
    expect([...specifiers].filter((specifier) => !specifier.startsWith('.'))).toEqual([])
    const files = [...seen].map((file) => relative(folder, file))
    expect(files).toContain('client/types.d.ts')
    expect(files.filter((file) => !/^(client|core)\//.test(file))).toEqual([])
  })

  // one line for each, so that the line of a complaint tells which one it is about
  const mistakes: [code: string, says: RegExp][] = [
    [
      `errand.enqueue('mail.sned', { to: 'a' })`,
      /'"mail\.sned"' is not assignable to parameter of type '"mail\.bounce" \| "mail\.send"'/,
    ],
    [`errand.enqueue('mail.send', { to: 'a', cc: 'b' })`, /'cc' does not exist in type 'MailSendArgs'/],
    [
      `errand.enqueue('mail.send', { subject: 'a' })`,
      /Property 'to' is missing in type .* but required in type 'MailSendArgs'/,
    ],
    [
      `errand.enqueue('mail.send', { to: 42 })`,
      /'number' is not assignable to type 'string'[^]*property 'to' which is declared here on type 'MailSendArgs'/,
    ],
    [
      `errand.enqueue('shop.total', { amount: 12 })`,
      /property 'amount' which is declared here on type 'ShopTotalArgs'/,
    ],
    [`errand.enqueue('mail.send', { to: 'a' }, { delay: '5 minutes' })`, /'"5 minutes"' is not assignable/],
    [`errand.enqueueMany([{ worker: 'mail.sned', args: { to: 'a' } }])`, /Did you mean '"mail\.send"'/],
    [
      `errand.enqueueMany([{ worker: 'mail.send', args: { to: 'a', cc: 'b' } }])`,
      /'cc' does not exist in type 'MailSendArgs'/,
    ],
    [
      `errand.enqueueMany([{ worker: 'mail.send', args: {} }])`,
      /Property 'to' is missing in type '{}' but required in type 'MailSendArgs'/,
    ],
    [
      `errand.enqueueMany([{ worker: 'mail.send' }])`,
      /EnqueueItem<Jobs, "mail\.send">[^]*Property 'args' is missing[^]*MailSendArgs/,
    ],
    [`errand.group([{ worker: 'mail.sned', args: { to: 'a' } }])`, /'"mail\.sned"' is not assignable/],
    [
      `errand.group([{ worker: 'mail.send', args: { to: 'a', cc: 'b' } }])`,
      /'cc' does not exist in type 'MailSendArgs'/,
    ],
    [
      `errand.group([{ worker: 'tick' }], { then: 'mail.send' })`,
      /'"mail\.send"' is not assignable to type '"report\.merge"/,
    ],
    [
      `const wrong: { id: string } = await (await errand.enqueue('mail.send', { to: 'a' })).result()`,
      /Property 'id' is missing in type 'MailSendResult'/,
    ],
  ]

  it('make the compiler name the job or its interface, and the field, where nothing else is installed', async () => {
    const workers = await readFile(join(repository, 'test/client/workers.ts'), 'utf8')
    const registry = workers.match(/export interface (Jobs|Mail|Shop|Tick)\w* {[^]*?\n}/g)!
    const head = [
      `import { createClient, type GroupSummary } from './client/index.js'`,
      ...registry,
      `export interface Jobs { 'report.merge': { args: { group: GroupSummary }; result: null } }`,
      `const errand = createClient<Jobs>({ url: 'http://127.0.0.1:4100' })`,
      `await errand.enqueue('mail.send', { to: 'a' })`,
      '',
    ].join('\n')
    await writeFile(join(folder, 'app.ts'), head + mistakes.map(([code]) => code).join('\n'))

    const output = await tsc(folder, ['--noEmit', '--pretty', 'app.ts'])
    // oxlint-disable-next-line eslint/no-control-regex
    const plain = output.replace(/\u001B\[\d+m/g, '')
    const complaints = plain.split(/^(?=\S+:\d+:\d+ - error)/m).filter((text) => text.includes(' - error'))
    expect(complaints).toHaveLength(mistakes.length)
    const firstLine = head.split('\n').length
    for (const [index, [, says]] of mistakes.entries()) {
      expect(complaints[index]).toMatch(new RegExp(`^app\\.ts:${firstLine + index}:`))
      expect(complaints[index]).toMatch(says)
    }
  })
})

describe('the client at run time', () => {
  it('brings along no zod, no database driver and no server', async () => {
    const { metafile } = await build({
      entryPoints: [join(repository, 'client/index.ts')],
      absWorkingDir: repository,
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
    })
    const homes = Object.keys(metafile.inputs).map(
      (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? file.split('/')[0]!,
    )
    expect([...new Set(homes)].toSorted()).toEqual([
      '@trpc/client',
      '@trpc/server', // the part that @trpc/client shares with it
      'client',
      'copy-anything',
      'core',
      'eventsource-parser',
      'superjson',
    ])
  })
})
