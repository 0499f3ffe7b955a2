/**
 * The audit: an entry for each action of an operator or a deploy, however it ends.
 *
 * The entry is written before the action, as `begun`, and its outcome after it. So nothing is ever done without an
 * entry: where the first write fails the action is refused, and where the coordinator dies in between, `begun` stays
 * and tells that the end is not known. Where only the second write fails the action has happened all the same; its
 * caller gets the answer, and the log an error.
 */
import type { AuditPage } from '../../core/views/answers.gen.js'
import type { z } from 'zod'
import type { AuditTarget, listAuditRequest } from '../../core/requests/audit.js'
import { ErrandError } from '../../core/errors.js'
import type { Role } from '../../core/roles.js'
import { actorOf, type Actor, type Guard, type Identity } from './auth.js'
import type { Deps } from '../deps.js'
import { firstIdAt } from '../ids.js'
import { repeat } from '../repeatedWrite.js'
import type { AuditDocument } from '../store/documents.js'
import { isOutage } from '../store/outage.js'

/** How long entries are kept. */
const auditKeptMs = 90 * 86_400_000

/** At most so much of a refused caller's body is read: enough to say which thing it was about. */
export const mostOfRefused = 16 * 1024

export interface Action {
  /** The procedure, such as `jobs.cancel`, by either door. */
  action: string
  /**
   * Reads the input, parsed or not; only known fields of it are written down. Called once the caller is known. Of a
   * refused caller's input no more than `mostBytes` are worth reading.
   */
  input: (mostBytes?: number) => Promise<unknown>
  /** Who may do it beside operators. Default: none. */
  roles?: readonly Role[]
}

/**
 * Acts as one who may, between the two halves of an entry. Throws `UNAUTHORIZED`, and `FORBIDDEN`, which leaves an
 * entry of its own. `outcomeOf` is for actions that answer with their failure instead of throwing it.
 */
export async function operateAudited<Answer>(
  deps: Deps,
  guard: Guard,
  identity: Identity,
  action: Action,
  act: (actor: Actor) => Promise<Answer>,
  outcomeOf: (answer: Answer) => string = () => 'ok',
): Promise<Answer> {
  const actor = await requireRole(deps, guard, identity, action)
  const entry = entryOf(deps, actor, action, await action.input(), 'begun')
  await repeat(deps, () => deps.store.audit.insert(entry))
  const finish = async (outcome: string) => {
    try {
      await repeat(deps, () => deps.store.audit.finish(entry._id, outcome))
    } catch (error) {
      const fields = { entry: entry._id, action: entry.action, outcome, error }
      deps.log('error', 'the outcome of an action could not be written to the audit', fields)
    }
  }
  try {
    const answer = await act(actor)
    await finish(outcomeOf(answer))
    return answer
  } catch (error) {
    await finish(codeOf(error))
    throw error
  }
}

/** Who is known and may not do it is written down; strangers are not, for they could fill the database. */
async function requireRole(deps: Deps, guard: Guard, identity: Identity, action: Action): Promise<Actor> {
  try {
    return guard.require(identity, action.roles ?? [])
  } catch (error) {
    const [known] = identity.actors
    if (known) {
      const input = await action.input(mostOfRefused).catch(() => undefined)
      await deps.store.audit.insert(entryOf(deps, known, action, input, codeOf(error)))
    }
    throw error
  }
}

/** `UNAVAILABLE` says that it may have happened: the database was away, and its answer lost. */
export const codeOf = (error: unknown): string =>
  error instanceof ErrandError ? error.code : isOutage(error) ? 'UNAVAILABLE' : 'INTERNAL'

const entryOf = (deps: Deps, actor: Actor, { action }: Action, input: unknown, outcome: string): AuditDocument => ({
  _id: deps.newId(),
  at: deps.clock.now(),
  by: actorOf({ actor }),
  action,
  target: targetOf(input),
  outcome,
})

/** Fields that say which thing an action is about. Any other field may be payload, and is left out. */
const things = [
  'all',
  'id',
  'name',
  'worker',
  'workers',
  'parent',
  'group',
  'groupId',
  'scheduleId',
  'tag',
  'tags',
  'role',
]
const filters = [
  'state',
  'states',
  'code',
  'errorCode',
  'before',
  'after',
  'createdBefore',
  'createdAfter',
  'olderThan',
]
const ways = ['reason', 'until', 'limit', 'dryRun', 'priority']
const shown: ReadonlySet<string> = new Set([...things, ...filters, ...ways])
const longestText = 200
const mostTexts = 20

/** Flat: `filter: { worker }` becomes `worker`. Of a list of ids only their number is kept. */
export function targetOf(input: unknown, isFilter = false): AuditTarget {
  if (typeof input !== 'object' || input === null) return {}
  const target: AuditTarget = {}
  for (const [field, value] of Object.entries(input)) {
    // a filter holds no other one, but a body that is not read yet may
    if (field === 'filter' && !isFilter) Object.assign(target, targetOf(value, true))
    else if (field === 'ids' && Array.isArray(value)) target['ids'] = value.length
    else if (shown.has(field)) {
      const plain = plainValue(value)
      if (plain !== undefined) target[field] = plain
    }
  }
  return target
}

function plainValue(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value === 'string') return value.slice(0, longestText)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString()
  if (!Array.isArray(value)) return undefined
  const texts = value.filter((item) => typeof item === 'string').slice(0, mostTexts)
  return texts.join(', ').slice(0, longestText)
}

export async function listAudit(
  deps: Deps,
  { action, by, limit, cursor }: z.output<typeof listAuditRequest>,
): Promise<AuditPage> {
  const found = await deps.store.audit.list({ action, by, before: cursor, limit: limit + 1 })
  const page = found.slice(0, limit)
  return {
    entries: page.map(({ _id, at, by, action, target, outcome }) => ({
      id: _id,
      at: at.toISOString(),
      by,
      action,
      target,
      outcome,
    })),
    cursor: found.length > limit ? page.at(-1)!._id : null,
  }
}

/** Entries past their time go. */
export const purgeAudit = (deps: Deps): Promise<void> =>
  deps.store.audit.removeBefore(firstIdAt(new Date(deps.clock.now().getTime() - auditKeptMs)))
