import { beforeAll, describe, expect, it } from 'vitest'
import { knownOptions } from '../../../codegen/contract/slice.js'
import { plainWorker, testProject, worker } from '../project.js'

const head = `import { defineJob } from 'errand'\nimport { z } from 'zod'\n`
const run = `result: z.undefined(), run() { return undefined }`

/**
 * What a module says when it cannot become a worker. The place is part of the promise: it is where the editor jumps to.
 */
const refused: [what: string, module: string, problems: string[]][] = [
  [
    'no default export',
    `import { z } from 'zod'\nexport const args = z.object({})\n`,
    [
      `jobs/bad.ts:1:1 A module in jobs/ needs a default export. Write \`export default defineJob({ … })\`, or start the file's name with "_" if it is no worker.`,
    ],
  ],
  [
    'a default export that is no call',
    `export default { run() {} }\n`,
    ['jobs/bad.ts:1:16 The default export is not a call of defineJob. Write `export default defineJob({ … })`.'],
  ],
  [
    'a default export that is a class',
    `export default class Job {}\n`,
    ['jobs/bad.ts:1:1 The default export is a class, not a worker. Write `export default defineJob({ … })`.'],
  ],
  [
    'a wrapped defineJob',
    `${head}const withTenant = <T>(job: T): T => job\nexport default withTenant(defineJob({ args: z.object({}), ${run} }))\n`,
    [
      "jobs/bad.ts:4:16 The default export is what withTenant(…) makes, so its options cannot be read. Write `export default defineJob({ … })` with defineJob imported from 'errand', not wrapped in a call.",
    ],
  ],
  [
    'a factory',
    `${head}const make = (name: string) => defineJob({ args: z.object({ name: z.literal(name) }), ${run} })\nexport default make('a')\n`,
    [
      "jobs/bad.ts:4:16 The default export is what make(…) makes, so its options cannot be read. Write `export default defineJob({ … })` with defineJob imported from 'errand', not wrapped in a call.",
    ],
  ],
  [
    'a defineJob of somebody else',
    `import { z } from 'zod'\nimport { defineJob } from './_mine.js'\nexport default defineJob({ args: z.object({}), ${run} })\n`,
    [
      "jobs/bad.ts:3:16 The default export is what defineJob(…) makes, so its options cannot be read. Write `export default defineJob({ … })` with defineJob imported from 'errand', not wrapped in a call.",
    ],
  ],
  [
    'options that are no literal',
    `${head}const options = () => ({ args: z.object({}), ${run} })\nexport default defineJob(options())\n`,
    [
      'jobs/bad.ts:4:26 defineJob takes an object literal, so that its options can be read without running them. Write them out: defineJob({ args, run }).',
    ],
  ],
  [
    'missing args and run',
    `${head}export default defineJob({ timeout: '30s' })\n`,
    [
      'jobs/bad.ts:3:26 The args schema is missing. Give the worker one, such as args: z.object({ … }); z.object({}) takes none.',
      'jobs/bad.ts:3:26 run is missing. Give the worker its work: run(args, ctx) { … }.',
    ],
  ],
  [
    'spread, computed and unknown options, all at once',
    `${head}const base = { timeout: '30s' as const }\nconst hook = 'run'\nexport default defineJob({\n  ...base,\n  args: z.object({}),\n  [hook]() {},\n  onFailure() {},\n})\n`,
    [
      'jobs/bad.ts:6:3 The spread `...base` hides which options it holds, so the contract cannot be cut. Write the options out.',
      "jobs/bad.ts:8:3 The computed option [hook] cannot be read. Write the option's name out.",
      `jobs/bad.ts:9:3 onFailure is no option. Known here: ${knownOptions.join(', ')}.`,
    ],
  ],
  ...(
    [
      [`redact: ['card.numbr']`, '"card.numbr" leads nowhere in args or result.'],
      [`redact: ['items.secret']`, '"items.secret" leads nowhere in args or result.'],
      [`redact: ['card.*.number']`, '"card.*.number" leads nowhere in args or result.'],
      [`redact: ['']`, 'redact.0 must be names with a dot between them, such as card.number or items.*.secret.'],
      [`redact: 'card'`, "redact must be a list of paths, such as ['card.number', 'items.*.secret']."],
    ] as const
  ).map(([redact, message]): [string, string, string[]] => [
    `a redaction that hides nothing: ${redact}`,
    worker(
      `args: z.object({ card: z.object({ number: z.string() }), items: z.array(z.object({ secret: z.string() })) }), ${run}, ${redact}`,
    ),
    [expect.stringContaining(` ${message}`)],
  ]),
  [
    'args that are no schema',
    worker(`args: { id: 'string' }, ${run}`),
    ['jobs/bad.ts:4:28 args must be a zod 4 schema, such as z.object({ … }).'],
  ],
  ...(
    [
      ['z.string()', 'a string'],
      ['z.array(z.object({}))', 'a list'],
      ['z.tuple([z.string()])', 'a list'],
      ['z.date()', 'a date'],
      ['z.enum(["a"])', 'a string'],
      ['z.union([z.object({}), z.string()])', 'a string'],
      ['z.object({}).optional()', 'undefined as well'],
      ['z.object({}).nullable()', 'null as well'],
      ['z.string().transform(() => ({}))', 'a string'],
      ['z.lazy(() => z.number())', 'a number'],
      ['z.unknown()', 'anything'],
      ['z.preprocess((x) => x, z.object({}))', 'anything, because it begins with a transform (z.preprocess)'],
    ] as const
  ).map(([schema, taken]): [string, string, string[]] => [
    `args that take ${taken}: ${schema}`,
    worker(`args: ${schema}, ${run}`),
    [`jobs/bad.ts:4:28 Args must be an object, and this schema takes ${taken}. Wrap it: z.object({ … }).`],
  ]),
  [
    'args that no job can carry, at their own line',
    `${head}class Order {}\nexport default defineJob({\n  args: z.object({\n    done: z.function(),\n    list: z.array(z.object({ mark: z.symbol() })),\n    order: z.instanceof(Order),\n    file: z.file().optional(),\n  }).refine(() => true),\n  ${run},\n})\n`,
    [
      'jobs/bad.ts:6:5 args.done is a function, which cannot be stored or sent. Take plain data, such as an id or a URL.',
      'jobs/bad.ts:7:30 args.list[].mark is a symbol, which cannot be stored or sent. Take plain data, such as an id or a URL.',
      'jobs/bad.ts:8:5 args.order is an instance of Order, which cannot be stored or sent. Take plain data, such as an id or a URL.',
      'jobs/bad.ts:9:5 args.file is a file, which cannot be stored or sent. Take plain data, such as an id or a URL.',
    ],
  ],
  [
    'policies that cannot work, each at its own line',
    `${head}const per = '3 weeks'\nexport default defineJob({\n  args: z.object({}),\n  timeout: 30,\n  retry: { attempts: 0, backoff: ['1s', 'soon'] },\n  throttle: { limit: 2, per },\n  ${run},\n})\n`,
    [
      "jobs/bad.ts:6:3 30 is not a duration. Write a number and its unit: '500ms', '30s', '5m', '2h' or '7d'.",
      'jobs/bad.ts:7:12 retry.attempts must be a whole number from 1 to 1000.',
      `jobs/bad.ts:7:41 "soon" is not a duration. Write a number and its unit: '500ms', '30s', '5m', '2h' or '7d'.`,
      `jobs/bad.ts:8:25 "3 weeks" is not a duration. Write a number and its unit: '500ms', '30s', '5m', '2h' or '7d'.`,
    ],
  ],
  [
    'a bad cron expression and time zone',
    worker(`args: z.object({}), schedule: { cron: '61 * * * *', timezone: 'Mars/Olympus' }, ${run}`),
    [
      'jobs/bad.ts:4:60 The cron expression "61 * * * *" cannot work: Constraint error, got value 61 expected range 0-59.',
      'jobs/bad.ts:4:80 "Mars/Olympus" is not a time zone. Write an IANA name, such as "Europe/Berlin" or "UTC".',
    ],
  ],
  [
    'schedule args that do not fit',
    worker(
      `args: z.object({ shop: z.string(), n: z.number() }), schedule: { cron: '0 9 * * *', args: { shop: 7, n: 1 } }, ${run}`,
    ),
    [
      'jobs/bad.ts:4:120 schedule.args.shop does not fit the args schema: Invalid input: expected string, received number.',
    ],
  ],
  [
    'a schedule without the args its jobs need',
    worker(`args: z.object({ shop: z.string() }), schedule: { cron: '0 9 * * *' }, ${run}`),
    ['jobs/bad.ts:4:66 The schedule has no args, and this worker does not run without: shop. Give schedule.args.'],
  ],
  [
    'a contract that needs a package',
    worker(
      `args: z.object({ to: z.string() }), throttle: { limit: 1, per: '1s', key: (args) => client.domain(args.to) }, ${run}`,
      `import Mailer from 'nodemailer'\nconst client = Mailer.createTransport({}) as never as { domain(to: string): string }`,
    ),
    [
      "jobs/bad.ts:5:97 The contract needs 'nodemailer' (throttle.key → client → Mailer), which only run may use: the coordinator evaluates contracts with zod and local modules alone. Use it in run, or compute this from the args.",
    ],
  ],
  [
    'a contract that needs what only Node has',
    worker(
      `args: z.object({ to: z.string() }), throttle: { limit: 1, per: '1s', key: () => readFileSync('/etc/hostname', 'utf8') }, ${run}`,
      `import { readFileSync } from 'node:fs'`,
    ),
    [
      "jobs/bad.ts:4:97 The contract needs 'node:fs' (throttle.key → readFileSync), which only run may use: the coordinator evaluates contracts with zod and local modules alone. Use it in run, or compute this from the args.",
    ],
  ],
  [
    'a contract that throws without the environment',
    `${head}const region = (() => {\n  if (!process.env.REGION) throw new Error('REGION is missing')\n  return process.env.REGION\n})()\nexport default defineJob({ args: z.object({ region: z.literal(region) }), ${run} })\n`,
    [
      "jobs/bad.ts:4:34 The contract does not load in the coordinator, which has none of the job's environment: REGION is missing. What only run needs, such as a setting or a client, belongs in run.",
    ],
  ],
  [
    'a contract that awaits',
    `${head}const names = await Promise.resolve(['a', 'b'])\nexport default defineJob({ args: z.object({ name: z.enum(names) }), ${run} })\n`,
    [
      "jobs/bad.ts:3:7 The contract needs a value that this module awaits (args → names). The coordinator reads contracts without your job's environment: make the value without await, or use it in run only.",
    ],
  ],
  [
    'a value that a statement changes later',
    `${head}const fields: Record<string, z.ZodType> = { id: z.string() }\nfields['extra'] = z.number()\nexport default defineJob({ args: z.object(fields), ${run} })\n`,
    [
      'jobs/bad.ts:4:1 This statement touches "fields", which the contract uses (args → fields). Build the value in one expression.',
    ],
  ],
  [
    'a syntax error',
    `${head}export default defineJob({\n  args: z.object({}),\n  run( { return 1 },\n})\n`,
    ["jobs/bad.ts:5:17 Syntax error: ':' expected."],
  ],
  [
    'imports that lead nowhere',
    `import { format } from 'no-such-package'\nimport { help } from './_gone.js'\n${head}export default defineJob({ args: z.object({}), result: z.string(), run: () => format(help) })\n`,
    [
      'jobs/bad.ts:1:24 Could not resolve "no-such-package". Is it installed? npm install no-such-package',
      'jobs/bad.ts:2:22 Could not resolve "./_gone.js". Is the path right?',
    ],
  ],
]

