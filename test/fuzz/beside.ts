/**
 * Good work that goes on beside the fuzz: a job is enqueued, run and seen, by each of the ways that a poisoned
 * neighbour could close.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from './target.js'

export interface Beside {
  /** How often it was done. */
  rounds: number
  /** The longest round, in milliseconds. */
  slowestMs: number
  problems: string[]
}

const roundLimitMs = 20_000

/** Round after round until `over` aborts. */
export async function workBeside(target: Target, over: AbortSignal): Promise<Beside> {
  const beside: Beside = { rounds: 0, slowestMs: 0, problems: [] }
  while (!over.aborted) {
    const startedAt = Date.now()
    try {
      await roundOf(target)
    } catch (error) {
      beside.problems.push((error as Error).message)
    }
    beside.rounds++
    beside.slowestMs = Math.max(beside.slowestMs, Date.now() - startedAt)
    await sleep(500, undefined, { signal: over }).catch(() => {})
  }
  return beside
}

async function roundOf(target: Target): Promise<void> {
  await undo(target)
  const { id } = await ask(target, 'POST', '/job', { worker: 'echo', args: { n: 1 }, priority: 1_000 })
  const until = Date.now() + roundLimitMs
  for (;;) {
    const { state } = await ask(target, 'GET', `/job/${id}/receipt?timeout=1s`)
    // an operator's request for all jobs of the worker may have met it
    if (state === 'succeeded' || state === 'cancelled') break
    if (Date.now() > until) throw new Error(`A good job is ${state} after ${roundLimitMs} ms.`)
    await undo(target)
  }
  const input = encodeURIComponent(JSON.stringify({ json: { limit: 100 } }))
  for (const path of [
    `/trpc/jobs.list?input=${input}`,
    '/jobs?limit=100',
    '/trpc/schedules.list',
    '/schedules',
    '/audit',
    '/metrics',
  ]) {
    await ask(target, 'GET', path)
  }
}

/** What the fuzz may do as an operator, a good operator undoes. */
async function undo(target: Target): Promise<void> {
  const { pauses = [] } = await ask(target, 'GET', '/pauses')
  for (const { worker, key } of pauses as { worker?: string; key?: string }[]) {
    const query = new URLSearchParams({ ...(worker && { worker }), ...(key && { key }) })
    await ask(target, 'DELETE', `/pauses${worker === undefined ? '?all=true' : `?${query}`}`, undefined, [404])
  }
  await ask(target, 'POST', '/deployments/deactivate', undefined, [409])
}

// oxlint-disable-next-line typescript/no-explicit-any -- each caller reads what it asked for
async function ask(target: Target, method: string, path: string, body?: object, alsoFine: number[] = []): Promise<any> {
  const response = await fetch(target.url + path, {
    method,
    headers: { authorization: `Bearer ${target.keys.operate}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(roundLimitMs),
  })
  const text = await response.text()
  if (!response.ok && !alsoFine.includes(response.status)) {
    throw new Error(
      `${method} ${path.replace(/\?.*/, '')} was answered with ${response.status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ''}`,
    )
  }
  return /^[[{]/.test(text) ? JSON.parse(text) : {}
}
