/** Schedules: one job for each fire. What the occurrences are is reckoned here, not asked. */
import { schedules } from '../terms.js'
import { groupBy, type Evidence } from './evidence.js'
import { clockSlackMs, type Zero } from './zero.js'

export const occurrences: Zero = {
  name: 'occurrences lost or made twice',
  counted:
    'Each occurrence of the schedules that nobody touched, from when they were made until they were paused at the end, has one job, and they have no others.',
  check(evidence) {
    let of = 0
    const broken = schedules.flatMap((schedule) => {
      const occurrences = occurrencesOf(evidence, schedule)
      of += occurrences.due.length
      return problemsOf(evidence, schedule.id, occurrences)
    })
    return { of, broken }
  },
}

interface Occurrences {
  due: number[]
  /** They came while the pause was asked for. */
  perhaps: number[]
}

function occurrencesOf(
  { schedules, records }: Evidence,
  { id, everyMs, aligned }: { id: string; everyMs: number; aligned: boolean },
): Occurrences {
  const createdAt = schedules.get(id)?.createdAt.getTime()
  const pauses = records.flatMap((record) =>
    record.kind === 'schedule' && record.id === id && record.paused ? [record] : [],
  )
  const asked = pauses[0]?.askedAt
  if (createdAt === undefined || asked === undefined) return { due: [], perhaps: [] }
  // a queue is paused again where an occurrence came in the moment of its pause
  const until = pauses.findLast(({ outcome }) => outcome === 'acked')?.at ?? asked
  const first = aligned ? Math.floor(createdAt / everyMs) * everyMs + everyMs : createdAt + everyMs
  const all = Array.from(
    { length: Math.max(0, Math.floor((until - first) / everyMs) + 1) },
    (_, index) => first + index * everyMs,
  )
  // one that comes in the moment of the pause is left out with those that follow
  const isSure = (at: number) => at < asked - 2 * clockSlackMs
  return { due: all.filter(isSure), perhaps: all.filter((at) => !isSure(at)) }
}

function problemsOf({ jobs, occurrenceId, schedules }: Evidence, id: string, { due, perhaps }: Occurrences): string[] {
  if (!schedules.has(id)) return [`schedule ${id} is nowhere`]
  const made = [...jobs.values()].filter(({ scheduleId }) => scheduleId === id)
  const idOf = (at: number) => occurrenceId(id, new Date(at))
  const ids = groupBy(made, ({ _id }) => _id)
  const missing = due
    .filter((at) => !ids.has(idOf(at)))
    .map((at) => `${id} has no job for ${new Date(at).toISOString()}`)
  const known = new Set([...due, ...perhaps].map(idOf))
  const extra = made
    .filter(({ _id }) => !known.has(_id))
    .map(({ _id, createdAt }) => `${id} made job ${_id} at ${createdAt.toISOString()}, where it has no occurrence`)
  return [...missing, ...extra]
}
