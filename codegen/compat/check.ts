/**
 * Safe change: tries the contracts of the working tree on the args that a coordinator has waiting, and tells what would
 * break.
 *
 *   jobs/ → contracts, in memory → a thread of their own ← pages of waiting jobs, schedules ← coordinator
 */
import type { ScheduleView, WaitingPage } from '../../core/views/answers.gen.js'
import type { StoredArgs } from '../../core/requests/compat.js'
import { nearestName } from '../../core/nearest.js'
import { ruleFields, type FullScheduleRule } from '../../core/time/scheduleRule.js'
import type { RunOptions } from '../openRun.js'
import { buildContracts } from './buildContracts.js'
import type { ContractFacts } from './program.js'
import type { CompatProblem } from './counts.js'
import { openThread, type CompatThread } from './thread.js'

/** The coordinator, as far as it is asked. */
export interface Waiting {
  /** The names of the workers that are deployed. */
  workers(): Promise<readonly string[]>
  schedules(): Promise<readonly ScheduleView[]>
  page(cursor: string | undefined): Promise<WaitingPage>
}

export interface CompatOptions extends RunOptions {
  waiting: Waiting
  /** Looks at so many of the newest waiting jobs and no more. Default: all. */
  sample?: number | undefined
}

export interface CompatReport {
  /** Whether nothing would break. */
  fits: boolean
  /** How many jobs were looked at. */
  jobs: number
  schedules: number
  /** Most jobs first. */
  problems: CompatProblem[]
  /** Changes that break nothing, a sentence each. */
  notes: string[]
}

/** Writes nothing. Throws `CodegenError` where jobs/ itself has problems, and the errors of `waiting`. */
export async function checkCompat({ waiting, sample = Infinity, ...options }: CompatOptions): Promise<CompatReport> {
  const code = await buildContracts(options)
  await using thread = await openThread(code)
  const check = openCheck(thread, await thread.ask({ kind: 'names' }), await waiting.workers())
  const schedules = await waiting.schedules()
  await check.trySchedules(schedules)
  let jobs = 0
  for await (const page of pages(waiting)) {
    const chosen = page.slice(0, sample - jobs)
    await check.try(chosen.map(({ id, ...stored }) => ({ ...stored, job: id })))
    jobs += chosen.length
    options.onProgress?.(`Tried the contracts on ${jobs} waiting jobs`)
    if (jobs >= sample) break
  }
  const problems = await thread.ask({ kind: 'report' })
  return { fits: problems.length === 0, jobs, schedules: schedules.length, problems, notes: check.notes() }
}

/** The next page is fetched while one is tried. */
async function* pages(waiting: Waiting): AsyncGenerator<WaitingPage['jobs']> {
  const fetch = (cursor: string | undefined) => {
    const page = waiting.page(cursor)
    page.catch(() => {}) // it is awaited later, or not at all
    return page
  }
  for (let next: Promise<WaitingPage> | undefined = fetch(undefined); next;) {
    const { jobs, cursor }: WaitingPage = await next
    next = cursor === null ? undefined : fetch(cursor)
    yield jobs
  }
}

/** Args that are not shown whole cannot be tried. */
type Held = (StoredArgs | { worker: string; argsHidden: true }) & { job?: string; schedule?: string }

function openCheck(thread: CompatThread, contracts: ReadonlyMap<string, ContractFacts>, deployed: readonly string[]) {
  const names = [...contracts.keys()]
  const added = names.filter((name) => !deployed.includes(name))
  const gone = deployed.filter((name) => !names.includes(name))
  const renamed = new Map(
    gone.flatMap((name) => {
      const now = newNameOf(name, added)
      return now === undefined ? [] : [[name, now] as const]
    }),
  )
  /** Workers that are not deployed now either: not this change's doing. */
  const missing = new Map<string, number>()
  const hidden = new Map<string, number>()
  const notes: string[] = []
  return {
    async try(held: readonly Held[]): Promise<void> {
      const stored = held.flatMap((one) => {
        const { worker } = one
        const isKnown = contracts.has(worker)
        if (!isKnown && !deployed.includes(worker)) missing.set(worker, (missing.get(worker) ?? 0) + 1)
        else if (!('argsHidden' in one)) return [one]
        // of a worker that is no longer there it does not matter what they are
        else if (!isKnown) return [{ ...one, args: 'null' }]
        else hidden.set(worker, (hidden.get(worker) ?? 0) + 1)
        return []
      })
      await thread.ask({ kind: 'try', stored, renamed })
    },
    async trySchedules(schedules: readonly ScheduleView[]): Promise<void> {
      const inCode = schedules.filter(({ source }) => source === 'code')
      notes.push(...codeNotes(contracts, inCode))
      await this.try(schedules.filter(({ source }) => source === 'api').map(heldBySchedule))
    },
    notes: (): string[] => [
      ...notes,
      ...[...missing].map(
        ([worker, count]) =>
          `${count} of ${worker}, which the coordinator does not know now either, ${count === 1 ? 'waits' : 'wait'} for it.`,
      ),
      ...[...hidden].map(
        ([worker, count]) =>
          `${count} of ${worker} could not be tried, because not all of the args are shown: the worker redacts some, or is not deployed now, or this API key may not see args.`,
      ),
    ],
  }
}

function heldBySchedule({ id, worker, args, argsMeta, argsVersion, ...shown }: ScheduleView): Held {
  if (shown.argsHidden || shown.argsRedacted) return { schedule: id, worker, argsHidden: true }
  return {
    schedule: id,
    worker,
    args: JSON.stringify(args),
    ...(argsMeta === undefined ? {} : { argsMeta: JSON.stringify(argsMeta) }),
    ...(argsVersion === undefined ? {} : { argsVersion }),
  }
}

/** Near in name, or else the only new one of its folder. A guess, told as a question. */
function newNameOf(name: string, added: readonly string[]): string | undefined {
  const folderOf = (one: string): string => one.slice(0, one.lastIndexOf('.') + 1)
  const beside = added.filter((one) => folderOf(one) === folderOf(name))
  return nearestName(name, added) ?? (beside.length === 1 ? beside[0] : undefined)
}

/** Schedules in code take effect with the deployment, so nothing about them breaks. */
function codeNotes(contracts: ReadonlyMap<string, ContractFacts>, inCode: readonly ScheduleView[]): string[] {
  const before = new Map(inCode.map((schedule) => [schedule.worker, schedule]))
  const ends = inCode.flatMap((schedule) =>
    contracts.get(schedule.worker)?.schedule
      ? []
      : [`The schedule of ${schedule.worker} in code ends: ${rhythmOf(schedule)}.`],
  )
  const changes = [...contracts].flatMap(([worker, { schedule: after }]) => {
    const old = before.get(worker)
    if (!after) return []
    if (!old) return [`A schedule of ${worker} in code begins: ${rhythmOf(after)}.`]
    const fields = ruleFields.filter((field) => old[field] !== after[field])
    if (fields.length === 0) return []
    const [from, to] = [rhythmOf(old), rhythmOf(after)]
    const what = from === to ? ` in ${fields.join(', ')}` : ` from ${from} to ${to}`
    return [`The schedule of ${worker} in code changes${what}.`]
  })
  return [...ends, ...changes]
}

const rhythmOf = ({ cron, every, timezone }: FullScheduleRule): string =>
  cron === undefined ? `every ${every}` : `${cron} (${timezone})`
