/**
 * What is looked at while others push: an urgent job each half second, whether the process answers at all, and its
 * memory.
 */
import { Agent, request } from 'undici'
import { usageOf } from '../harness/machine.js'
import { now, sleep } from '../harness/time.js'

export interface Probed {
  /** Milliseconds until each urgent job was acknowledged. */
  urgentMs: number[]
  /** Urgent jobs that were not, by status or `no answer`. */
  urgentRefused: Record<string, number>
  /** The longest that `GET /healthz` took. */
  blockedMs: number
  rssMb: { before: number; peak: number; after: number }
}

const urgentEachMs = 500
const healthEachMs = 20
const rssEachMs = 50
const answerLimitMs = 30_000

/** Begins to look. The answer ends it. */
export function probe(url: string, pid: number): () => Promise<Probed> {
  const dispatcher = new Agent({ connections: null, headersTimeout: answerLimitMs })
  const before = usageOf([pid]).rssMb
  const probed: Probed = {
    urgentMs: [],
    urgentRefused: {},
    blockedMs: 0,
    rssMb: { before, peak: before, after: before },
  }
  let over = false

  const watchMemory = async () => {
    while (!over) {
      const { rssMb } = usageOf([pid])
      probed.rssMb.peak = Math.max(probed.rssMb.peak, rssMb)
      probed.rssMb.after = rssMb
      await sleep(rssEachMs)
    }
  }
  const watchHealth = async () => {
    while (!over) {
      const askedAt = now()
      const response = await request(`${url}/healthz`, { dispatcher }).catch(() => undefined)
      await response?.body.dump()
      probed.blockedMs = Math.max(probed.blockedMs, now() - askedAt)
      await sleep(healthEachMs)
    }
  }
  const enqueueUrgent = async (i: number) => {
    const askedAt = now()
    const body = JSON.stringify({ worker: 'sample', args: { i, email: 'urgent@example.com' }, priority: 100 })
    const headers = { 'content-type': 'application/json' }
    const response = await request(`${url}/job`, { dispatcher, method: 'POST', headers, body }).catch(() => undefined)
    await response?.body.dump()
    if (response?.statusCode === 201) return void probed.urgentMs.push(now() - askedAt)
    const how = response ? String(response.statusCode) : 'no answer'
    probed.urgentRefused[how] = (probed.urgentRefused[how] ?? 0) + 1
  }
  const watchUrgent = async () => {
    const asked: Promise<void>[] = []
    for (let i = 0; !over; i++) {
      asked.push(enqueueUrgent(i))
      await sleep(urgentEachMs)
    }
    await Promise.all(asked)
  }

  const watching = [watchMemory(), watchHealth(), watchUrgent()]
  return async () => {
    over = true
    await Promise.all(watching)
    await dispatcher.destroy()
    return probed
  }
}
