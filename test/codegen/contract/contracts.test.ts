import { beforeAll, describe, expect, it } from 'vitest'
import { forbiddenImports, linkContracts } from '../../../codegen/contract/contracts.js'
import { openSharedPackages } from '../../../codegen/link/sharedPackages.js'
import { findErrandPackage } from '../../../codegen/errandPackage.js'
import { slice } from '../../../codegen/contract/slice.js'
import { parseModule } from '../../../codegen/contract/sourceModule.js'
import { inBareProcess, testProject, worker } from '../project.js'

const run = `result: z.undefined(), run() { return undefined }`
const throttle = (key: string): string => `throttle: { limit: 1, per: '1s', key: ${key} }`

/** Stands for a client library: it throws without a setting, and its text is easy to find. */
const heavy = `if (!process.env.HEAVY_KEY) throw new Error('HEAVY_KEY is missing')\nmodule.exports = { Heavy: class Heavy { static shared = new Heavy(); id = 'HEAVY-PACKAGE' }, make: () => ({ a: { b: 'HEAVY-PACKAGE' } }) }\n`
const traces = /HEAVY[-_]\w+|["']heavy["']/g
const heavyPackage = {
  'node_modules/heavy/package.json': `{ "name": "heavy", "version": "1.0.0", "main": "index.js" }`,
  'node_modules/heavy/index.js': heavy,
}

/** Ways to write a worker, each with the args to try, and the throttle key that its contract must compute from them. */
const samples: Record<string, { files: Record<string, string>; args: string; key: string }> = {
  'a schema from a shared module': {
    files: {
      'jobs/sample.ts': worker(
        `args: Order, ${throttle('keyOf')}, ${run}`,
        `import { Order, keyOf } from './_order.js'`,
      ),
      'jobs/_order.ts': `import { z } from 'zod'\nexport const Order = z.object({ shop: z.string() })\nexport const keyOf = (args: { shop: string }) => args.shop\n`,
    },
    args: `{ shop: 'key' }`,
    key: 'key',
  },
  'constants and helpers, and a parameter named like an import': {
    files: {
      'jobs/sample.ts': worker(
        `args: z.object({ to: z.string().regex(pattern).max(longest) }), ${throttle('(heavy) => clean(heavy.to)')}, result: z.string(), run: () => heavy.id + client.id`,
        `import { Heavy as heavyClass, make as heavy } from 'heavy'\nconst longest = 40\nconst pattern = /@/\nlet client = new heavyClass()\nfunction clean(to: string): string { return to.toLowerCase() }`,
      ),
    },
    args: `{ to: 'A@B' }`,
    key: 'a@b',
  },
  'run as a function of its own, and the job as a constant': {
    files: {
      'jobs/sample.ts': `import { Heavy } from 'heavy'\nimport { defineJob } from 'errand'\nimport { z } from 'zod'\nasync function run() { return new Heavy().id }\nconst job = defineJob({ run, args: z.object({ n: z.number() }), result: z.string(), ${throttle('({ n }) => String(n)')} })\nexport { job as default, run as other }\n`,
    },
    args: `{ n: 1 }`,
    key: '1',
  },
  'options as a constant, with satisfies and as': {
    files: {
      'jobs/sample.ts': `import * as fw from 'errand'\nimport { z } from 'zod'\nimport { Heavy } from 'heavy'\nconst Input = z.object({ a: z.string() })\nconst options = { args: Input, ${throttle('(args: z.output<typeof Input>) => args.a')}, async run() { return new Heavy() } } satisfies object as never as Parameters<typeof fw.defineJob<typeof Input, unknown>>[0]\nexport default (fw.defineJob<typeof Input, unknown>(options)) satisfies object\n`,
    },
    args: `{ a: 'key' }`,
    key: 'key',
  },
  'coercions, transforms, pipes, refinements, tuples and big numbers': {
    files: {
      'jobs/sample.ts': worker(
        `args: z.object({ n: z.coerce.number(), s: z.string().transform((s) => s.length).pipe(z.number().max(limit)), t: z.tuple([z.string(), z.bigint()]) }).refine(small), ${throttle('(args) => [args.n, args.s, ...args.t].join()')}, ${run}`,
        `const limit = 5\nconst small = (args: { n: number }) => args.n < limit`,
      ),
    },
    args: `{ n: '3', s: 'abc', t: ['x', 9n] }`,
    key: '3,3,x,9',
  },
  'a re-export of a module outside jobs': {
    files: {
      'jobs/sample.ts': `export { default } from '../lib/charge.js'\n`,
      'lib/charge.ts': worker(
        `args: z.object({ a: z.string() }), ${throttle('(args) => args.a')}, run: () => Heavy.shared.id`,
        `import { Heavy } from 'heavy'`,
      ),
    },
    args: `{ a: 'key' }`,
    key: 'key',
  },
  'clients at the top level, destructured, subclassed and static': {
    files: {
      'jobs/sample.ts': worker(
        `args: z.object({ id: z.string() }), ${throttle('(client) => client.id')}, run: () => client.id + b + Mine.one.id + instance`,
        `import { Heavy, make } from 'heavy'\nimport { instance } from './_client.js'\nconst client = new Heavy()\nconst { a: { b } } = make()\nclass Mine extends Heavy { static one = new Mine() }`,
      ),
      'jobs/_client.ts': `import { Heavy } from 'heavy'\nexport const instance = Heavy.shared\n`,
    },
    args: `{ id: 'key' }`,
    key: 'key',
  },
  enums: {
    files: {
      'jobs/sample.ts': worker(
        `args: z.object({ plan: z.enum(Plan), size: z.enum(Size) }), ${throttle('(args) => `${args.plan} ${args.size === Size.Large}`')}, ${run}`,
        `import { Plan } from './_plan.js'\nenum Size { Small, Large }`,
      ),
      'jobs/_plan.ts': `export enum Plan { Free = 'free', Paid = 'paid' }\n`,
    },
    args: `{ plan: 'paid', size: 1 }`,
    key: 'paid true',
  },
  'imports and statements that only do something': {
    files: {
      'jobs/sample.ts': worker(
        `args: z.object({ a: z.string() }), ${throttle('(args) => args.a')}, ${run}`,
        `import 'heavy'\nimport './_env.js'\nconsole.log('HEAVY-PACKAGE')`,
      ),
      'jobs/_env.ts': `if (!process.env.HEAVY_KEY) throw new Error('HEAVY-PACKAGE')\n`,
    },
    args: `{ a: 'key' }`,
    key: 'key',
  },
  'a shared module that also makes clients and reads settings': {
    files: {
      'jobs/sample.ts': worker(
        `args: Input, ${throttle('(args) => prefix + args.a')}, run: () => client.id`,
        `import { client, Input, prefix } from './_shared.js'`,
      ),
      'jobs/_shared.ts': `import { z } from 'zod'\nimport { Heavy, make } from 'heavy'\nconst need = (name: string): string => { throw new Error(name + ' is missing: HEAVY-PACKAGE') }\nexport const Input = z.object({ a: z.string() })\nexport const client = new Heavy(need('HEAVY_KEY'))\nexport const { a: { b }, ...rest } = make()\nexport const prefix = 'p:', other = need('OTHER')\nexport class Sub extends Heavy {}\nexport default make()\nconsole.info('HEAVY-PACKAGE')\n`,
    },
    args: `{ a: 'key' }`,
    key: 'p:key',
  },
  'a barrel': {
    files: {
      'jobs/sample.ts': worker(
        `args: Input, ${throttle('keyOf')}, run: () => client.id`,
        `import { client, Input, keyOf } from './_lib/index.js'`,
      ),
      'jobs/_lib/index.ts': `export * from './input.js'\nexport * from './client.js'\nexport { keyOf } from './key.js'\n`,
      'jobs/_lib/input.ts': `import { z } from 'zod'\nexport const Input = z.object({ a: z.string() })\n`,
      'jobs/_lib/client.ts': `import { Heavy } from 'heavy'\nexport const client = new Heavy()\n`,
      'jobs/_lib/key.ts': `import { createHash } from 'node:crypto'\nexport const keyOf = (args: { a: string }) => createHash('md5').update(args.a).digest('hex').slice(0, 4)\n`,
    },
    args: `{ a: 'key' }`,
    key: '3c6e',
  },
  'paths of tsconfig.json, under verbatimModuleSyntax': {
    files: {
      'tsconfig.json': `{ "compilerOptions": { "module": "esnext", "moduleResolution": "bundler", "verbatimModuleSyntax": true, "paths": { "@/*": ["./src/*"] } } }`,
      'jobs/sample.ts': worker(
        `args: Input, ${throttle('(args) => args.a')}, run: () => make()`,
        `import { make } from 'heavy'\nimport { Input } from '@/input'`,
      ),
      'src/input.ts': `import { z } from 'zod'\nimport { Heavy } from 'heavy'\nexport const Input = z.object({ a: z.string() })\nexport const client = () => new Heavy()\n`,
    },
    args: `{ a: 'key' }`,
    key: 'key',
  },
}

/** Those that lie in jobs/ alone stand in one project, each in a folder of its own; the others have one each. */
const isAlone = (what: string): boolean => Object.keys(samples[what]!.files).some((file) => !file.startsWith('jobs/'))
const folderOf = (what: string): string => `s${Object.keys(samples).indexOf(what)}`

interface Cut {
  options: string[]
  key: string
  /** Whether args that fit nothing are taken. */
  bad: boolean
}

let cutTogether: Record<string, Cut>
beforeAll(async () => {
  cutTogether = await cutAll()
})

async function cutAll(): Promise<Record<string, Cut>> {
  const together = Object.keys(samples).filter((what) => !isAlone(what))
  const files = together.flatMap((what) =>
    Object.entries(samples[what]!.files).map(([file, text]) => [
      file.replace('jobs/', `jobs/${folderOf(what)}/`),
      text,
    ]),
  )
  const found = await cut(
    Object.fromEntries(files) as Record<string, string>,
    together.map((what) => ({ worker: `${folderOf(what)}.sample`, args: samples[what]!.args })),
  )
  return Object.fromEntries(together.map((what, index) => [what, found[index]!]))
}

/** Builds the project, and asks each contract in a process that has nothing else. */
async function cut(files: Record<string, string>, asked: { worker: string; args: string }[]): Promise<Cut[]> {
  await using project = await testProject({ ...heavyPackage, ...files })
  await project.generate()
  const contracts = await project.read('.errand/contracts.mjs')
  expect(contracts.match(traces)).toBeNull()
  const body = asked.map(
    ({ worker, args }) => `{
      const contract = await contracts['${worker}']()
      const bad = await contract.args.safeParseAsync({ unknown: 1 })
      found.push({ options: Object.keys(contract).sort(), key: contract.throttle.key(contract.args.parse(${args})), bad: bad.success })
    }`,
  )
  return (await inBareProcess(project, `const found = []; ${body.join('')} return found`)) as Cut[]
}

describe('the contract of a worker', () => {
  it.each(Object.entries(samples))('is cut from %s', async (what, { files, args, key }) => {
    const got = isAlone(what) ? (await cut(files, [{ worker: 'sample', args }]))[0] : cutTogether[what]
    const options = ['args', 'throttle']
    expect(got).toEqual({ options: expect.arrayContaining(options) as unknown, key, bad: false })
    expect(got!.options).not.toContain('run')
  })

  it('is bundled without even parsing what only run needs', async () => {
    await using project = await testProject({
      ...heavyPackage,
      'jobs/sample.ts': worker(
        `args: Input, run: () => client.id`,
        `import { client, Input } from './_shared.js'\nif (!process.env.HEAVY_KEY) throw new Error('HEAVY_KEY is missing')`,
      ),
      'jobs/_shared.ts': `import { z } from 'zod'\nimport { Heavy } from 'heavy'\nexport const Input = z.object({ a: z.string() })\nexport const client = new Heavy()\n`,
    })
    const outcome = slice(parseModule('jobs/sample.ts', await project.read('jobs/sample.ts')))
    if (outcome.kind !== 'slice') throw new Error('the sample cannot be cut')
    const setting = { root: project.root, errand: findErrandPackage(project.root), external: [], name: undefined }
    const linked = await linkContracts(
      { project: setting, shared: openSharedPackages(setting), purified: new Map() },
      [{ worker: 'sample', module: 'jobs/sample.ts', dropped: outcome.slice.dropped, key: '' }],
      'contracts',
    )
    if ('problems' in linked) throw new Error('the sample cannot be linked')
    const packages = Object.keys(linked.metafile.inputs).filter((input) => input.includes('node_modules'))
    expect(packages.filter((input) => !input.includes('node_modules/zod/'))).toEqual([])
    expect(forbiddenImports(linked.metafile)).toEqual([])
  })

  it('keeps migrate and what it needs, and the function has it too', async () => {
    await using project = await testProject({
      ...heavyPackage,
      'jobs/sample.ts': worker(
        `args: z.object({ to: z.string(), locale: z.string() }), version: 2, migrate({ to }: { to: string }) { return { to: clean(to), locale: 'FALLBACK-LOCALE' } }, result: z.string(), run: () => client.id`,
        `import { Heavy } from 'heavy'\nconst client = new Heavy()\nconst clean = (to: string) => to.trim()`,
      ),
    })
    await project.generate()
    expect((await project.read('.errand/contracts.mjs')).match(traces)).toBeNull()
    const got = await inBareProcess(
      project,
      `const contract = await contracts.sample(); return [contract.version, contract.migrate({ to: ' a ' }, 1)]`,
    )
    expect(got).toEqual([2, { to: 'a', locale: 'FALLBACK-LOCALE' }])
    expect(await project.read('.errand/functions/sample/index.mjs')).toContain('FALLBACK-LOCALE')
  })

  it('is loaded when it is asked for, not before', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker(
        `args: z.object({ a: z.literal(mark()) }), ${run}`,
        `const mark = () => (globalThis as { marked?: string }).marked ??= 'a'`,
      ),
      'jobs/b.ts': worker(
        `args: z.object({ a: z.literal(mark()) }), ${run}`,
        `const mark = () => (globalThis as { marked?: string }).marked ??= 'b'`,
      ),
    })
    await project.generate()
    const got = await inBareProcess(
      project,
      `const before = globalThis.marked ?? 'none'; await contracts.b(); return [before, globalThis.marked]`,
    )
    expect(got).toEqual(['none', 'b'])
  })

  it('keeps a contract free of what another worker of the same module needs', async () => {
    await using project = await testProject({
      ...heavyPackage,
      'jobs/a.ts': worker(
        `args: Input, run: () => new Heavy().id`,
        `import { Heavy } from 'heavy'\nexport const Input = z.object({ a: z.string() })`,
      ),
      'jobs/b.ts': worker(`args: Input, ${run}`, `import { Input } from './a.js'`),
    })
    await project.generate()
    expect((await project.read('.errand/contracts.mjs')).match(traces)).toBeNull()
    expect(await inBareProcess(project, `return (await contracts.b()).args.parse({ a: 'x' })`)).toEqual({ a: 'x' })
  })

  it('warns of what runs in functions only, and of settings it reads', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker(
        `args: z.object({ a: z.string().max(longest) }), ${run}`,
        `import './_effect.js'\nlet longest = Number(process.env.LONGEST ?? 3)`,
      ),
      'jobs/_effect.ts': `console.log('loaded')\n`,
    })
    const { warnings } = await project.generate()
    expect(warnings).toEqual([
      "jobs/a.ts:1:1 The contract reads process (args → longest → process) in the coordinator's environment, not in the function's.",
      "jobs/a.ts:3:1 The import of './_effect.js' runs in the function, not in the coordinator.",
      'jobs/a.ts:4:1 The contract uses this variable, and the coordinator has a copy of its own. Make it a const.',
    ])
  })
})
