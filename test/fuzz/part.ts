/** A part of the fuzz with a limit for the turns of the target's loop. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Finding } from './checks.js'
import { fuzz, nthRequest, sendTo, type Fuzzed } from './fuzz.js'
import type { CallerName } from './target.js'
import type { TargetRun } from './targetRun.js'

/** What one turn of the loop may take of the processor, before a key was accepted and after. */
export const strangersTurnMs = 50
export const knownTurnMs = 250

export const atOnce = 4

export interface Part {
  name: string
  callers: readonly CallerName[] | undefined
  seed: number
  from: number
  count: number
  turnMs: number
}

export interface PartFound extends Fuzzed {
  name: string
  count: number
  /** Of the processor, of all that came together in it. */
  longestTurnMs: number
  linesLogged: number
}

/** What was under way in a slow turn is sent once more by itself, and only what is slow again is a finding. */
export async function runPart(run: TargetRun, part: Part, log: (line: string) => void): Promise<PartFound> {
  const { name, callers, seed, from, count, turnMs } = part
  const times = new Map<number, { from: number; to: number }>()
  const linesBefore = run.lines.length
  run.turns.length = 0
  let toldAt = Date.now()
  const fuzzed = await fuzz({
    target: run.target,
    seed,
    from,
    count,
    atOnce,
    known: run.known,
    ...(callers && { callers }),
    watch(n, phase) {
      if (phase === 'ends') return void (times.get(n)!.to = Date.now())
      times.set(n, { from: Date.now(), to: Infinity })
      if (Date.now() - toldAt < 10_000) return
      toldAt = Date.now()
      log(`${name}: ${n - from} of ${count}`)
    },
  })
  const turns = [...run.turns]
  const linesLogged = run.lines.length - linesBefore
  const slow = turns.filter(({ cpuMs }) => cpuMs > turnMs)
  const suspects = [...times].filter(([, time]) => slow.some((turn) => time.from <= turn.to && time.to >= turn.from))
  for (const [n] of suspects) fuzzed.findings.push(...(await slowAgain(run, part, n)))
  const longestTurnMs = Math.round(Math.max(0, ...turns.map(({ cpuMs }) => cpuMs)))
  return { ...fuzzed, name, count, longestTurnMs, linesLogged }
}

/** The least of three times counts: a process has other things to do as well, such as to collect its garbage. */
async function slowAgain(run: TargetRun, { seed, callers, turnMs }: Part, n: number): Promise<Finding[]> {
  let cpuMs = Infinity
  let request = nthRequest(seed, n, run.target, run.known, callers)
  for (let round = 0; round < 3; round++) {
    request = nthRequest(seed, n, run.target, run.known, callers)
    run.turns.length = 0
    await sendTo(run.target, request)
    await sleep(50)
    cpuMs = Math.min(cpuMs, Math.max(0, ...run.turns.map((turn) => turn.cpuMs)))
  }
  // a good signature is a key that was accepted
  const limitMs = request.door.kind === 'function' && request.isSigned ? knownTurnMs : turnMs
  if (cpuMs <= limitMs) return []
  const kind = `one turn of the loop took over ${limitMs} ms of the processor`
  return [{ rule: 'turns', kind, n, what: `${request.what}: ${Math.round(cpuMs)} ms` }]
}
