/** `npm run fuzz`: see --help. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commitOf, publish } from '../support/publish.js'
import type { Finding } from './checks.js'
import { findingsInLog, fuzz, nthRequest, sendTo } from './fuzz.js'
import { help, readOptions, UsageError, type Options } from './options.js'
import { atOnce, knownTurnMs, runPart, strangersTurnMs, type Part, type PartFound } from './part.js'
import { reportTables, reportText, type FuzzReport } from './report.js'
import { repository } from '../support/repository.js'
import { startTarget } from './targetRun.js'

/** The part that comes from those without a key, by itself, so that the turns are theirs. */
const strangersPart = 0.3
/** Requests from beyond the last one, so that what is loaded once is loaded. */
const warmUp = 500
/** What all requests together may leave behind. */
const leftMb = 20

const log = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`)

async function fuzzAll({ requests, seed }: Options, folder: string): Promise<FuzzReport> {
  const at = new Date().toISOString()
  await using run = await startTarget(folder)
  await fuzz({ target: run.target, seed, from: requests, count: warmUp, atOnce, known: run.known })
  const before = await run.memory()
  const linesBefore = run.lines.length
  const strangers = Math.floor(requests * strangersPart)
  const plan: Part[] = [
    { name: 'without a key', callers: ['stranger', 'wrong'], seed, from: 0, count: strangers, turnMs: strangersTurnMs },
    {
      name: 'everybody',
      callers: undefined,
      seed,
      from: strangers,
      count: requests - strangers,
      turnMs: knownTurnMs,
    },
  ]
  const parts: PartFound[] = []
  for (const part of plan) parts.push(await runPart(run, part, log))
  await sleep(2_000)
  const after = await run.memory()
  const findings: Finding[] = [
    ...parts.flatMap((part) => part.findings),
    ...parts.flatMap(({ beside }) =>
      beside.problems.map((what): Finding => ({ rule: 'beside', kind: 'good work beside failed', what })),
    ),
    ...findingsInLog(run.target, run.lines.slice(linesBefore)),
  ]
  const left = after.keptMb - before.keptMb
  if (left > leftMb) findings.push({ rule: 'memory', kind: `over ${leftMb} MB were left behind`, what: `${left} MB` })
  return { seed, requests, commit: commitOf(repository), at, parts, memory: { before, after }, findings }
}

/** Its ids, tokens and signatures are of this target, and not of the one where it was found. */
async function showOne({ seed }: Options, n: number, folder: string): Promise<void> {
  await using run = await startTarget(folder)
  const request = nthRequest(seed, n, run.target, run.known)
  console.log(`${request.what}\n${request.bytes.toString('latin1').slice(0, 3_000)}`)
  const { status, ms, headers, body } = await sendTo(run.target, request)
  console.log(`\n── ${status} after ${Math.round(ms)} ms ──\n${headers}\n\n${body.slice(0, 3_000)}`)
  console.log(run.lines.join('\n'))
}

async function main(options: Options): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-fuzzing-'))
  try {
    log(`seed ${options.seed}`)
    if (options.only !== undefined) {
      await showOne(options, options.only, folder)
      return 0
    }
    const report = await fuzzAll(options, folder)
    console.log(reportText(report))
    if (options.publish) await publish(repository, 'fuzz', reportTables(report))
    return report.findings.length > 0 ? 1 : 0
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
