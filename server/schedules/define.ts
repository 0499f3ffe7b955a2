/**
 * Schedules are made in code (a worker's `schedule` option) or at run time, and get new rules in the same ways.
 *
 * A change of the rule neither loses an occurrence nor makes one twice. The moment of the change divides them:
 * occurrences up to it are the old rule's, occurrences after it the new one's. So what is due by the old rule is made
 * first; then the new rule is written, with its first occurrence after now, and only over the rule and the occurrence
 * that were seen. A coordinator that fires meanwhile has moved the schedule on, and the change begins again; one that
 * read the old rule and comes later matches nothing. A change that leaves the occurrences as they are (other args,
 * another priority) leaves the next one due, also where it is late.
 */
import type { Scheduled } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import { versionField } from '../../core/job/migrate.js'
import { encodePayload } from '../../core/payload/payload.js'
import { matchesWorker } from '../../core/roles.js'
import { checkRule, occurrenceRule, timingFields, type ScheduleRule } from '../../core/time/scheduleRule.js'
import type { ParsedScheduleRequest } from '../../core/requests/schedules.js'
import { nextOccurrence } from '../../core/time/occurrences.js'
import { checkWorker, type Asker } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { checkArgs } from '../jobs/checkArgs.js'
import { repeat } from '../repeatedWrite.js'
import type { ScheduleDocument } from '../store/documents.js'
import { isSameDefinition, type ScheduleDefinition } from '../store/schedules.js'
import { fire, occurrencesOf } from './fire.js'

/** Ids that begin so belong to schedules made in code. */
const codePrefix = 'code:'

/**
 * Creates a schedule or gives the one of that id a new rule. Throws `FORBIDDEN`, also where the one of that id is
 * another worker's that the caller may not enqueue, `INVALID_TIME`, `UNKNOWN_WORKER`, `INVALID_ARGS`, `BAD_REQUEST`.
 */
export async function putSchedule(deps: Deps, request: ParsedScheduleRequest, asker: Asker): Promise<Scheduled> {
  const { id = deps.newId(), worker, args, argsMeta, priority, ...rule } = request
  if (id.startsWith(codePrefix)) {
    throw new ErrandError(
      'BAD_REQUEST',
      `Schedule ids that begin with "${codePrefix}" belong to schedules made in code. Choose another id.`,
    )
  }
  checkWorker(asker, worker)
  const contract = await deps.contracts.get(worker)
  checkRule(rule)
  const { json, meta, version } = await checkArgs(contract, { args, argsMeta }, { maxBytes: deps.maxJobBytes })
  const definition = definitionOf({ worker, json, meta, version, priority, rule, source: 'api' })
  const schedule = await define(deps, id, definition, asker)
  return { scheduleId: id, nextRunAt: schedule.nextRunAt }
}

/** Deployed code may make jobs of any worker. */
const code: Asker = { workers: undefined }

/**
 * At start and after a switch: the schedules made in code take effect, and those that are there no more end. `isLive`
 * tells whether the contracts that this goes by are still the ones that all go by.
 */
export async function reconcileSchedules(deps: Deps, isLive: () => Promise<boolean> = async () => true): Promise<void> {
  const ids: string[] = []
  for (const worker of deps.contracts.scheduled) {
    const { schedule, version } = await deps.contracts.get(worker)
    if (!schedule) continue
    const { rule, args, priority } = schedule
    const id = `${codePrefix}${worker}`
    const encoded = encodePayload(args)
    const definition = definitionOf({ worker, ...encoded, version, priority, rule, source: 'code' })
    await define(deps, id, definition, code)
    ids.push(id)
  }
  await endOthers(deps, new Set(ids), isLive)
}

/**
 * Another deployment may go live at any moment, and make a schedule that ours does not know. So whether ours is live is
 * asked behind the look: what was there then was made by it or by one before it, and goes only if it is as it was seen.
 */
