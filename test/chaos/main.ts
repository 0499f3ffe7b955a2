/** `npm run chaos`: see --help. */
import { existsSync } from 'node:fs'
import { setMaxListeners } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { dump, readEvidence } from './check/evidence.js'
import { runFaults } from './faults/run.js'
import { openHouse } from './house/house.js'
import { openLedger, type Ledger } from './ledger/ledger.js'
import { createCallers } from './load/caller.js'
import { runLoad } from './load/load.js'
import { help, readOptions, UsageError, type Options } from './options.js'
import { commitOf, publish } from '../support/publish.js'
import { createRandom } from '../support/random.js'
import { repository } from '../support/repository.js'
import { isBroken, reportOf, reportTables, reportText, saveReport, type Conditions, type Report } from './report.js'
import { settle } from './settle.js'
import { watchFinal, watchMemory, withDatabase } from './watch.js'

const log = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`)

async function run(options: Options, folder: string): Promise<Report> {
  const { minutes, seed, coordinators, dist } = options
  const conditions: Conditions = {
    seed,
    minutes,
    coordinators,
    commit: commitOf(dirname(dist)),
    at: new Date().toISOString(),
  }
  await writeFile(join(folder, 'conditions.json'), JSON.stringify(conditions))
  log(`seed ${seed}, ${minutes} minutes, commit ${conditions.commit}, in ${folder}`)
  const random = createRandom(seed)
  const house = await openHouse({ folder, dist, coordinators, ledger: openLedger(folder) })
  const { ledger } = house
  const [load, watching] = [new AbortController(), new AbortController()]
  // one listener for each caller that pauses
  setMaxListeners(0, load.signal, watching.signal)
  try {
    const seenFinal = watchFinal(house, watching.signal)
    const memory = watchMemory(house, ledger, watching.signal)
    const callerOf = createCallers(house, ledger, load.signal)
    const untouched = createCallers(house, ledger, watching.signal)
    ledger.add({ kind: 'phase', at: Date.now(), phase: 'load' })
    const timer = setTimeout(() => load.abort(), minutes * 60_000)
    const faults = { house, ledger, random: random.fork('faults'), prober: untouched(random.fork('prober')), tell: log }
    await Promise.all([runLoad(callerOf, random.fork('load')), runFaults(faults, load.signal)])
    clearTimeout(timer)
    log('the load is over; everything is let heal')
    ledger.add({ kind: 'phase', at: Date.now(), phase: 'heal' })
    const settled = await settle(house, untouched(random.fork('operator')), options.settleMinutes * 60_000)
    ledger.add({ kind: 'phase', at: Date.now(), phase: 'settled' })
    watching.abort()
    await memory
    const seen = await seenFinal
    await withDatabase(house, (collections) => dump(folder, collections, seen, settled))
  } finally {
    load.abort()
    watching.abort()
    await house.close()
  }
  await writeFile(join(folder, 'lines.json'), JSON.stringify([[...ledger.lines.levels], [...ledger.lines.messages]]))
  return check(folder, dist)
}

/** By what a run has kept, and nothing else. */
async function check(folder: string, dist: string): Promise<Report> {
  const conditions = JSON.parse(await readFile(join(folder, 'conditions.json'), 'utf8')) as Conditions
  const [levels, messages] = JSON.parse(await readFile(join(folder, 'lines.json'), 'utf8')) as [string, number][][]
  const lines: Ledger['lines'] = { levels: new Map(levels), messages: new Map(messages) }
  return reportOf(await readEvidence(folder, dist), lines, conditions)
}

async function main(options: Options): Promise<number> {
  if (!existsSync(join(options.dist, 'cli', 'main.js'))) {
    throw new UsageError(`There is no build in ${options.dist}. Run \`npm run build\` there.`)
  }
  const folder = options.check ?? (await mkdtemp(join(tmpdir(), 'errand-chaos-')))
  const report = options.check === undefined ? await run(options, folder) : await check(folder, options.dist)
  await saveReport(folder, report)
  console.log(reportText(report))
  if (options.publish) await publish(repository, 'chaos', reportTables(report))
  const keeps = options.keep || options.check !== undefined || isBroken(report)
  if (keeps) log(`what there is to look at is in ${folder}`)
  else await rm(folder, { recursive: true, force: true })
  return isBroken(report) ? 1 : 0
}

// processes end with us
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    log(`ended by ${signal}`)
    process.exit(1)
  })
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) console.log(help())
  else process.exitCode = await main(options)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
