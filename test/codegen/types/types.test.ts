import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { format } from 'prettier'
import { beforeAll, describe, expect, it } from 'vitest'
import { testProject, worker, type TestProject } from '../project.js'
import { repository } from '../../support/repository.js'

/** Every kind of schema, as one field each. */
const kinds: Record<string, string> = {
  string: 'z.string()',
  email: 'z.email()',
  isoDate: 'z.iso.datetime()',
  number: 'z.number().int().min(1)',
  int: 'z.int()',
  nan: 'z.nan()',
  boolean: 'z.boolean()',
  stringbool: 'z.stringbool()',
  bigint: 'z.bigint()',
  date: 'z.date()',
  nothing: 'z.undefined()',
  nul: 'z.null()',
  any: 'z.any()',
  unknown: 'z.unknown()',
  never: 'z.never().optional()',
  literal: `z.literal('it\\'s "it"')`,
  literals: `z.literal(['a', 1, true, null, 2n])`,
  enumeration: `z.enum(['a', 'b'])`,
  nativeEnum: 'z.enum({ A: "x", B: 7 })',
  template: 'z.templateLiteral(["v", z.number(), ".", z.enum(["a", "b"])])',
  optional: 'z.string().optional()',
  exactOptional: 'z.string().exactOptional()',
  nullable: 'z.string().nullable()',
  nullish: 'z.string().nullish()',
  withDefault: 'z.string().default("a")',
  withPrefault: 'z.string().prefault("a")',
  optionalDefault: 'z.string().optional().default("a")',
  nonoptional: 'z.string().optional().nonoptional()',
  caught: 'z.string().catch("a")',
  array: 'z.array(z.union([z.string(), z.number()]))',
  arrayOfArrays: 'z.array(z.array(z.object({ a: z.string() })))',
  readonlyArray: 'z.array(z.string()).readonly()',
  readonlyObject: 'z.object({ a: z.string() }).readonly()',
  readonlyMap: 'z.map(z.string(), z.number()).readonly()',
  tuple: 'z.tuple([z.string(), z.number().optional()])',
  restTuple: 'z.tuple([z.string()], z.union([z.number(), z.boolean()]))',
  emptyTuple: 'z.tuple([])',
  set: 'z.set(z.string())',
  map: 'z.map(z.string(), z.date())',
  record: 'z.record(z.string(), z.number())',
  enumRecord: `z.record(z.enum(['a', 'b-c']), z.number())`,
  partialRecord: `z.partialRecord(z.enum(['a', 'b']), z.number())`,
  templateRecord: 'z.record(z.templateLiteral(["x-", z.string()]), z.number())',
  numberRecord: 'z.record(z.number(), z.string())',
  object: `z.object({ 'a-b': z.string(), c: z.object({ d: z.number() }).optional() })`,
  emptyObject: 'z.object({})',
  strictObject: 'z.strictObject({ a: z.string() })',
  looseObject: 'z.looseObject({ a: z.string() })',
  catchall: 'z.object({}).catchall(z.number())',
  union: `z.union([z.object({ a: z.string() }), z.object({ b: z.number() })])`,
  longUnion: `z.enum(['a rather long member', 'another rather long member', 'a third rather long member', 'the last rather long member'])`,
  discriminated: `z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b'), n: z.number() })])`,
  intersection: 'z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() }))',
  transform: 'z.string().transform((s) => s.length)',
  pipe: 'z.string().pipe(z.transform((s) => Number(s))).pipe(z.number())',
  codec: 'z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() })',
  preprocess: 'z.preprocess((x) => x, z.string())',
  coerced: 'z.coerce.number()',
  refined: 'z.string().refine((s) => s.length > 1)',
  branded: 'z.string().brand("id")',
  lazy: 'z.lazy(() => z.object({ a: z.string() }))',
  json: 'z.json()',
  url: 'z.instanceof(URL)',
  pattern: 'z.instanceof(RegExp)',
  tree: 'Tree',
  nullableObject: 'z.object({ a: z.string() }).nullable()',
  objectsOrText: 'z.array(z.union([z.object({ a: z.string().nullable() }), z.string()])).optional()',
  mapOfObjects: 'z.map(z.string(), z.object({ a: z.string() }))',
  setOfObjects: 'z.set(z.object({ a: z.string() }))',
  tupleOfObjects: 'z.tuple([z.object({ a: z.string() }), z.number()])',
  veryLongUnion: `z.enum(['a rather long member', 'another rather long member', 'a third rather long member', 'a fourth rather long member', 'the last rather long member'])`,
  longArray: `z.array(z.enum(['a rather long member', 'another rather long member', 'a third rather long member', 'a fourth rather long member']))`,
  optionalObject: `z.object({ a: z.array(z.object({ b: z.string() })).optional() }).optional()`,
  longTuple: `z.tuple([z.literal('a rather long member'), z.literal('another rather long member'), z.literal('a third rather long member'), z.literal('a fourth')])`,
}

