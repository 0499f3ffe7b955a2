/** `npm run bench`: measures Errand, and the peers that are asked for, on this machine. See --help. */
import { askAgainst } from './against/against.js'
import { isWorse, tableOfAnswer } from './against/table.js'
import { check } from './check.js'
import { openBench } from './harness/bench.js'
import { describeMachine } from './harness/machine.js'
import { BenchError } from './harness/npm.js'
import { help, readOptions, UsageError, type Against, type Options } from './options.js'
import { publish } from './publish.js'
import { saveResults, tableOf, type Report } from './report.js'
import { runAll } from './run.js'
import { systems } from './systems/index.js'
import type { Scale } from './workloads/workload.js'
import { workloads } from './workloads/index.js'

const chosen = <Item extends { name: string }>(all: readonly Item[], names: readonly string[]): Item[] =>
  all.filter(({ name }) => names.includes(name))

const scaleOf = ({
  quick,
  jobs = quick ? 2_000 : 20_000,
  others = quick ? 20_000 : 1_000_000,
  workers,
}: Options): Scale => ({
  quick,
  jobs: (pace) => (pace === 'slow' ? Math.ceil(jobs / 4) : jobs),
  others,
  workers: workers ?? (quick ? [10, 100] : [10, 100, 1_000]),
})

async function main(options: Options): Promise<number> {
  if (options.against) return await compareWith(options.against, options)
  // roles end with us, servers and folders at our exit
  onInterruption(() => process.exit(1))
  await using bench = await openBench((line) => console.error(line))
  if (options.check) return await check(bench, scaleOf(options), options.runs)

  const parts = chosen(systems, options.systems)
  for (const system of parts) await system.prepare?.()
  const plan = {
    systems: parts,
    workloads: chosen(workloads, options.workloads),
    runs: options.runs,
    scale: scaleOf(options),
  }
  const startedAt = new Date()
  const outcome = await runAll(plan, bench)
  const report: Report = {
    at: startedAt.toISOString(),
    quick: options.quick,
    runs: options.runs,
    machine: describeMachine(),
    systems: Object.fromEntries(parts.map(({ name, facts, lacks }) => [name, { ...facts(), ...(lacks && { lacks }) }])),
    ...outcome,
  }
  const file = await saveResults(startedAt, report)
  if (options.publish) await publish(report)
  console.log(options.json ? JSON.stringify(outcome.rows, null, 2) : tableOf(report))
  console.error(`Written: ${file}`)
  return outcome.failures.length > 0 ? 1 : 0
}

/** Answers with the exit code. */
async function compareWith(against: Against, { workloads, quick, json }: Options): Promise<number> {
  const startedAt = new Date()
  const interruption = new AbortController()
  onInterruption((signal) => interruption.abort(new BenchError(`Ended by ${signal} before the comparison was done.`)))
  const log = (line: string) => console.error(line)
  const answer = await askAgainst({ ...against, workloads }, log, interruption.signal)
  const file = await saveResults(startedAt, { quick, machine: describeMachine(), ...answer })
  console.log(json ? JSON.stringify(answer, null, 2) : tableOfAnswer(answer))
  console.error(`Written: ${file}`)
  if (answer.interrupted !== undefined) console.error(answer.interrupted)
  return isWorse(answer) || answer.interrupted !== undefined ? 1 : 0
}

function onInterruption(act: (signal: string) => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, act)
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) console.log(help())
  else process.exitCode = await main(options)
} catch (error) {
  if (!(error instanceof UsageError || error instanceof BenchError)) throw error
  console.error(error.message)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
