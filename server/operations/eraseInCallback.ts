/** Takes what was erased of members out of what their group's callback was given of them. */
import { maxDepthAround } from '../../core/payload/depth.js'
import { decodePayload, encodePayload } from '../../core/payload/payload.js'
import type { GroupMember } from '../../core/views/groupTypes.js'
import type { Deps } from '../deps.js'
import { callbackId } from '../ids.js'
import { repeat } from '../repeatedWrite.js'
import type { JobDocument } from '../store/documents.js'

/** Takes results and errors of these members out of the args of their group's callback, as far as it is made. */
export async function eraseInCallback(deps: Deps, group: string, members: readonly string[]): Promise<void> {
  for (;;) {
    const callback = await repeat(deps, () => deps.store.jobs.find(callbackId(group)))
    const args = callback && withoutMembers(callback, new Set(members))
    if (!callback || !args) return
    if (await repeat(deps, () => deps.store.jobs.changeArgs(callback, args))) return
  }
}

/** `undefined` where they hold nothing of them. */
function withoutMembers({ args: json, argsMeta: meta }: JobDocument, erased: ReadonlySet<string>) {
  const args = decodePayload({ json, ...(meta === undefined ? {} : { meta }) }) as {
    group?: { members?: GroupMember[] }
  }
  const { group } = args
  const has = ({ id, result, error }: GroupMember) => erased.has(id) && (result !== undefined || error !== undefined)
  if (!Array.isArray(group?.members) || !group.members.some(has)) return undefined
  const members = group.members.map((member) => {
    if (!erased.has(member.id)) return member
    const { result: _result, error: _error, resultProblem: _problem, ...rest } = member
    return rest
  })
  return encodePayload({ ...args, group: { ...group, members } }, maxDepthAround)
}

/** A member may have been erased just when the callback was put together. Either this sees it, or its erase this. */
export async function eraseErased(deps: Deps, group: string): Promise<void> {
  const erased = await repeat(deps, () => deps.store.groups.erasedMembers(group))
  if (erased.length > 0) await eraseInCallback(deps, group, erased)
}