const kindsModule = `import { defineJob } from 'errand'
import { z } from 'zod'
const Tree = z.object({ name: z.string(), get kids() { return z.array(Tree) }, get peer() { return Other.optional() } })
const Other = z.object({ get tree() { return Tree } })
export const Args = z.object({
${Object.entries(kinds)
  .map(([name, schema]) => `  ${name}: ${schema},`)
  .join('\n')}
})
export const Result = Args.omit({ transform: true })
export default defineJob({ args: Args, result: Result, run: (args) => args as never })
`

/**
 * One line for each field and side, so that a complaint names the field that differs. `Pick` keeps `?` in the
 * comparison.
 */
const typeTest = [
  `import { z } from 'zod'`,
  `import type { Args, Result } from './jobs/kinds.js'`,
  `import type { KindsArgs, KindsResult } from './jobs/registry.gen.js'`,
  `type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false`,
  `type Flat<T> = T extends Date | URL | Uint8Array | RegExp | Set<unknown> | ReadonlyMap<unknown, unknown> ? T : { [K in keyof T]: Flat<T[K]> }`,
  `type Same<A, B, K extends keyof A & keyof B> = K extends Loose ? Fits<A, B, K> : Equal<Flat<Pick<A, K>>, Flat<Pick<B, K>>>`,
  // a recursive alias is the same only as long as nobody looks inside, and a brand does not travel: these must fit, no
  // more
  `type Loose = 'json' | 'branded'`,
  `type Fits<A, B, K extends keyof A & keyof B> = A[K] extends B[K] ? true : false`,
  `type In = z.input<typeof Args>; type Out = z.output<typeof Result>`,
  ...Object.keys(kinds).flatMap((name) => [
    `export const ${name}_input: Same<In, KindsArgs, '${name}'> = true`,
    ...(name === 'transform' ? [] : [`export const ${name}_output: Same<Out, KindsResult, '${name}'> = true`]),
  ]),
].join('\n')

const strict = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'dom'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    customConditions: ['@errand/source'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
  },
}

/** What TypeScript 7 says, a line for each complaint. */
async function compile(root: string, files: string[]): Promise<string[]> {
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', root, '--pretty', 'false'], { cwd: root })
    return []
  } catch (error) {
    const lines = (error as { stdout: string }).stdout.split('\n').filter((line) => line !== '')
    return lines.filter((line) => files.some((file) => line.startsWith(file)) || line.startsWith('error'))
  }
}

const prettier = (text: string): Promise<string> =>
  format(text, { parser: 'typescript', semi: false, singleQuote: true, printWidth: 120, trailingComma: 'all' })

