/**
 * The end of a group. A member that keeps its group open names it in `groupOpen`, and the write that makes the member
 * final takes that out. So a group is over when no job names it and no group nested in it is open: one look in an index
 * for each group in each gathered write, however many members it has.
 *
 *   member final ──▶ any other open? ──no──▶ callback inserted ──▶ group `closed` ──▶ the same for the group it is nested in
 *
 * Coordinators may race here, and die between any two of these writes. The callback's id is made of the group's, so it
 * is made once; the sweep (sweep.ts) looks at every open group again, and finishes what it finds over. A nested group's
 * callback is a member of the outer group, inserted before the nested group is closed: the outer one never sees a
 * moment without an open member.
 */
import { isFinal, type FinalState } from '../../core/states.js'
import type { Deps, GroupClosing } from '../deps.js'
import { gatherWrites } from '../gatherWrites.js'
import { repeated } from '../repeatedWrite.js'
import type { GroupDocument } from '../store/documents.js'
import { isOutage } from '../store/outage.js'
import { callbackId } from '../ids.js'
import { untilAnswered } from '../untilAnswered.js'
import { cancelCallback, cancelOpenMembers } from './cancel.js'
import { makeCallback } from './callback.js'

export function createGroupClosing(get: () => Deps): GroupClosing {
  /** Members that become final in one write ask once for their group, and one of them hears that it is over. */
  const isOver = gatherWrites<string, boolean>({
    write: async (ids) => {
      const distinct = [...new Set(ids)]
      const open = await Promise.all(distinct.map((id) => get().store.groups.hasOpenMembers(id)))
      const over = new Set(distinct.filter((_, index) => !open[index]))
      return ids.map((id) => over.delete(id))
    },
    maxItems: 10_000,
  })
  const cancelling = new Set<string>()

  const ends: GroupClosing = {
    async memberFinal({ group, policy }, state) {
      const look = async () => {
        if (state === 'failed' && policy === 'cancelRest') await ends.cancelRest(group)
        await ends.closeIfOver(group)
      }
      const deps = get()
      const failed = (error: unknown) =>
        deps.log('error', 'a group could not be looked after; the sweep will', { group, error })
      try {
        await look()
      } catch (error) {
        // the caller that moved the member waits no longer
        if (isOutage(error)) untilAnswered(deps, look, { signal: deps.halted }).catch(failed)
        else failed(error)
      }
    },
    async cancelRest(id) {
      // the one that began goes on until nothing is open, and closes the group then
      if (cancelling.has(id)) return
      cancelling.add(id)
      try {
        await cancelOpenMembers(get(), id)
      } finally {
        cancelling.delete(id)
      }
    },
    async closeIfOver(id) {
      if (await isOver(id)) await close(get(), id)
    },
  }
  return ends
}

/** How long a closed group is shown. */
const keepClosedMs = 30 * 86_400_000

/** The second look decides: the coordinator that closed it meanwhile, or is still writing it, does the rest. */
async function close(deps: Deps, id: string): Promise<void> {
  const now = deps.clock.now()
  const group = await deps.store.groups.find(id)
  if (!group || group.state !== 'open' || group.atomicRequest !== undefined) return
  if (group.cancelled && (await cancelCallback(deps, id))) return finish(deps, group, { thenJob: callbackId(id) })
  if (!group.then || group.cancelled) {
    const outcome = await outcomeOf(deps, group)
    if (outcome) await finish(deps, group, { outcome })
    return
  }

  const made = await makeCallback(deps, group, group.then, now)
  if (made.kind === 'made') return finish(deps, group, { thenJob: made.id })
  if (made.kind === 'stuck') {
    if (group.problem?.code !== made.problem.code) {
      const { code, message } = made.problem
      deps.log('error', 'the callback of a group cannot be made', {
        group: id,
        worker: group.then.worker,
        code,
        message,
      })
    }
    await deps.store.groups.setProblem(id, made.problem)
    deps.events.emit('groupOver', { id })
  }
}

/**
 * Undefined where a member is not final: an operator has retried it since, and its next end looks again. Each member
 * counts as it was seen in one read.
 */
async function outcomeOf({ store }: Deps, { _id: id, cancelled }: GroupDocument): Promise<FinalState | undefined> {
  if (cancelled) return 'cancelled'
  const counts = await store.groups.countStates(id)
  if (!counts.every(({ state }) => isFinal(state))) return undefined
  const ends = new Set([...counts.map(({ state }) => state), ...(await store.groups.outcomesNestedIn(id))])
  if (ends.has('failed')) return 'failed'
  return ends.has('cancelled') ? 'cancelled' : 'succeeded'
}

async function finish(
  deps: Deps,
  group: GroupDocument,
  how: { thenJob?: string; outcome?: FinalState },
): Promise<void> {
  const { _id: id, parent } = group
  const now = deps.clock.now()
  const expireAt = new Date(now.getTime() + keepClosedMs)
  const { outcome: closed, lost } = await repeated(deps, () =>
    deps.store.groups.close(id, { now, ...how, ...(parent === undefined ? { expireAt } : {}) }),
  )
  // the coordinator that closed or cancelled it meanwhile does the rest; where an answer was lost, that may be we, and
  // the rest does no harm twice
  if (!closed && how.outcome !== undefined && lost === undefined) return
  if (how.thenJob !== undefined) {
    // another caller cancelled the group while its callback was made, and may have closed it without one
    const isCancelled = closed ? closed.cancelled : await deps.store.groups.takeCallback(id, how.thenJob)
    if (isCancelled) await cancelCallback(deps, id)
  }
  deps.events.emit('groupOver', { id })
  if (parent === undefined) return
  // a callback that was quick has ended already, while this group still kept the outer one open
  if (how.outcome === undefined) return deps.groups.closeIfOver(parent)
  const outer = await deps.store.groups.find(parent)
  if (outer) await deps.groups.memberFinal({ group: parent, policy: outer.policy }, how.outcome)
}
