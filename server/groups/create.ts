/**
 * Creates a group: all its jobs, nested ones too, come together or not at all (server/jobs/atomic), and the groups' own
 * documents with them. Nothing of it can end before all of it is there, because a group that is still being written is
 * never closed.
 */
import type { GroupMade } from '../../core/views/answers.gen.js'
import type { Contract } from '../../core/job/contract.js'
import { ErrandError, type Issue } from '../../core/errors.js'
import {
  groupDepthLimit,
  groupMembersLimit,
  nestedGroup,
  type ParsedCallback,
  type ParsedGroupRequest,
} from '../../core/requests/groups.js'
import type { GroupSummary } from '../../core/views/groupTypes.js'
import { migrated, versionField } from '../../core/job/migrate.js'
import { checkWorker, type Asker } from '../access/auth.js'
import { argsTexts, restoreArgs, type GivenArgs } from '../jobs/checkArgs.js'
import type { Deps } from '../deps.js'
import { issuesOf, judge, mostIssuesOf, parse, type FoundIssues } from '../jobs/judge.js'
import type { CallbackDocument, GroupDocument } from '../store/documents.js'
import {
  addIssue,
  addIssues,
  checkEach,
  insertAtomic,
  noIssues,
  refused,
  type Place,
  type PlacedItem,
  type PlacedJob,
} from '../jobs/atomic.js'
import { memberFields } from './callback.js'

/** A request, laid out flat. */
interface Plan {
  asker: Asker
  groups: GroupDocument[]
  /** Jobs, and which group each is a member of. */
  items: (PlacedItem & { group: GroupDocument })[]
  found: FoundIssues
}

/**
 * Every member is a job of its own: one whose key is taken is refused. Throws `ATOMIC_REFUSED` with issues that name
 * the items, and nothing was written.
 */
export async function createGroup(deps: Deps, request: ParsedGroupRequest, asker: Asker): Promise<GroupMade> {
  const plan: Plan = { asker, groups: [], items: [], found: noIssues() }
  const outermost = await layOut(deps, plan, { ...request, members: request.jobs }, { place: ['jobs'], at: [] })
  const placed = await checkEach(deps, plan.items, asker, plan.found)
  for (const item of placed) if (item?.job.givenId) addIssue(plan.found, idGiven(item))
  if (plan.found.count > 0) throw refused(plan.found, plan.items.length + plan.groups.length - 1)

  const members = placed.map((item, index): PlacedJob => ({
    ...item,
    job: { ...item.job, ...memberFields(plan.items[index]!.group) },
  }))
  await insertAtomic(deps, members, {
    mayExist: false,
    begin: (atomicRequest) => deps.store.groups.insertMany(plan.groups.map((group) => ({ ...group, atomicRequest }))),
  })
  // some may be over: without members, or with members that were quicker than the last write. The innermost first.
  for (const { _id } of plan.groups.toReversed()) await deps.groups.closeIfOver(_id)
  const { _id: id, total } = outermost
  return { id, state: 'open', total }
}

/** Members stand in the order of their ids, which the coordinator makes. */
const idGiven = ({ place }: PlacedJob): Issue => ({
  path: [...place, 'id'],
  code: 'id_given',
  message: 'is not for members of a group',
})

interface Layer extends Pick<ParsedGroupRequest, 'then' | 'policy'> {
  members: readonly unknown[]
}

interface Where {
  /** Of the list of members, and of the group itself. */
  place: Place
  at: Place
  parent?: GroupDocument
  depth?: number
}

async function layOut(
  deps: Deps,
  plan: Plan,
  { then, policy, members }: Layer,
  { place, at, parent, depth = 1 }: Where,
): Promise<GroupDocument> {
  const id = deps.newId()
  const group: GroupDocument = {
    _id: id,
    root: parent?.root ?? id,
    ...(parent ? { parent: parent._id } : {}),
    policy,
    total: members.length,
    ...(then ? { then: await callbackAt(deps, plan, then, members.length, [...at, 'then']) } : {}),
    state: 'open',
    createdAt: deps.clock.now(),
  }
  plan.groups.push(group)
  if (depth > groupDepthLimit) addIssue(plan.found, tooManyLevels(at))
  else await layOutMembers(deps, plan, members, { place, at, parent: group, depth })
  return group
}

