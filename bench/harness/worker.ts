/**
 * A peer's worker process: its library runs the handler in the same process, which counts, and in W7 makes the HTTP
 * call that Errand's dispatch is.
 */
import { createCounter } from './counter.js'
import { createCaller } from './http.js'
import type { Payload } from './producer.js'

export type Handler = (job: Payload) => Promise<void>

/** Connections of a handler's HTTP calls: as many as the most concurrent of the peers has jobs under way. */
const connections = 100

export function workerRole(startWorker: (handle: Handler) => Promise<{ close: () => Promise<unknown> }>) {
  const counter = createCounter()
  let worker: { close: () => Promise<unknown> } | undefined
  const stop = async () => {
    await worker?.close()
    worker = undefined
  }
  return {
    commands: {
      ...counter.commands,
      async start({ callUrl }: { callUrl?: string | undefined }) {
        const call = callUrl === undefined ? undefined : createCaller(callUrl, connections)
        worker = await startWorker(async (job) => {
          counter.begin(job.i)
          if (call) await call(job)
          counter.end(job.i)
        })
      },
      stop,
    },
    close: stop,
  }
}
