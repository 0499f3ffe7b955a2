/**
 * A job's revision: what was read of a waiting job may be out of date when it is acted upon. Its state does not tell: a
 * job that was read as `queued` is `queued` again after its args were replaced, or after it ran elsewhere and waits for
 * its next attempt. So every write that puts a job among those that wait, or changes one of them, raises `revision`;
 * and each write that acts on what was read of a job names the revision that was seen.
 *
 * A job that was never changed has none: inserts stay small, and nearly all candidates of a claim have the same one.
 * Neither the claim nor the end of a job raises it, because a job comes back from there only by a write that does.
 *
 * docs/decisions/guards.md goes through all writes.
 */
import type { Collection, Filter, UpdateFilter } from 'mongodb'
import type { JobDocument } from './documents.js'

/** The conditions of a write on a job beside its id. */
export type Guard = Filter<JobDocument>

/** A job as it was read. */
export type SeenJob = Pick<JobDocument, '_id' | 'revision'>

/** Part of every update that leaves a job waiting. */
export const raised = { $inc: { revision: 1 } } as const

/** Matches these jobs as long as they are as they were seen: a filter for each revision, which is mostly one in all. */
export function asSeen(jobs: readonly SeenJob[]): Filter<JobDocument>[] {
  const byRevision = new Map<number | undefined, string[]>()
  for (const { _id, revision } of jobs) {
    const ids = byRevision.get(revision)
    if (ids) ids.push(_id)
    else byRevision.set(revision, [_id])
  }
  return [...byRevision].map(([revision, ids]) => ({ _id: { $in: ids }, ...sameRevision({ revision }) }))
}

/** The same for one job, whose id the filter names beside it. */
export const sameRevision = ({ revision }: { revision?: number | undefined }): Guard => ({
  revision: revision ?? { $exists: false },
})

export interface JobsWrite {
  filter: Filter<JobDocument>
  update: UpdateFilter<JobDocument>
}

/** One command for all of them, in no order. Answers with how many jobs they changed. */
export async function updateAll(jobs: Collection<JobDocument>, writes: JobsWrite[]): Promise<number> {
  const [first, ...more] = writes
  if (!first) return 0
  if (more.length === 0) return (await jobs.updateMany(first.filter, first.update)).modifiedCount
  const { modifiedCount } = await jobs.bulkWrite(
    writes.map((updateMany) => ({ updateMany })),
    { ordered: false },
  )
  return modifiedCount
}
