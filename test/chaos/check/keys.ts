/** Unique keys: each is held by one job at a time. */
import type { JobDocument } from '../../../server/store/documents.js'
import { uniqueWorkers } from '../terms.js'
import { groupBy, type Evidence } from './evidence.js'
import { retriedOf } from './jobs.js'
import { clockSlackMs, type Zero } from './zero.js'

interface Held {
  job: JobDocument
  /** It was there by then: it ran, or somebody was told of it. */
  from: number
  to: number
}

export const keysHeldByTwo: Zero = {
  name: 'unique keys held by two',
  counted:
    'The times in which two jobs of one key were there and not final do not overlap; and whoever asked again under a key of its own until it had an answer has one job.',
  check(evidence) {
    const held = groupBy(heldBy(evidence), ({ job }) => `${job.worker} ${job.key}`)
    const twice = [...held].flatMap(([key, jobs]) => overlaps(key, jobs))
    const insistent = severalOfOneKey(evidence)
    return { of: held.size + insistent.of, broken: [...twice, ...insistent.broken] }
  },
}

function heldBy(evidence: Evidence): Held[] {
  const retried = retriedOf(evidence)
  const told = new Map<string, number>()
  for (const record of evidence.records) {
    if (record.kind === 'job' && !told.has(record.id)) told.set(record.id, record.at)
  }
  return [...evidence.jobs.values()].flatMap((job) => {
    if (!uniqueWorkers.includes(job.worker) || job.key === undefined || retried.has(job._id)) return []
    const firstRun = evidence.runsOf.get(job._id)?.[0]?.startedAt
    const from = Math.min(firstRun ?? Infinity, told.get(job._id) ?? Infinity)
    return from === Infinity ? [] : [{ job, from, to: job.finishedAt?.getTime() ?? Infinity }]
  })
}

function overlaps(key: string, held: readonly Held[]): string[] {
  const inOrder = held.toSorted((a, b) => a.from - b.from)
  return inOrder.slice(1).flatMap((next, index) => {
    const before = inOrder[index]!
    return next.from < before.to - clockSlackMs && before.from < next.to - clockSlackMs
      ? [
          `${key} was held by ${before.job._id} until ${before.job.finishedAt?.toISOString()} and by ${next.job._id} from ${new Date(next.from).toISOString()} on`,
        ]
      : []
  })
}

function severalOfOneKey({ records, jobs }: Evidence): { of: number; broken: string[] } {
  const keyed = groupBy(
    records.flatMap((record) => (record.kind === 'keyed' ? [record] : [])),
    ({ worker, key }) => `${worker} ${key}`,
  )
  const byKey = groupBy(
    [...jobs.values()].filter(({ key }) => key !== undefined),
    ({ worker, key }) => `${worker} ${key}`,
  )
  const broken = [...keyed].flatMap(([key, told]) => {
    const ids = new Set([...told.map(({ id }) => id), ...(byKey.get(key) ?? []).map(({ _id }) => _id)])
    return ids.size > 1 ? [`${key} has the jobs ${[...ids].join(', ')}`] : []
  })
  return { of: keyed.size, broken }
}