/** All of them stand in one project, which is read once. Each is told as if it were alone, under the name `bad.ts`. */
let told: Map<string, string[]>
beforeAll(async () => {
  told = await problemsOfAll()
})

async function problemsOfAll(): Promise<Map<string, string[]>> {
  const files = refused.map(([, module], index) => [`jobs/bad${index}.ts`, module])
  await using project = await testProject({ ...Object.fromEntries(files), 'jobs/good.ts': plainWorker }, ['nodemailer'])
  const told = new Map<string, string[]>()
  for (const problem of await project.problems()) {
    const found = /^jobs\/bad(\d+)\.ts:/.exec(problem)
    const what = found ? refused[Number(found[1])]![0] : problem
    told.set(what, [...(told.get(what) ?? []), problem.replace(/^jobs\/bad\d+/, 'jobs/bad')])
  }
  expect(await project.outputs()).toEqual({})
  return told
}

describe('a module that cannot become a worker', () => {
  it.each(refused)('is refused for %s', (what, _module, problems) => {
    expect(told.get(what)).toEqual(problems)
  })

  it('is the only one that is told of', () => {
    expect(Array.from(told.keys()).toSorted()).toEqual(refused.map(([what]) => what).toSorted())
  })

  it('tells the way through shared modules to what a contract needs, and blames nobody else', async () => {
    await using project = await testProject(
      {
        'jobs/_lib/tenant.ts': `import { createTransport } from 'nodemailer'\nconst transport = createTransport({})\nexport const tenantOf = (to: string) => String(transport) + to\nexport const limit = 3\n`,
        'jobs/_lib/index.ts': `export * from './tenant.js'\n`,
        'jobs/bad.ts': worker(
          `args: z.object({ to: z.string() }), throttle: { limit: 1, per: '1s', key: (args) => tenantOf(args.to) }, ${run}`,
          `import { tenantOf } from './_lib/index.js'`,
        ),
        'jobs/good.ts': worker(
          `args: z.object({}), throttle: { limit, per: '1s' }, ${run}`,
          `import { limit } from './_lib/index.js'`,
        ),
      },
      ['nodemailer'],
    )
    expect(await project.problems()).toEqual([
      "jobs/bad.ts:4:97 The contract needs 'nodemailer' (throttle.key → tenantOf → jobs/_lib/index.ts#tenantOf → jobs/_lib/tenant.ts#tenantOf → transport → createTransport), which only run may use: the coordinator evaluates contracts with zod and local modules alone. Use it in run, or compute this from the args.",
    ])
  })

  it('tells what is wrong with a shared module once, where it is', async () => {
    const importing = worker(`args: Args, ${run}`, `import { Args } from './_args.js'`)
    await using project = await testProject({
      'jobs/_args.ts': `import { z } from 'zod'\nexport const Args = z.object({\n`,
      'jobs/a.ts': importing,
      'jobs/b.ts': importing,
    })
    expect(await project.problems()).toEqual(['jobs/_args.ts:3:1 Expected identifier but found end of file.'])
  })

  it('tells the problems of all modules in one run, by place', async () => {
    await using project = await testProject({
      'jobs/z/last.ts': `export default 1\n`,
      'jobs/a b.ts': plainWorker,
      'jobs/mail.send.ts': plainWorker,
      'jobs/mail/send.ts': plainWorker,
      'jobs/shop/Sync.ts': plainWorker,
      'jobs/shop/sync.ts': plainWorker,
      'jobs/slow.ts': worker(`args: z.object({}), timeout: '5 minutes', ${run}`),
    })
    expect(await project.problems()).toEqual([
      'jobs/a b.ts:1:1 The worker\'s name "a b" has " ". Rename the file: names use letters, digits, "_" and "-", and folders become dots.',
      `jobs/mail/send.ts:1:1 The worker's name clashes with that of jobs/mail.send.ts. Both are "mail.send". Rename one of the two files.`,
      `jobs/shop/sync.ts:1:1 The worker's name clashes with that of jobs/shop/Sync.ts. "shop.sync" and "shop.Sync" differ only in case. Rename one of the two files.`,
      `jobs/slow.ts:4:48 "5 minutes" is not a duration. Write a number and its unit: '500ms', '30s', '5m', '2h' or '7d'.`,
      'jobs/z/last.ts:1:16 The default export is not a call of defineJob. Write `export default defineJob({ … })`.',
    ])
  })

  it('says which contract ended or hung the process that loaded it, and still reads the others', async () => {
    await using project = await testProject({
      'jobs/quits.ts': worker(
        `args: z.object({ n: z.literal(quit()) }), ${run}`,
        `const quit = (): number => process.exit(0)`,
      ),
      'jobs/slow.ts': worker(`args: z.object({}), timeout: 'never', ${run}`),
    })
    const problems = await project.problems()
    expect(problems).toEqual([
      expect.stringMatching(
        /^jobs\/quits\.ts:4:26 The contract does not load .*: it ended the process that loaded it\./,
      ),
      expect.stringMatching(/^jobs\/slow\.ts:4:48 "never" is not a duration/),
    ])
  })
})
