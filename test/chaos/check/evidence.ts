/**
 * All that the checks go by: the database as it was at the end, and the outside ledger. Read from files, so that a run
 * can be checked again.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BSON } from 'mongodb'
import type {
  AttemptResultDocument,
  GroupDocument,
  JobDocument,
  ScheduleDocument,
} from '../../../server/store/documents.js'
import type { FunctionRecord, LedgerRecord } from '../ledger/records.js'
import type { Collections } from '../../../server/store/layout.js'
import type { SeenFinal } from '../watch.js'
import type { Settled } from '../settle.js'

export interface Run {
  run: string
  /** The process that it ran in. */
  host: string
  job: string
  worker: string
  attempt: number
  args: Record<string, unknown>
  startedAt: number
  /** Told at the start; heartbeats move it. */
  deadline: number
  /** When its signal aborted, and why. */
  stopped?: { at: number; code: string }
  /** By its own account; absent where it never ended, or its process died before. */
  endedAt?: number
  how?: 'returned' | 'threw'
  /** When its process was gone. */
  diedAt?: number
  children: { call: string; child: string }[]
}

export interface Evidence {
  jobs: Map<string, JobDocument>
  /** By job, in the order of their attempts. */
  receipts: Map<string, AttemptResultDocument[]>
  groups: Map<string, GroupDocument>
  schedules: Map<string, ScheduleDocument>
  runs: Run[]
  runsOf: Map<string, Run[]>
  records: LedgerRecord[]
  seenFinal: Map<string, SeenFinal>
  settled: Settled
  /** The build's own. */
  occurrenceId: (scheduleId: string, at: Date) => string
}

interface Dump {
  jobs: JobDocument[]
  receipts: AttemptResultDocument[]
  groups: GroupDocument[]
  schedules: ScheduleDocument[]
  seenFinal: [string, SeenFinal][]
  settled: Settled
}

const dumpFile = (folder: string): string => join(folder, 'database.json')

/** Keeps what the checks need of the database beside the ledger. */
export async function dump(
  folder: string,
  collections: Collections,
  seenFinal: Map<string, SeenFinal>,
  settled: Settled,
): Promise<void> {
  const [jobs, receipts, groups, schedules] = await Promise.all([
    collections.jobs.find().toArray(),
    collections.receipts.find().toArray(),
    collections.groups.find().toArray(),
    collections.schedules.find().toArray(),
  ])
  const found = { jobs, receipts, groups, schedules, seenFinal: [...seenFinal], settled }
  await writeFile(dumpFile(folder), BSON.EJSON.stringify(found, { relaxed: true }))
}

export async function readEvidence(folder: string, dist: string): Promise<Evidence> {
  const { jobs, receipts, groups, schedules, seenFinal, settled } = BSON.EJSON.parse(
    await readFile(dumpFile(folder), 'utf8'),
  ) as Dump
  const records = await readRecords<LedgerRecord>(join(folder, 'ledger', 'outside.jsonl'))
  const runs = await readRuns(folder, records)
  const { occurrenceId } = (await import(join(dist, 'server', 'ids.js'))) as Pick<Evidence, 'occurrenceId'>
  const byId = <Document extends { _id: string }>(documents: Document[]) =>
    new Map(documents.map((document) => [document._id, document]))
  return {
    jobs: byId(jobs),
    receipts: groupBy(receipts, ({ _id }) => _id.slice(0, _id.indexOf(':'))),
    groups: byId(groups),
    schedules: byId(schedules),
    runs,
    runsOf: groupBy(runs, ({ job }) => job),
    records,
    seenFinal: new Map(seenFinal),
    settled,
    occurrenceId,
  }
}

export function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

/**
 * A line that a process was killed in the middle of is left out; there is no other reason for one that cannot be read.
 */
async function readRecords<Kind>(file: string): Promise<Kind[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as Kind]
    } catch {
      return []
    }
  })
}

async function readRuns(folder: string, records: readonly LedgerRecord[]): Promise<Run[]> {
  const diedAt = new Map(records.flatMap((record) => (record.kind === 'gone' ? [[record.id, record.at]] : [])))
  const files = (await readdir(join(folder, 'ledger'))).filter((name) => name.startsWith('functions-'))
  const runs: Run[] = []
  for (const name of files) {
    const host = name.slice('functions-'.length, -'.jsonl'.length)
    const died = diedAt.get(host)
    runs.push(...runsIn(await readRecords<FunctionRecord>(join(folder, 'ledger', name)), host, died))
  }
  return runs.toSorted((a, b) => a.startedAt - b.startedAt)
}

function runsIn(lines: readonly FunctionRecord[], host: string, diedAt: number | undefined): Run[] {
  const runs = new Map<string, Run>()
  for (const line of lines) {
    if (line.kind === 'start') {
      const { run, job, worker, attempt, args, at: startedAt, deadline } = line
      runs.set(run, {
        run,
        host,
        job,
        worker,
        attempt,
        args,
        startedAt,
        deadline,
        children: [],
        ...(diedAt === undefined ? {} : { diedAt }),
      })
      continue
    }
    const run = runs.get(line.run)
    if (!run) continue
    if (line.kind === 'followed') run.children.push({ call: line.call, child: line.child })
    else {
      run.deadline = Math.max(run.deadline, line.deadline)
      if (line.kind === 'stop') run.stopped = { at: line.at, code: line.code }
      else Object.assign(run, { endedAt: line.at, how: line.how })
    }
  }
  return [...runs.values()]
}
