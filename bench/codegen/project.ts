/**
 * Makes projects of any size, as a team would write them: workers of 40 lines with zod, modules that they share, half
 * of them with a `result` schema.
 */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository } from '../harness/repository.js'

export interface SizedProject {
  root: string
  /** The names of the workers. */
  workers: string[]
  /** An app that enqueues: `app/main.ts`. */
  app: string
  /** The module of a worker, relative to the root. */
  fileOf: (worker: string) => string
  /** Its text; each edit makes another one. */
  textOf: (worker: string, edit?: number) => string
}

const workersInFolder = 20
const callsInApp = 50

/** The others leave the type of their result to be inferred. */
export const hasResultSchema = (worker: string): boolean => indexOf(worker) % 2 === 0

const workerName = (index: number): string => `area${Math.floor(index / workersInFolder)}.work${index}`
const indexOf = (worker: string): number => Number(/\d+$/.exec(worker)?.[0])
const fileOf = (worker: string): string => `jobs/${worker.replaceAll('.', '/')}.ts`

export async function makeSizedProject(root: string, size: number): Promise<SizedProject> {
  const workers = Array.from({ length: size }, (_, index) => workerName(index))
  const project = { root, workers, app: 'app/main.ts', fileOf, textOf: workerText }
  const files: Record<string, string> = {
    'package.json': '{ "name": "sized", "type": "module" }\n',
    'tsconfig.json': JSON.stringify({ compilerOptions, include: ['app'] }),
    'jobs/_shared/schemas.ts': schemas,
    'jobs/_shared/policies.ts': policies,
    'jobs/_shared/http.ts': http,
    [project.app]: appText(workers),
    ...Object.fromEntries(workers.map((worker) => [fileOf(worker), workerText(worker)])),
  }
  for (const file of Object.keys(files)) await mkdir(join(root, file, '..'), { recursive: true })
  for (const [file, text] of Object.entries(files)) await writeFile(join(root, file), text)
  await mkdir(join(root, 'node_modules'))
  await symlink(repository, join(root, 'node_modules', 'errand'))
  await symlink(join(repository, 'node_modules', 'zod'), join(root, 'node_modules', 'zod'))
  return project
}

const compilerOptions = {
  target: 'es2023',
  module: 'nodenext',
  lib: ['es2023', 'dom'],
  types: [],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
}

function workerText(worker: string, edit = 0): string {
  const index = indexOf(worker)
  return `import { defineJob, Fatal } from 'errand'
import { z } from 'zod'
import { post } from '../_shared/http.js'
import { patient } from '../_shared/policies.js'
import { address, money, totalOf } from '../_shared/schemas.js'

/** One line of the order. */
const line = z.object({ sku: z.string().min(1), quantity: z.number().int().positive(), price: money })

/** Sends an order to the service of area ${index}. */
export default defineJob({
  args: z.object({
    orderId: z.number().int(),
    customer: z.object({ id: z.string(), email: z.email(), name: z.string().optional() }),
    shipTo: address,
    lines: z.array(line).max(100),
    channel: z.enum(['web', 'store', 'phone${index}']),
    reference${index}: z.string().max(${100 + edit}).optional(),
    placedAt: z.date(),
  }),
${hasResultSchema(worker) ? `  result: z.object({ orderId: z.number(), total: z.number(), lines: z.number() }),\n` : ''}  retry: { attempts: 5, backoff: patient },
  timeout: '30s',
  throttle: { limit: 10, per: '1s', key: ({ customer }) => customer.id },
  concurrency: { limit: 4, key: ({ shipTo }) => shipTo.country },
  async run({ orderId, customer, lines, shipTo, reference${index} }, { signal, attempt }) {
    if (lines.length === 0) throw new Fatal(\`order \${orderId} has no lines\`)
    const total = totalOf(lines)
    const order = { orderId, total, customer: customer.id, country: shipTo.country, attempt }
    const answer = await post('https://example.org/area${index}/orders', { ...order, reference: reference${index} }, signal)
    if (!answer.ok) {
      throw new Error(\`the service answered \${answer.status} for order \${orderId} of \${customer.email}\`)
    }
    return { orderId, total, lines: lines.length${edit === 0 ? '' : ` + ${edit} - ${edit}`} }
  },
})
`
}

const schemas = `import { z } from 'zod'

export const money = z.object({ amount: z.number(), currency: z.string().length(3) })

export const address = z.object({
  street: z.string().min(1),
  city: z.string().min(1),
  postcode: z.string().max(20),
  country: z.string().length(2),
})

export const totalOf = (lines: { quantity: number; price: z.output<typeof money> }[]): number =>
  lines.reduce((sum, { quantity, price }) => sum + quantity * price.amount, 0)
`

const policies = `export const patient = { kind: 'exponential', base: '2s', max: '1h', jitter: true } as const
`

const http = `export async function post(url: string, body: unknown, signal: AbortSignal): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal })
}
`

/** Calls that are spread over all workers. */
function appText(workers: readonly string[]): string {
  const calls = Array.from({ length: callsInApp }, (_, call) => {
    const worker = workers[Math.floor((call * workers.length) / callsInApp)]!
    return `
export const call${call} = () =>
  errand.enqueue('${worker}', {
    orderId: ${call},
    customer: { id: 'c${call}', email: 'ada@example.org' },
    shipTo: { street: '1 Main Street', city: 'Montreal', postcode: 'H2X 1Y4', country: 'CA' },
    lines: [{ sku: 'a', quantity: 2, price: { amount: 10, currency: 'CAD' } }],
    channel: 'web',
    placedAt: new Date(),
  })
`
  })
  return `import { createClient } from 'errand/client'
import type { Jobs } from '../jobs/registry.gen.js'

const errand = createClient<Jobs>({ url: 'http://127.0.0.1:4100' })
${calls.join('')}`
}
