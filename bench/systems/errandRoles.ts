/** Errand's processes. Each loads only what it is in reality, so that its memory can be told. */
import type { Duration } from '../../core/time/duration.js'
import type { Coordinator } from '../../server/index.js'
import { createCounter } from '../harness/counter.js'
import { producerRole } from '../harness/producer.js'
import { now } from '../harness/time.js'

/** Calls under way at once on each coordinator: its default. */
export const lanes = 100

/** The function host, with the handlers in it. */
export async function functions({ dir, keys }: { dir: string; keys: string[] }) {
  const { createFunctionHost } = await import('../../runtime/node.js')
  const counter = createCounter()
  Object.assign(globalThis, {
    handled(i: number) {
      counter.begin(i)
      counter.end(i)
    },
  })
  const listening = await createFunctionHost({ dir, keys }).listen({ port: 0 })
  return { ready: { url: listening.url }, commands: counter.commands, close: () => listening.close() }
}

export interface CoordinatorInit {
  uri: string
  dir: string
  keys: string[]
  functionsUrl: string
}

export async function coordinator({ uri, dir, keys, functionsUrl }: CoordinatorInit) {
  const { createCoordinator, listen, loadContracts, openDatabase } = await import('../../server/index.js')
  const database = await openDatabase({ uri, dataDir: '' })
  const contracts = await loadContracts(dir)
  let running: Coordinator | undefined
  const listening = await listen({
    fetch: (request) => running?.fetch(request) ?? new Response('no coordinator', { status: 503 }),
    host: '127.0.0.1',
    port: 0,
    setting: 'the port of the bench',
  })
  const stop = async () => {
    await running?.stop()
    running = undefined
  }
  const make = () => {
    const { url } = listening
    return createCoordinator({
      database,
      contracts,
      url,
      functionsUrl,
      signingKeys: keys,
      concurrency: lanes,
      log: tellTrouble,
    })
  }
  return {
    ready: { url: listening.url },
    commands: {
      stop,
      /** Takes jobs in and runs none, so that there is a backlog to begin with. */
      async takeIn() {
        await stop()
        running = make()
        await running.dispatcher.stop(0)
        await running.start()
      },
      async run() {
        await stop()
        const startedAt = now()
        running = make()
        await running.start()
        return startedAt
      },
    },
    async close() {
      await stop()
      await listening.close()
      await database.close()
    },
  }
}

const tellTrouble = (level: string, message: string, fields?: object): void => {
  if (level === 'warn' || level === 'error') console.error(`coordinator: ${message}`, fields ?? '')
}

export async function client({ url }: { url: string }) {
  const { createClient } = await import('../../client/index.js')
  const errand = createClient({ url })
  return producerRole({
    one: ({ i, email }, { worker = 'noop', priority, delayMs }) =>
      errand.enqueue(worker, { i, email }, { priority, delay: durationOf(delayMs) }),
    async bulk(jobs, { worker = 'noop', priority, delayMs }) {
      const items = jobs.map(({ i, email }) => ({ worker, args: { i, email }, priority, delay: durationOf(delayMs) }))
      for (const outcome of await errand.enqueueMany(items)) if (!outcome.ok) throw outcome.error
    },
    close: () => Promise.resolve(),
  })
}

const durationOf = (ms: number | undefined): Duration | undefined => (ms === undefined ? undefined : `${ms}ms`)
