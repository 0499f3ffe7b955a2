/**
 * The processes of `npm run pressure` beside Errand's own: the way to a database that is far away, and those who push.
 */
import { setMaxListeners } from 'node:events'
import { Agent, request } from 'undici'
import { databaseProxy } from '../../test/support/faultProxy.js'
import { now, sleep } from '../harness/time.js'

/** The database as seen from afar: each byte takes so much longer, each way. */
export async function farAway({ uri, awayMs }: { uri: string; awayMs: number }) {
  const proxy = await databaseProxy(uri)
  proxy.delay({ requests: awayMs, answers: awayMs })
  return {
    ready: { uri: proxy.uri },
    commands: {
      /** Nothing passes for so long. */
      async hang({ ms }: { ms: number }) {
        proxy.hold()
        await sleep(ms)
        proxy.pass()
      },
    },
    async close() {
      await proxy[Symbol.asyncDispose]()
    },
  }
}

export interface Push {
  url: string
  calls: number
  jobs: number
  bytes: number
  withinMs: number
}

/** What became of the calls. `ids` are the jobs that were acknowledged. */
export interface Pushed {
  ids: string[]
  /** Calls by how they ended: a status, an error's code, or `no answer`. */
  ends: Record<string, number>
  /** Items of answered calls that were refused, by code. */
  refusedItems: Record<string, number>
  ms: number
}

type Outcome = { ok: true; id: string } | { ok: false; code: string }

const argsOf = (i: number, bytes: number) => ({ i, email: `user${i}@example.com`, pad: 'x'.repeat(bytes) })

function tally() {
  const pushed = { ids: [] as string[], ends: {} as Record<string, number>, refusedItems: {} as Record<string, number> }
  const count = (counts: Record<string, number>, name: string) => (counts[name] = (counts[name] ?? 0) + 1)
  return {
    pushed,
    ended: (how: string) => count(pushed.ends, how),
    outcomes: (outcomes: Outcome[]) => {
      for (const outcome of outcomes) {
        if (outcome.ok) pushed.ids.push(outcome.id)
        else count(pushed.refusedItems, outcome.code)
      }
    },
  }
}

async function pushAll(
  { calls, jobs }: Push,
  call: (from: number) => Promise<{ end: string; outcomes: Outcome[] }>,
): Promise<Pushed> {
  const startedAt = now()
  const { pushed, ended, outcomes } = tally()
  await Promise.all(
    Array.from({ length: calls }, async (_, index) => {
      const answer = await call(index * jobs)
      ended(answer.end)
      outcomes(answer.outcomes)
    }),
  )
  return { ...pushed, ms: Math.round(now() - startedAt) }
}

/** Each call is made once, over a connection of its own. */
export async function rawCallers(_init: object) {
  return {
    commands: {
      push(push: Push): Promise<Pushed> {
        const { url, jobs, bytes, withinMs } = push
        const dispatcher = new Agent({ connections: null, headersTimeout: withinMs, bodyTimeout: withinMs })
        const signal = AbortSignal.timeout(withinMs)
        setMaxListeners(0, signal)
        return pushAll(push, async (from) => {
          const items = Array.from({ length: jobs }, (_, index) => ({
            worker: 'noop',
            args: argsOf(from + index, bytes),
          }))
          try {
            const response = await request(`${url}/jobs`, {
              dispatcher,
              signal,
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ jobs: items }),
            })
            const body = (await response.body.json()) as { outcomes?: Answered[] }
            return { end: String(response.statusCode), outcomes: (body.outcomes ?? []).map(outcomeOf) }
          } catch {
            return { end: 'no answer', outcomes: [] }
          }
        })
      },
    },
  }
}

type Answered = { ok: true; id: string } | { ok: false; error: { code: string } }

const outcomeOf = (answered: Answered): Outcome => (answered.ok ? answered : { ok: false, code: answered.error.code })

/** The typed client, as an app would use it: it waits where it is told to. */
export async function clientCallers(_init: object) {
  const { createClient } = await import('../../client/index.js')
  return {
    commands: {
      push(push: Push): Promise<Pushed> {
        const { url, jobs, bytes, withinMs } = push
        const errand = createClient({ url, timeout: `${withinMs}ms` })
        return pushAll(push, async (from) => {
          const items = Array.from({ length: jobs }, (_, index) => ({
            worker: 'noop',
            args: argsOf(from + index, bytes),
          }))
          try {
            const outcomes = await errand.enqueueMany(items)
            return {
              end: 'answered',
              outcomes: outcomes.map((each) =>
                each.ok ? { ok: true, id: each.job.id } : { ok: false, code: each.error.code },
              ),
            }
          } catch (error) {
            return { end: (error as { code?: string }).code ?? 'no answer', outcomes: [] }
          }
        })
      },
    },
  }
}