describe('ctx.enqueue', () => {
  const enqueuing = (calls: string[]) =>
    [
      `import { defineJob } from 'errand'`,
      `import { z } from 'zod'`,
      `export default defineJob({`,
      `  args: z.object({}),`,
      `  async run(_, ctx) {`,
      ...calls,
      `    return 1`,
      `  },`,
      `})`,
    ].join('\n')
  const good = [
    `    const { id } = await ctx.enqueue('mail.send', { to: 'a' }, { delay: '1m', call: id0 })`,
    `    void id.length`,
  ]
  const project = (calls: string[]) =>
    testProject({
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({ ...strict, include: ['jobs', 'app'] }),
      'jobs/mail/send.ts': worker('args: z.object({ to: z.string() }), run: () => null'),
      'jobs/tick.ts': worker('args: z.object({ n: z.number().optional() }), run: () => null'),
      'jobs/parent.ts': enqueuing([`    const id0 = 'x'`, ...good, `    await ctx.enqueue('tick')`, ...calls]),
    })

  it('knows the workers beside it, their args and its options', async () => {
    const wrong = [
      `    await ctx.enqueue('mail.sned', { to: 'a' })`,
      `    await ctx.enqueue('mail.send', { to: 1 })`,
      `    await ctx.enqueue('mail.send', { to: 'a', cc: 'b' })`,
      `    await ctx.enqueue('mail.send')`,
      `    await ctx.enqueue('tick', {}, { delay: '5 minutes' })`,
      `    await ctx.enqueue('tick', {}, { calls: 'x' })`,
    ]
    await using made = await project(wrong)
    await made.generate()
    const complaints = await compile(made.root, ['jobs'])
    const lines = (await made.read('jobs/parent.ts')).split('\n')
    expect(complaints.map((complaint) => lines[Number(/\((\d+),/.exec(complaint)![1]) - 1])).toEqual(wrong)
    expect(complaints[0]).toMatch(/'"mail\.sned"' is not assignable to parameter of type '"mail\.send"'/)
    expect(await prettier(await made.read('jobs/context.gen.ts'))).toBe(await made.read('jobs/context.gen.ts'))
  })

  it('takes any name before codegen has run', async () => {
    await using made = await project([`    await ctx.enqueue('whatever', { a: 1 })`])
    expect(await compile(made.root, ['jobs'])).toEqual([])
  })

  it('leaves apps alone that have copies of registries, of other systems too, and no errand beside them', async () => {
    await using made = await project([])
    await made.generate()
    const copy = await made.read('jobs/registry.gen.ts')
    await made.write('app/one.gen.ts', copy)
    await made.write('app/two.gen.ts', copy.replaceAll('to: string', 'to: number'))
    await made.write(
      'app/app.ts',
      `import type { MailSendArgs as One } from './one.gen.js'\nimport type { MailSendArgs as Two } from './two.gen.js'\n` +
        `export const one: One = { to: 'a' }\nexport const two: Two = { to: 1 }\n`,
    )
    expect(await compile(made.root, ['jobs', 'app'])).toEqual([])
    await made.remove('jobs')
    await made.remove('node_modules/errand')
    expect(await compile(made.root, ['jobs', 'app'])).toEqual([])
  })
})

describe('types printed from schemas', () => {
  it('are what zod says, for every kind of schema', async () => {
    await using project = await testProject({
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({ ...strict, include: ['test.ts'] }),
      'jobs/kinds.ts': kindsModule,
    })
    await project.generate()
    await project.write('test.ts', typeTest)
    const complaints = await compile(project.root, ['test.ts', 'jobs/registry.gen.ts'])
    const lines = typeTest.split('\n')
    const wrong = complaints.map((complaint) => lines[Number(/\((\d+),/.exec(complaint)?.[1]) - 1] ?? complaint)
    expect(wrong).toEqual([])
    const registry = await project.read('jobs/registry.gen.ts')
    expect(await prettier(registry)).toBe(registry)
  })
  it('read what only the compiler knows through the type checker, and say where nothing can be known', async () => {
    await using project = await testProject({
      'jobs/custom.ts': worker(
        `args: z.object({ id: z.custom<\`order-\${number}\`>(), meta: z.custom<any>() }), result: z.object({ n: z.string().transform((s) => s.length) }), run: () => ({ n: 'abc' }) as never`,
      ),
    })
    const { warnings } = await project.generate()
    expect(await typesOf(project)).toEqual({
      CustomArgs: 'interface CustomArgs { id: `order-${number}` meta: unknown }',
      CustomResult: 'interface CustomResult { n: number }',
    })
    expect(warnings).toEqual([
      'jobs/custom.ts:1:1 The type of args meta: its type is any, so it is unknown to callers.',
    ])
  })

  it('have names of their own where two workers would share one', async () => {
    const same = worker(`args: z.object({}), result: z.null(), run: () => null`)
    await using project = await testProject({
      'jobs/a/b-c.ts': same,
      'jobs/a/bC.ts': same,
      'jobs/a.bC2.ts': same,
      'jobs/2fa.ts': same,
    })
    await project.generate()
    expect(await project.read('jobs/registry.gen.ts')).toContain(`export interface Jobs {
  '2fa': { args: Job2faArgs; result: Job2faResult }
  'a.b-c': { args: ABCArgs; result: ABCResult }
  'a.bC': { args: ABC3Args; result: ABC3Result }
  'a.bC2': { args: ABC2Args; result: ABC2Result }
}`)
  })
})

/** What `run` returns, and how it is told to callers. */
const returned: [what: string, run: string, result: string, above?: string][] = [
  ['nothing', 'run() {}', 'type AResult = undefined'],
  ['nothing, later', 'async run() {}', 'type AResult = undefined'],
  ['never', `run() { throw new Error('no') }`, 'type AResult = never'],
  [
    'widened literals',
    `run: async () => ({ ok: true, n: 1, s: 'a' })`,
    'interface AResult { ok: boolean n: number s: string }',
  ],
  ['constants', `run: () => ({ kind: 'sent' as const, n: 1 as 1 | 2 })`, `interface AResult { kind: 'sent' n: 1 | 2 }`],
  ['a part of its args', 'run: async (args) => args.item', 'interface AResult { id: string at?: Date | undefined }'],
  [
    'what JSON cannot say',
    `run: () => ({ date: new Date(), map: new Map([['a', new Set([1n])]]), bytes: new Uint8Array(1), url: new URL('http://a') })`,
    'interface AResult { date: Date map: Map<string, Set<bigint>> bytes: Uint8Array url: URL }',
  ],
  [
    'one of several',
    `run: async () => Math.random() > 0.5 ? { ok: true as const } : { ok: false as const, why: 'no' as string | undefined }`,
    'type AResult = | { ok: true why?: undefined } | { ok: false why: string | undefined }',
  ],
  [
    'lists and tuples',
    `run: () => [['a', 1] as [string, number?]]`,
    'type AResult = [string, (number | undefined)?][]',
  ],
  [
    'a recursive type',
    'run: (): Node => ({ name: "a", kids: [] })',
    'interface AResult { name: string kids: AResult[] }',
    'interface Node { name: string; kids: Node[] }',
  ],
  [
    'an object that holds a recursive type',
    'run: (): { root?: Node } => ({})',
    'interface AResult { root?: AResult_Node | undefined }',
    'interface Node { name: string; kids: Node[] }',
  ],
  [
    'an instance of a class',
    'run: () => new Point(1, 2)',
    'interface AResult { x: number y: number }',
    'class Point { #secret = 1; private hidden = 2; constructor(public x: number, public y: number) {} sum() { return this.x + this.#secret + this.hidden } }',
  ],
  [
    'a record and an enum',
    'run: () => ({ by: { a: 1 } as Record<string, number>, size: Size.Large as Size })',
    'interface AResult { by: { [key: string]: number } size: 0 | 1 }',
    'enum Size { Small, Large }',
  ],
  ['a branded string', 'run: () => "a" as string & { readonly brand: unique symbol }', 'type AResult = string'],
  [
    'a promise of a shared type',
    'run: () => load()',
    `interface AResult { id: string }`,
    `import { load } from '../_load.js'`,
  ],
]

/** The folder of a worker `a`, by what it returns: all are built at once. */
const folderOf = (what: string): string => `r${returned.findIndex(([each]) => each === what)}`

let registryOfAll: { types: Record<string, string>; registry: string; warnings: string[] }
beforeAll(async () => {
  registryOfAll = await buildAll()
})

async function buildAll(): Promise<typeof registryOfAll> {
  const files = returned.map(([what, run, , above = '']) => [
    `jobs/${folderOf(what)}/a.ts`,
    worker(`args: z.object({ item: z.object({ id: z.string(), at: z.date().optional() }) }), ${run}`, above),
  ])
  await using project = await testProject({
    ...Object.fromEntries(files),
    'jobs/_load.ts': `export const load = async () => ({ id: String(1) })\n`,
  })
  const { warnings } = await project.generate()
  return { types: await typesOf(project), registry: await project.read('jobs/registry.gen.ts'), warnings }
}

describe('the result type', () => {
  it.each(returned)('is told where run returns %s', (what, _run, result) => {
    const { types } = registryOfAll
    const folder = folderOf(what).toUpperCase()
    const alone = (text: string | undefined) => text?.replaceAll(`${folder}AResult`, 'AResult')
    expect(alone(types[`${folder}AResult`])).toBe(result)
    const node = result.includes('AResult_Node')
      ? 'interface AResult_Node { name: string kids: AResult_Node[] }'
      : undefined
    expect(alone(types[`${folder}AResult_Node`])).toBe(node)
  })

  it('is told without a warning, and as prettier would write it', async () => {
    const { registry, warnings } = registryOfAll
    expect(warnings).toEqual([])
    expect(await prettier(registry)).toBe(registry)
  })

  it('is unknown, with a warning, where it cannot be sent', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker(
        `args: z.object({}), run: () => ({ n: 1, f: () => 1, list: [{ s: Symbol('a') }], p: Promise.resolve(1) })`,
      ),
    })
    const { warnings } = await project.generate()
    expect((await typesOf(project)).AResult).toBe(
      'interface AResult { n: number f: unknown list: { s: unknown }[] p: unknown }',
    )
    expect(warnings).toEqual([
      'jobs/a.ts:1:1 The type of result f: a function cannot be stored or sent, so it is unknown to callers.',
      'jobs/a.ts:1:1 The type of result list[].s: its type is not known here, so it is unknown to callers.',
      'jobs/a.ts:1:1 The type of result p: a Promise cannot be stored or sent, so it is unknown to callers.',
    ])
  })

  it('follows a change in a module that only types come from', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker(
        `args: z.object({}), run: (): Answer => ({ n: 1 }) as never`,
        `import type { Answer } from './_answer.js'`,
      ),
      'jobs/_answer.ts': `export interface Answer { n: number }\n`,
    })
    await project.generate()
    expect((await typesOf(project)).AResult).toBe('interface AResult { n: number }')
    await project.write('jobs/_answer.ts', `export interface Answer { n: number; more: string }\n`)
    await project.generate()
    expect((await typesOf(project)).AResult).toBe('interface AResult { n: number more: string }')
  })
})

/** The declarations of a registry, each on one line. */
async function typesOf(project: TestProject): Promise<Record<string, string>> {
  const registry = await project.read('jobs/registry.gen.ts')
  const declarations = registry.split(/^export /m).slice(2)
  const lines = declarations.map((text) =>
    text
      .replaceAll(/\/\/.*/g, '')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  )
  return Object.fromEntries(lines.map((line) => [/\w+ (\w+)/.exec(line)![1]!, line]))
}
