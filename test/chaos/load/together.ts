/** What comes all or none: atomic requests, groups, and groups in groups. */
import type { Caller, JobRequest } from './caller.js'
import { work } from './work.js'

export async function atomicRequests(caller: Caller): Promise<void> {
  const { random } = caller
  const of = `atomic-${caller.next()}`
  const jobs: object[] = Array.from({ length: random.int(2, 40) }, () => ({
    worker: 'quick',
    args: work(caller.next(), { of }),
  }))
  const isBad = random.chance(0.15)
  if (isBad) jobs.push({ worker: 'quick', args: { n: 'none' } })
  const { outcome, body } = await caller.call('POST', '/jobs', { atomic: true, jobs })
  const ids = outcome === 'acked' ? (body.outcomes as { id: string }[]).map(({ id }) => id) : []
  caller.note({ kind: 'atomic', of, size: jobs.length, outcome, ids })
  await caller.pause(random.int(2_000, 6_000))
}

interface GroupItem {
  group: (JobRequest | GroupItem)[]
  then: object
  policy: string
}

export async function groups(caller: Caller): Promise<void> {
  const { random } = caller
  const of = `group-${caller.next()}`
  const made = { size: 0, callbacks: 0 }
  const member = (): JobRequest => {
    made.size++
    const dice = random()
    const how =
      dice < 0.1 ? ({ how: 'fatal', times: 1 } as const) : dice < 0.2 ? ({ how: 'fail', times: 2 } as const) : {}
    return { worker: 'member', args: work(caller.next(), { of, ms: random.int(0, 300), ...how }) }
  }
  const group = (depth: number): GroupItem => {
    made.callbacks++
    const items = Array.from({ length: random.int(1, 5) }, () =>
      depth < 2 && random.chance(0.15) ? group(depth + 1) : member(),
    )
    return {
      group: items,
      then: { worker: 'summary', args: work(caller.next(), { of }) },
      policy: random.pick(['continue', 'continue', 'cancelRest', 'wait']),
    }
  }
  const { group: jobs, then, policy } = group(0)
  const { outcome, body } = await caller.call('POST', '/groups', { jobs, then, policy })
  caller.note({ kind: 'group', of, ...made, outcome, ...(outcome === 'acked' && { id: body.id as string }) })
  await caller.pause(random.int(500, 2_500))
  if (outcome === 'acked' && random.chance(0.08)) {
    const askedAt = Date.now()
    const cancelled = await caller.call('DELETE', `/groups/${body.id}`)
    caller.note({ kind: 'groupCancelled', id: body.id, outcome: cancelled.outcome, askedAt })
  }
}
