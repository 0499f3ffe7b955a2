/**
 * What is fuzzed: a coordinator and a function host on real sockets, with a key for each role. It runs in this process,
 * so that whoever opened it can look at its log and its loop; `npm run fuzz` gives it a process of its own.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { defineJob, groupSummary } from '../../core/index.js'
import type { FunctionCall } from '../../core/requests/wire.js'
import type { Db } from 'mongodb'
import { wrap, type FunctionHandler } from '../../runtime/index.js'
import { createFunctionHost } from '../../runtime/node.js'
import type { ApiKey } from '../../server/access/setting.js'
import { createContracts } from '../../server/deployments/contracts.js'
import { createCoordinator } from '../../server/coordinator.js'
import { createHttpInvoker } from '../../server/functions/invoke.js'
import { listen } from '../../server/api/listen.js'
import type { Job } from '../../core/job/defineJob.js'
import { createLog } from '../../server/log.js'

export interface Target {
  url: string
  functionsUrl: string
  /** By the caller's name; `stranger` has none and `wrong` one that nobody knows. */
  keys: Readonly<Record<CallerName, string | undefined>>
  signingKey: string
}

export const callers = [
  'stranger',
  'wrong',
  'enqueue',
  'enqueueSome',
  'observe',
  'observeArgs',
  'deploy',
  'operate',
] as const
export type CallerName = (typeof callers)[number]

export interface Told {
  /** A receipt address of an attempt that waits for its receipt. */
  receipt?: string
  /** A line of the log. */
  line?: string
}

export interface OpenTarget extends AsyncDisposable {
  target: Target
}

const retry = { attempts: 2, backoff: { kind: 'fixed', delay: '1s' } } as const

// the schemas differ from worker to worker
// oxlint-disable-next-line typescript/no-explicit-any
const workers: Record<string, Job<any, any>> = {
  echo: defineJob({ args: z.looseObject({ n: z.number().optional() }), retry, timeout: '5s', run: (args) => args }),
  'strict.send': defineJob({
    args: z.strictObject({
      to: z.string().max(200),
      at: z.date().optional(),
      tags: z.array(z.string()).max(10).optional(),
    }),
    limits: { args: '20kb' },
    unique: { key: ({ to }) => to, onConflict: 'return' },
    retry,
    redact: ['to'],
    run: ({ to }) => ({ to }),
  }),
  'limited.keyed': defineJob({
    args: z.object({ key: z.string() }),
    concurrency: { limit: 1, key: ({ key }) => key },
    throttle: { limit: 100, per: '1s', key: ({ key }) => key },
    retry,
    run: () => null,
  }),
  merge: defineJob({ args: z.object({ group: groupSummary() }), retry, run: ({ group }) => group.total }),
  /** Its function answers that a receipt will come, and leaves it to the fuzzer. */
  held: defineJob({ args: z.looseObject({}), retry, timeout: '1m', receipt: 'posted', run: () => null }),
}

/** `tell` hears what happens inside while it happens. */
export async function openTarget(db: Db, tell: (told: Told) => void): Promise<OpenTarget> {
  const signingKey = `whsec_${randomBytes(32).toString('base64')}`
  const secret = () => `fuzz${randomBytes(16).toString('hex')}`
  const keys = {
    stranger: undefined,
    wrong: secret(),
    enqueue: secret(),
    enqueueSome: secret(),
    observe: secret(),
    observeArgs: secret(),
    deploy: secret(),
    operate: secret(),
  }
  const apiKeys: ApiKey[] = [
    { role: 'enqueue', key: keys.enqueue },
    { role: 'enqueue', key: keys.enqueueSome, workers: ['strict.*'] },
    { role: 'observe', key: keys.observe },
    { role: 'observe', key: keys.observeArgs, args: true },
    { role: 'deploy', key: keys.deploy },
    { role: 'operate', key: keys.operate },
  ]
  const log = createLog({ write: (line) => tell({ line }), now: () => new Date(), json: true })

  const folder = await mkdtemp(join(tmpdir(), 'errand-fuzz-'))
  await writeHostFolder(folder, signingKey, (message) => log('warn', message))
  const host = createFunctionHost({ dir: folder, keys: [signingKey], log: (message) => log('error', message) })
  const functions = await host.listen({ port: 0 })

  const invoker = createHttpInvoker({ connections: 100, mayBePrivate: () => true })
  let fetch: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 503 })
  const listening = await listen({
    fetch: (request) => fetch(request),
    host: '127.0.0.1',
    port: 0,
    setting: 'the port of the fuzzer',
  })
  const coordinator = createCoordinator({
    db,
    contracts: createContracts(
      Object.fromEntries(
        Object.entries(workers).map(([name, { run: _, ...contract }]) => [
          name,
          { load: async () => contract, scheduled: false },
        ]),
      ),
    ),
    url: listening.url,
    functionsUrl: functions.url,
    signingKeys: [signingKey],
    apiKeys,
    keysRequired: true,
    log,
    async invoke(call) {
      const { worker, receipt } = JSON.parse(call.body) as Partial<FunctionCall>
      if (worker !== 'held') return invoker.invoke(call)
      tell({ receipt: receipt! })
      return { kind: 'accepted' }
    },
  })
  fetch = (request) => coordinator.fetch(request)
  await coordinator.start()
  return {
    target: { url: listening.url, functionsUrl: functions.url, keys, signingKey },
    async [Symbol.asyncDispose]() {
      await listening.close()
      await coordinator.stop({ graceMs: 1_000 })
      await invoker.close()
      await functions.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

declare global {
  var fuzzFunctions: Record<string, FunctionHandler> | undefined
}

/** As codegen leaves it, with bundles that find their functions in this process. */
async function writeHostFolder(folder: string, signingKey: string, warn: (message: string) => void): Promise<void> {
  globalThis.fuzzFunctions = Object.fromEntries(
    Object.entries(workers).map(([worker, job]) => [worker, wrap(job, { worker, keys: [signingKey], warn })]),
  )
  const manifest: Record<string, { function: string }> = {}
  for (const worker of Object.keys(workers)) {
    const file = `functions/${worker}/index.mjs`
    await mkdir(join(folder, 'functions', worker), { recursive: true })
    await writeFile(join(folder, file), `export default globalThis.fuzzFunctions[${JSON.stringify(worker)}]\n`)
    manifest[worker] = { function: file }
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ workers: manifest }))
}
