/** `npm run fuzz`: see --help. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Finding } from './checks.js'
import { findingsInLog, fuzz, hear, newKnown, nthRequest, type Fuzzed } from './fuzz.js'
import { help, readOptions, UsageError, type Options } from './options.js'
import type { Known } from './request.js'
import { send } from './socket.js'
import type { CallerName, Target } from './target.js'
import type { FromTarget } from './targetProcess.js'
import type { Turn } from './turns.js'

/** What one turn of the loop may take of the processor, before a key was accepted and after. */
const strangersTurnMs = 50
const knownTurnMs = 250
/** What all requests together may leave behind. */
const leftMb = 20
const atOnce = 4
/** The part that comes from those without a key, by itself, so that the turns are theirs. */
const strangersPart = 0.3
const warmUp = 500
const answerLimitMs = 40_000

const log = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`)

interface Run {
  child: ChildProcess
  target: Target
  known: Known
  lines: string[]
  turns: Turn[]
  /** Told the memory that it asked for. */
  measured: (memory: Memory) => void
}

interface Memory {
  keptMb: number
  rssMb: number
}

async function openRun(folder: string): Promise<Run> {
  const child = fork(join(import.meta.dirname, 'targetProcess.js'), [join(folder, 'data')], {
    execArgv: ['--expose-gc'],
  })
  const run: Run = { child, target: undefined as never, known: newKnown(), lines: [], turns: [], measured: () => {} }
  const opened = new Promise<Target>((resolve, reject) => {
    child.on('message', (message: FromTarget) => {
      if (message.kind === 'open') resolve(message.target)
      if (message.kind === 'turn') run.turns.push(message.turn)
      if (message.kind === 'memory') run.measured(message)
      if (message.kind !== 'told') return
      hear(run.known, message.told)
      if (message.told.line !== undefined) run.lines.push(message.told.line)
    })
    child.once('exit', (code) => reject(new Error(`The target ended with exit code ${code}.`)))
  })
  run.target = await opened
  return run
}

function memoryOf(run: Run): Promise<Memory> {
  return new Promise((resolve) => {
    run.measured = resolve
    run.child.send('measure')
  })
}

interface Part {
  name: string
  callers: readonly CallerName[] | undefined
  from: number
  count: number
  turnMs: number
}

interface PartFound extends Fuzzed {
  worstTurnMs: number
}

/** One part, and its slow turns: what was under way then is sent once more by itself, and only what is slow again is a finding. */
async function runPart(run: Run, seed: number, { name, callers, from, count, turnMs }: Part): Promise<PartFound> {
  const times = new Map<number, { from: number; to: number }>()
  run.turns.length = 0
  let told = Date.now()
  const fuzzed = await fuzz({
    target: run.target,
    seed,
    from,
    count,
    atOnce,
    known: run.known,
    ...(callers && { callers }),
    watch(n, phase) {
      if (phase === 'begins') times.set(n, { from: Date.now(), to: Infinity })
      else times.get(n)!.to = Date.now()
      if (phase === 'ends' || Date.now() - told < 10_000) return
      told = Date.now()
      log(`${name}: ${n - from} of ${count}`)
    },
  })
  const slow = run.turns.filter(({ cpuMs }) => cpuMs > turnMs)
  const suspects = new Set(
    slow.flatMap((turn) =>
      [...times].filter(([, time]) => time.from <= turn.to && time.to >= turn.from).map(([n]) => n),
    ),
  )
  let worstTurnMs = 0
  for (const n of suspects) {
    const again = await slowestTurnOf(run, seed, n, callers)
    const limitMs = again.isKnown ? knownTurnMs : turnMs
    worstTurnMs = Math.max(worstTurnMs, again.cpuMs)
    if (again.cpuMs > limitMs) {
      fuzzed.findings.push({
        kind: `one turn of the loop took over ${limitMs} ms of the processor`,
        n,
        what: `${again.what}: ${Math.round(again.cpuMs)} ms`,
      })
    }
  }
  // none was slow again: what was measured is what others of the turn, or the collector of garbage, had a part in
  return {
    ...fuzzed,
    worstTurnMs: worstTurnMs || Math.max(0, ...run.turns.map(({ cpuMs }) => Math.min(cpuMs, turnMs))),
  }
}

/** The least of three times, each by itself: a machine has other things to do as well. */
async function slowestTurnOf(run: Run, seed: number, n: number, callers?: readonly CallerName[]) {
  let cpuMs = Infinity
  let [what, isKnown] = ['', false]
  for (let round = 0; round < 3; round++) {
    const request = nthRequest(seed, n, run.target, run.known, callers)
    what = request.what
    // a good signature is a key that was accepted
    isKnown = request.door.kind === 'function' && request.isSigned
    run.turns.length = 0
    await send(request.to === 'functions' ? run.target.functionsUrl : run.target.url, request.bytes, answerLimitMs)
    await sleep(50)
    cpuMs = Math.min(cpuMs, Math.max(0, ...run.turns.map((turn) => turn.cpuMs)))
  }
  return { cpuMs, what, isKnown }
}

async function fuzzAll({ requests, seed }: Options, folder: string): Promise<Finding[]> {
  const run = await openRun(folder)
  try {
    const strangers = Math.floor(requests * strangersPart)
    await fuzz({ target: run.target, seed, from: requests, count: warmUp, atOnce, known: run.known })
    const before = await memoryOf(run)
    const linesBefore = run.lines.length
    const parts: Part[] = [
      { name: 'strangers', callers: ['stranger', 'wrong'], from: 0, count: strangers, turnMs: strangersTurnMs },
      { name: 'all callers', callers: undefined, from: strangers, count: requests - strangers, turnMs: knownTurnMs },
    ]
    const findings: Finding[] = []
    for (const part of parts) {
      const linesAtStart = run.lines.length
      const { findings: found, statuses, slowestMs, beside, worstTurnMs } = await runPart(run, seed, part)
      findings.push(...found, ...beside.problems.map((what) => ({ kind: 'good work beside failed', what })))
      console.log(`${part.name}: ${part.count} requests, ${countsText(statuses)}`)
      console.log(
        `  slowest answer ${slowestMs} ms; longest turn ${Math.round(worstTurnMs)} ms of the processor; good work ${beside.rounds} times, ${beside.slowestMs} ms at worst; ${run.lines.length - linesAtStart} lines logged`,
      )
    }
    await sleep(2_000)
    const after = await memoryOf(run)
    const left = after.keptMb - before.keptMb
    console.log(`memory kept ${before.keptMb} → ${after.keptMb} MB, RSS ${before.rssMb} → ${after.rssMb} MB`)
    if (left > leftMb) findings.push({ kind: `over ${leftMb} MB were left behind`, what: `${left} MB` })
    findings.push(...findingsInLog(run.target, run.lines.slice(linesBefore)))
    await writeFile(join(folder, 'log.jsonl'), run.lines.join('\n'))
    return findings
  } finally {
    run.child.removeAllListeners('exit')
    run.child.disconnect()
    await once(run.child, 'exit')
  }
}

const countsText = (statuses: Record<string, number>): string =>
  Object.entries(statuses)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ')

/** Without the token and signature that it was sent with at the time, which were another target's. */
async function showOne({ seed, only }: Options, folder: string): Promise<void> {
  const run = await openRun(folder)
  const request = nthRequest(seed, only!, run.target, run.known)
  console.log(request.what)
  console.log(request.bytes.toString('latin1').slice(0, 3_000))
  const answer = await send(
    request.to === 'functions' ? run.target.functionsUrl : run.target.url,
    request.bytes,
    answerLimitMs,
  )
  console.log(
    `\n── ${answer.status} after ${Math.round(answer.ms)} ms ──\n${answer.headers}\n\n${answer.body.slice(0, 3_000)}`,
  )
  console.log(run.lines.join('\n'))
  run.child.removeAllListeners('exit')
  run.child.disconnect()
}

const shownOfEach = 5

function tellFindings(findings: readonly Finding[]): void {
  const kinds = new Map<string, Finding[]>()
  for (const finding of findings) kinds.set(finding.kind, [...(kinds.get(finding.kind) ?? []), finding])
  for (const [kind, found] of kinds) {
    console.log(`✖ ${found.length} × ${kind}`)
    for (const { n, what } of found.slice(0, shownOfEach)) console.log(`    ${n === undefined ? '' : `#${n} `}${what}`)
  }
  if (findings.length === 0) console.log('✔ nothing was found')
}

async function main(options: Options): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-fuzzing-'))
  try {
    log(`seed ${options.seed}`)
    if (options.only !== undefined) {
      await showOne(options, folder)
      return 0
    }
    const findings = await fuzzAll(options, folder)
    console.log(`seed ${options.seed}, ${options.requests} requests`)
    tellFindings(findings)
    return findings.length > 0 ? 1 : 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) console.log(help())
  else process.exitCode = await main(options)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
