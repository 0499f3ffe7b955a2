/** `npm run pressure`: what a coordinator does when more is pushed at it than its database takes. See --help. */
import { randomBytes } from 'node:crypto'
import { openDatabase } from '../../database/connect.js'
import { startEngine } from '../../database/embedded/start.js'
import type { JobDocument } from '../../server/store/documents.js'
import { openBench, type Bench } from '../harness/bench.js'
import { openAll } from '../harness/closers.js'
import { openRole } from '../harness/role.js'
import { percentile } from '../harness/statistics.js'
import { sleep } from '../harness/time.js'
import { UsageError } from '../options.js'
import { coordinator, functions } from '../systems/errandRoles.js'
import { pressureHelp, readPressureOptions, type PressureOptions } from './options.js'
import { probe, type Probed } from './probes.js'
import { clientCallers, farAway, rawCallers, type Pushed } from './roles.js'

const errandRoles = new URL('../systems/errandRoles.js', import.meta.url).href
const ownRoles = new URL('roles.js', import.meta.url).href

/** The hang begins when the calls are on their way. */
const hangAfterMs = 1_000
/** What is looked at goes on for so long behind the load. */
const afterwardsMs = 5_000

const open = (bench: Bench, { awayMs }: PressureOptions) =>
  openAll(async (closers) => {
    const { dir } = await bench.project()
    const keys = [`whsec_${randomBytes(32).toString('base64')}`]
    const engine = await startEngine({ dataDir: await bench.folder('engine') })
    closers.add({ close: () => engine.stop() })
    const database = closers.add(await openDatabase({ uri: engine.uri, dataDir: '' }))
    const way = closers.add(await openRole(ownRoles, farAway, { uri: engine.uri, awayMs }))
    const host = closers.add(await openRole(errandRoles, functions, { dir, keys }))
    const init = { uri: way.ready.uri, dir, keys, functionsUrl: host.ready.url }
    const target = closers.add(await openRole(errandRoles, coordinator, init))
    await target.call('run')
    return {
      url: target.ready.url,
      pid: target.pid,
      hang: (ms: number) => way.call('hang', { ms }),
      jobs: database.db.collection<JobDocument>('errand_jobs'),
      closers,
    }
  })

async function measure(
  bench: Bench,
  options: PressureOptions,
): Promise<{ pushed: Pushed; probed: Probed; lost: number }> {
  const { calls, jobs, bytes, withinMs, hangMs, callers } = options
  const errand = await open(bench, options)
  try {
    const pusher = errand.closers.add(await openRole(ownRoles, callers === 'raw' ? rawCallers : clientCallers, {}))
    const end = probe(errand.url, errand.pid)
    await sleep(hangAfterMs)
    const pushing = pusher.call('push', { url: errand.url, calls, jobs, bytes, withinMs })
    if (hangMs > 0) {
      await sleep(hangAfterMs)
      await errand.hang(hangMs)
    }
    const pushed = await pushing
    await sleep(afterwardsMs)
    const probed = await end()
    return { pushed, probed, lost: await countMissing(errand.jobs, pushed.ids) }
  } finally {
    await errand.closers.close()
  }
}

const idsInOneQuery = 5_000

async function countMissing(
  jobs: { countDocuments(filter: object): Promise<number> },
  ids: readonly string[],
): Promise<number> {
  let found = 0
  for (let from = 0; from < ids.length; from += idsInOneQuery) {
    found += await jobs.countDocuments({ _id: { $in: ids.slice(from, from + idsInOneQuery) } })
  }
  return ids.length - found
}

const ms = (value: number): string => `${Math.round(value)} ms`
const list = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} × ${name}`)
    .join(', ') || 'none'

function tell({ pushed, probed, lost }: Awaited<ReturnType<typeof measure>>): string {
  const { urgentMs, urgentRefused, blockedMs, rssMb } = probed
  return [
    `memory            ${Math.round(rssMb.before)} MB before, ${Math.round(rssMb.peak)} MB at its peak, ${Math.round(rssMb.after)} MB after`,
    `longest /healthz  ${ms(blockedMs)}`,
    `urgent jobs       ${urgentMs.length} acknowledged: median ${ms(percentile(urgentMs, 0.5))}, worst ${ms(Math.max(...urgentMs))}; others: ${list(urgentRefused)}`,
    `bulk calls        ${list(pushed.ends)}, in ${ms(pushed.ms)}`,
    `their jobs        ${pushed.ids.length} acknowledged, refused one by one: ${list(pushed.refusedItems)}`,
    `lost              ${lost} acknowledged jobs are not in the database`,
  ].join('\n')
}

try {
  const options = readPressureOptions(process.argv.slice(2))
  if (options.help) console.log(pressureHelp())
  else {
    await using bench = await openBench((line) => console.error(line))
    console.log(tell(await measure(bench, options)))
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