async function layOutMembers(
  deps: Deps,
  plan: Plan,
  members: readonly unknown[],
  { place, parent: group, depth }: Required<Where>,
): Promise<void> {
  for (const [index, item] of members.entries()) {
    if (plan.items.length + plan.groups.length > groupMembersLimit) throw tooMany()
    const at = [...place, index]
    if (!isNested(item)) {
      plan.items.push({ item, place: at, group })
      continue
    }
    const nested = nestedAt(plan, item, at)
    if (!nested) continue
    const { group: members, ...layer } = nested
    await layOut(deps, plan, { ...layer, members }, { place: [...at, 'group'], at, parent: group, depth: depth + 1 })
  }
}

/** Undefined where it cannot be read; what is wrong with it is told with the rest. */
function nestedAt(plan: Plan, item: unknown, at: Place) {
  try {
    return parse(nestedGroup, item, mostOfOne)
  } catch (error) {
    addIssues(plan.found, at, error)
    return undefined
  }
}

/** There may be as many of them as members. */
const mostOfOne = mostIssuesOf(groupMembersLimit)

const isNested = (item: unknown): item is { group: unknown } =>
  typeof item === 'object' && item !== null && 'group' in item

/** Those of nested groups too, before anything is checked. */
export const countJobs = (members: readonly unknown[], depth = 1): number =>
  members.reduce<number>((count, item) => {
    const inner = isNested(item) && Array.isArray(item.group) && depth < groupDepthLimit ? item.group : undefined
    return count + (inner ? countJobs(inner, depth + 1) : 1)
  }, 0)

const tooManyLevels = (path: Place): Issue => ({
  path,
  code: 'too_deep',
  message: `Groups can be nested ${groupDepthLimit} deep, the outermost included`,
})

const tooMany = (): ErrandError =>
  new ErrandError('BAD_REQUEST', `A group holds up to ${groupMembersLimit} members in all, nested ones included.`)

/** As it is kept. Its problems are told with the other issues. */
async function callbackAt(
  deps: Deps,
  plan: Plan,
  { worker, args, argsMeta, priority }: ParsedCallback,
  total: number,
  place: Place,
): Promise<CallbackDocument> {
  const kept = { worker, args: '{}', ...(priority === undefined ? {} : { priority }) }
  try {
    checkWorker(plan.asker, worker)
    const contract = await deps.contracts.get(worker)
    const { json, meta } = argsTexts(contract, { args, argsMeta }, { maxBytes: deps.maxJobBytes })
    await checkCallback(contract, { args, argsMeta }, total)
    return { ...kept, args: json, ...(meta === undefined ? {} : { argsMeta: meta }), ...versionField(contract.version) }
  } catch (error) {
    addIssues(plan.found, place, error)
    return kept
  }
}

/**
 * Whether the worker will take its args and a summary, as far as that can be known before there is one: it would be a
 * pity to hear of a misspelt field when ten thousand jobs have run. A schema's verdict on the summary's inside is left
 * for its time.
 */
async function checkCallback(contract: Contract, given: GivenArgs, total: number): Promise<void> {
  const { worker, version } = contract
  const sample: GroupSummary = {
    id: 'sample',
    total,
    succeeded: total,
    failed: 0,
    cancelled: 0,
    members: [],
    truncated: 'members',
  }
  const restored = restoreArgs(worker, given) as object
  const args = migrated(contract, { ...restored, group: sample }, version)
  const verdict = await judge(contract.args, args, { most: mostOfOne, isMeant: isCertain })
  if (verdict.fits) return
  const { issues, ...found } = verdict.found
  const unfit = issues.map((issue) => ({
    ...issue,
    message: `${issue.message}. A callback's args are its own, and the summary as \`group\``,
  }))
  throw new ErrandError('INVALID_ARGS', `The args do not fit ${worker}.`, issuesOf({ ...found, issues: unfit }))
}

/** Not about the inside of the summary, nor a refinement of the whole, which may look at it. */
function isCertain({ path, code }: { path: PropertyKey[]; code: string }): boolean {
  if (path.length === 0) return code !== 'custom'
  return path[0] !== 'group' || (path.length === 1 && (code === 'invalid_type' || code === 'unrecognized_keys'))
}
