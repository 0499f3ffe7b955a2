/** What comes all or none, and what follows it once. */
import type { GroupDocument, JobDocument } from '../../../server/store/documents.js'
import { groupBy, type Evidence } from './evidence.js'
import { retriedOf } from './jobs.js'
import { clockSlackMs, type Zero } from './zero.js'

const tagOf = ({ args }: JobDocument): string => (JSON.parse(args) as { of?: string }).of ?? ''

export const atomicHalf: Zero = {
  name: 'atomic requests half',
  counted:
    'Of the jobs of an atomic request, and of the members of a group, all are there or none, and all where it was acknowledged.',
  check({ jobs, records, runsOf }) {
    const byTag = groupBy(
      [...jobs.values()].filter(({ worker }) => worker === 'quick' || worker === 'member'),
      tagOf,
    )
    const asked = records.flatMap((record) => (record.kind === 'atomic' || record.kind === 'group' ? [record] : []))
    const broken = asked.flatMap(({ of, size, outcome }) => {
      const count = byTag.get(of)?.length ?? 0
      const allowed = { acked: [size], refused: [0], unknown: [0, size] }[outcome]
      return allowed.includes(count) ? [] : [`${of}, ${outcome}, has ${count} of ${size} jobs`]
    })
    // one that was taken back may not have run
    const gone = [...runsOf.values()].flatMap(([run]) => {
      const { of } = run!.args as { of?: string }
      return of && !jobs.has(run!.job) ? [`job ${run!.job} of ${of} ran and is not there`] : []
    })
    return { of: asked.length, broken: [...broken, ...gone] }
  },
}

export const callbacksNotOnce: Zero = {
  name: 'groups’ callbacks not once',
  counted:
    'Each group that was not cancelled has one callback, which ran, and not before all its members were final; a cancelled one has none that ran.',
  check(evidence) {
    const retried = retriedOf(evidence)
    const callbacks = groupBy(
      [...evidence.jobs.values()].filter(({ callbackOf }) => callbackOf !== undefined),
      ({ callbackOf }) => callbackOf!,
    )
    const members = groupBy(
      [...evidence.jobs.values()].filter(({ group }) => group !== undefined),
      ({ group }) => group!,
    )
    const groups = [...evidence.groups.values()].filter(({ then }) => then !== undefined)
    const broken = groups.flatMap((group) => [
      ...(callbackProblems(evidence, group, callbacks.get(group._id) ?? []) ?? []),
      ...tooEarly(evidence, group, callbacks.get(group._id)?.[0], members.get(group._id) ?? [], retried),
    ])
    return { of: groups.length, broken }
  },
}

function callbackProblems({ runsOf }: Evidence, group: GroupDocument, jobs: readonly JobDocument[]): string[] {
  const what = `group ${group._id}`
  if (group.state !== 'closed') return [`${what} is ${group.state}`]
  if (jobs.length > 1) return [`${what} has ${jobs.length} callbacks`]
  const [job] = jobs
  if (group.cancelled) {
    return job && job.state !== 'cancelled' && !runsOf.has(job._id)
      ? [`${what} was cancelled and has a callback that is ${job.state}`]
      : []
  }
  if (!job) return [`${what} has no callback`]
  // it may have been cancelled with the group that its own group is nested in
  if (job.state === 'cancelled') return []
  return runsOf.has(job._id) ? [] : [`the callback of ${what} is ${job.state} and never ran`]
}

function tooEarly(
  { runsOf }: Evidence,
  group: GroupDocument,
  callback: JobDocument | undefined,
  members: readonly JobDocument[],
  retried: ReadonlySet<string>,
): string[] {
  const startedAt = callback && runsOf.get(callback._id)?.[0]?.startedAt
  if (startedAt === undefined) return []
  const late = members.find(
    ({ _id, finishedAt }) => !retried.has(_id) && (finishedAt?.getTime() ?? Infinity) > startedAt + clockSlackMs,
  )
  return late ? [`the callback of group ${group._id} ran before its member ${late._id} was final`] : []
}

export const childrenNotOnce: Zero = {
  name: 'child jobs not once',
  counted:
    'Each call of ctx.enqueue that was acknowledged made one job, the same in all attempts of its parent; each parent that succeeded has both of its child jobs.',
  check({ jobs, runsOf }) {
    const children = groupBy(
      [...jobs.values()].filter(({ parent }) => parent !== undefined),
      ({ parent }) => parent!,
    )
    const parents = [...jobs.values()].filter(({ worker }) => worker === 'parent')
    const broken = parents.flatMap(({ _id, state }) => {
      const own = children.get(_id) ?? []
      const told = new Set((runsOf.get(_id) ?? []).flatMap(({ children }) => children.map(({ child }) => child)))
      const unknown = [...told].filter((id) => !own.some((child) => child._id === id))
      if (unknown.length > 0)
        return [`job ${_id} was given the child jobs ${unknown.join(', ')}, which are not its own`]
      if (own.length > 2) return [`job ${_id} has ${own.length} child jobs of two calls`]
      return state === 'succeeded' && own.length < 2 ? [`job ${_id} has ${own.length} of two child jobs`] : []
    })
    return { of: parents.length, broken }
  },
}