async function endOthers({ store }: Deps, ids: ReadonlySet<string>, isLive: () => Promise<boolean>): Promise<void> {
  const others = (await store.schedules.fromCode()).filter(({ _id }) => !ids.has(_id))
  if (others.length === 0 || !(await isLive())) return
  for (const schedule of others) await store.schedules.removeAsSeen(schedule)
}

interface Written {
  worker: string
  json: string
  meta?: string | undefined
  version: number
  priority: number | undefined
  rule: ScheduleRule
  source: 'code' | 'api'
}

function definitionOf({ worker, json, meta, version, priority, rule, source }: Written): ScheduleDefinition {
  const { timezone = 'UTC', ...rest } = rule
  const optional = { argsMeta: meta, priority, ...rest }
  // the database takes what is undefined for a value
  const present = Object.entries(optional).filter(([, value]) => value !== undefined)
  return { worker, args: json, ...versionField(version), timezone, source, ...Object.fromEntries(present) }
}

/** Makes the schedule of that id what it shall be, and answers with it. Nothing happens to one that is so already. */
async function define(deps: Deps, id: string, definition: ScheduleDefinition, asker: Asker): Promise<ScheduleDocument> {
  for (;;) {
    const found = await deps.store.schedules.find(id)
    if (found && !matchesWorker(asker.workers, found.worker)) throw ofAnother(id)
    const defined = found ? await redefine(deps, found, definition) : await create(deps, id, definition)
    if (!defined) continue
    if (defined.nextRunAt) deps.events.emit('scheduleDue', defined.nextRunAt)
    return defined
  }
}

/** Whose it is, not even its worker's name is told. */
const ofAnother = (id: string): ErrandError =>
  new ErrandError(
    'FORBIDDEN',
    `The schedule "${id}" makes jobs of a worker that this API key may not enqueue. Choose another id.`,
  )

async function create(deps: Deps, id: string, definition: ScheduleDefinition): Promise<ScheduleDocument | undefined> {
  const now = deps.clock.now()
  const nextRunAt = nextOccurrence(occurrenceRule(definition, { id, since: now }), now) ?? null
  const schedule = { _id: id, ...definition, createdAt: now, revision: 1, nextRunAt, lastRunAt: null }
  return (await repeat(deps, () => deps.store.schedules.insert(schedule))) ? schedule : undefined
}

/** Answers `undefined` where it has to be looked at anew: an occurrence was due, or another write was faster. */
export async function redefine(
  deps: Deps,
  schedule: ScheduleDocument,
  definition: ScheduleDefinition,
): Promise<ScheduleDocument | undefined> {
  if (isSameDefinition(schedule, definition)) return schedule
  const changed = withDefinition(schedule, definition)
  const now = deps.clock.now()
  if (timingFields.some((field) => schedule[field] !== definition[field])) {
    if (schedule.nextRunAt && schedule.nextRunAt <= now) {
      // a worker that was deployed with its schedule may no longer take the args from before
      const due = schedule.worker === definition.worker ? withTimingOf(schedule, definition) : schedule
      await fire(deps, due, now)
      return undefined
    }
    changed.nextRunAt = schedule.pausedAt ? null : (nextOccurrence(occurrencesOf(changed), now) ?? null)
  }
  const { nextRunAt } = changed
  return (await repeat(deps, () => deps.store.schedules.redefine(schedule, definition, nextRunAt)))
    ? changed
    : undefined
}

/** Nothing of the old definition is left in it. */
function withDefinition(schedule: ScheduleDocument, definition: ScheduleDefinition): ScheduleDocument {
  const { _id, createdAt, revision, pausedAt, nextRunAt, lastRunAt, waiting } = schedule
  const state = { _id, createdAt, revision, nextRunAt, lastRunAt }
  return { ...definition, ...state, ...(pausedAt && { pausedAt }), ...(waiting && { waiting }) }
}

function withTimingOf(schedule: ScheduleDocument, definition: ScheduleDefinition): ScheduleDocument {
  const timing = Object.fromEntries(timingFields.map((field) => [field, schedule[field]]))
  return { ...withDefinition(schedule, definition), ...timing }
}
