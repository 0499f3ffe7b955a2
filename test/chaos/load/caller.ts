/** Callers: plain HTTP, as any language would, and what they were told goes into the ledger. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from '../ledger/ledger.js'
import type { LoadRecord, Outcome } from '../ledger/records.js'
import type { Random } from '../../support/random.js'
import type { House } from '../house/house.js'

export interface Answer {
  outcome: Outcome
  /** 0 where there was none. */
  status: number
  code: string
  // oxlint-disable-next-line typescript/no-explicit-any -- each caller reads what it asked for
  body: any
}

export interface Caller {
  random: Random
  /** Aborts when the load is over. */
  over: AbortSignal
  /** A number that nobody else of the run has. */
  next(): number
  call(method: string, path: string, body?: object, options?: CallOptions): Promise<Answer>
  note(record: LoadRecord): void
  /** Returns early when the load is over. */
  pause(ms: number): Promise<void>
  /** `POST /job`, noted as what the answer makes of it. */
  enqueue(job: JobRequest): Promise<Answer>
}

interface CallOptions {
  /** Which coordinator; default: any. */
  wing?: number
  timeoutMs?: number
}

export interface JobRequest {
  worker: string
  args: { n: number } & Record<string, unknown>
  delay?: string
  key?: string
  priority?: number
  unique?: object
}

export function createCallers(house: House, ledger: Ledger, over: AbortSignal) {
  let numbers = 0
  return (random: Random): Caller => {
    const note = (record: LoadRecord) => ledger.add({ at: Date.now(), ...record })
    const call: Caller['call'] = async (method, path, body, { wing, timeoutMs = 20_000 } = {}) => {
      const { url } = house.wings[wing ?? random.int(0, house.wings.length - 1)]!
      const answer = await ask(method, url + path, body, { apiKey: house.apiKey, timeoutMs })
      if (answer.status >= 500 && answer.status !== 503) {
        note({ kind: 'answered5xx', status: answer.status, code: answer.code, what: `${method} ${shapeOf(path)}` })
      }
      return answer
    }
    return {
      random,
      over,
      next: () => ++numbers,
      call,
      note,
      async pause(ms) {
        await sleep(ms, undefined, { signal: over }).catch(() => {})
      },
      async enqueue(job) {
        const answer = await call('POST', '/job', job)
        const { worker } = job
        const { n } = job.args
        if (answer.outcome === 'acked') {
          const { id, existing } = answer.body as { id: string; existing?: true }
          note({ kind: 'job', id, worker, n, ...(existing && { existing }) })
        } else if (answer.outcome === 'unknown') note({ kind: 'maybe', worker, n })
        return answer
      },
    }
  }
}

interface Asking {
  apiKey: string
  timeoutMs: number
}

async function ask(
  method: string,
  url: string,
  body: object | undefined,
  { apiKey, timeoutMs }: Asking,
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await response.text()
    const parsed = text === '' ? {} : (JSON.parse(text) as { error?: { code?: string } })
    const outcome = response.ok ? 'acked' : response.status < 500 ? 'refused' : 'unknown'
    return { outcome, status: response.status, code: parsed.error?.code ?? '', body: parsed }
  } catch {
    return { outcome: 'unknown', status: 0, code: '', body: {} }
  }
}

/** The path without ids, for counting. */
const shapeOf = (path: string): string => path.replaceAll(/[0-9a-f-]{36}/g, ':id').replace(/\?.*/, '')
