/** The fuzz: so many requests of a seed, a few at a time, each held to what must be so, with good work beside them. */
import { createRandom } from '../support/random.js'
import { workBeside, type Beside } from './beside.js'
import { leaksIn, problemsOf, type Finding } from './checks.js'
import { requestOf, type FuzzRequest, type Known } from './request.js'
import { send, type Answered } from './socket.js'
import type { CallerName, Target, Told } from './target.js'

export interface FuzzOptions {
  target: Target
  seed: number
  /** The requests from `from` on, so many. */
  from: number
  count: number
  atOnce: number
  /** Only these callers. Default: all. */
  callers?: readonly CallerName[]
  known?: Known
  /** Told of each request as it begins and ends. */
  watch?: (n: number, phase: 'begins' | 'ends') => void
}

export interface Fuzzed {
  findings: Finding[]
  /** By status. */
  statuses: Record<string, number>
  slowestMs: number
  beside: Beside
}

export const newKnown = (): Known => ({ ids: [], receipts: [] })

/** How many ids and addresses are remembered. */
const rememberedMost = 500

export function hear(known: Known, { receipt }: Told): void {
  if (receipt === undefined) return
  known.receipts.push(receipt)
  if (known.receipts.length > rememberedMost) known.receipts.shift()
}

const answerLimitMs = 40_000

/** The request may take as long as a caller waits. */
export const sendTo = (target: Target, { to, bytes }: FuzzRequest): Promise<Answered> =>
  send(to === 'functions' ? target.functionsUrl : target.url, bytes, answerLimitMs)

export const nthRequest = (
  seed: number,
  n: number,
  target: Target,
  known: Known,
  callers?: readonly CallerName[],
): FuzzRequest => requestOf(createRandom(seed).fork(String(n)), target, known, callers)

export async function fuzz({
  target,
  seed,
  from,
  count,
  atOnce,
  callers,
  known = newKnown(),
  watch,
}: FuzzOptions): Promise<Fuzzed> {
  const findings: Finding[] = []
  const statuses: Record<string, number> = {}
  let slowestMs = 0
  let next = from
  const over = new AbortController()
  const beside = workBeside(target, over.signal)

  const one = async (n: number) => {
    const request = nthRequest(seed, n, target, known, callers)
    watch?.(n, 'begins')
    const answer = await sendTo(target, request)
    watch?.(n, 'ends')
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
    slowestMs = Math.max(slowestMs, answer.ms)
    remember(known, answer)
    for (const problem of problemsOf(target, request, answer)) findings.push({ ...problem, n, what: request.what })
  }

  const several = async () => {
    while (next < from + count) await one(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, several))
  over.abort()
  return { findings, statuses, slowestMs: Math.round(slowestMs), beside: await beside }
}

/** What is made is asked for later. */
function remember({ ids }: Known, { status, body }: Answered): void {
  if (status !== 200 && status !== 201) return
  for (const [, id] of body.slice(0, 20_000).matchAll(/"id":"([0-9a-f-]{36})"/g)) {
    ids.push(id!)
    if (ids.length > rememberedMost) ids.shift()
  }
}

/** Of lines that the target logged. */
export const findingsInLog = (target: Target, lines: readonly string[]): Finding[] =>
  lines.flatMap((line) =>
    leaksIn(target, line).map((kind) => ({ rule: 'secrets', kind: `a log line: ${kind}`, what: line.slice(0, 300) })),
  )
