/**
 * The process that asks for jobs, the same for every system: each system says only how one job, or a thousand, are
 * enqueued.
 */
import { timed, type Span } from './time.js'

/** What every job of the bench carries. */
export interface Payload {
  i: number
  email: string
}

export const payload = (i: number): Payload => ({ i, email: `user${i}@example.com` })

/** Jobs in one bulk call. */
export const chunkSize = 1_000

export interface Load {
  /** Errand only. Default `noop`. */
  worker?: string
  /** Errand only. */
  priority?: number
  /** Not before this long from now. */
  delayMs?: number
}

export interface Enqueuer {
  one: (job: Payload, load: Load) => Promise<unknown>
  bulk: (jobs: Payload[], load: Load) => Promise<unknown>
  close: () => Promise<unknown>
}

export const producerRole = (enqueuer: Enqueuer) => ({
  commands: {
    /** One call after the other, 1,000 jobs each. */
    bulk: ({ count, load = {} }: { count: number; load?: Load | undefined }): Promise<Span> =>
      timed(async () => {
        for (let from = 0; from < count; from += chunkSize) {
          const size = Math.min(chunkSize, count - from)
          await enqueuer.bulk(
            Array.from({ length: size }, (_, index) => payload(from + index)),
            load,
          )
        }
      }),
    /** So many callers, each in a loop of its own. */
    single: ({ count, callers }: { count: number; callers: number }): Promise<Span> =>
      timed(async () => {
        let next = 0
        const caller = async () => {
          while (next < count) await enqueuer.one(payload(next++), {})
        }
        await Promise.all(Array.from({ length: callers }, caller))
      }),
    one: ({ i, load = {} }: { i: number; load?: Load | undefined }): Promise<Span> =>
      timed(() => enqueuer.one(payload(i), load)),
  },
  close: async () => void (await enqueuer.close()),
})
