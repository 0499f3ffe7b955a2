/**
 * Actions on schedules by hand: look, look ahead, change, pause, resume, run, remove. One made in code is changed and
 * removed in code, because it would be as it was at the next start; it can be paused all the same, and stays so through
 * deploys.
 *
 * A pause leaves its occurrences out: those that come while it lasts, and one that is due and not made when it begins.
 * Resuming goes on with the first occurrence after now; occurrences that were waiting for the end of a job wait on.
 */
import type { Enqueued, SchedulePreview, ScheduleList, ScheduleView } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import { versionField } from '../../core/job/migrate.js'
import { previewOf } from '../../core/time/preview.js'
import { checkRule } from '../../core/time/scheduleRule.js'
import type { ParsedPreviewRequest, ParsedScheduleChange } from '../../core/requests/schedules.js'
import { nextOccurrence } from '../../core/time/occurrences.js'
import type { Deps } from '../deps.js'
import { disclosureOf, disclosuresOf, type Viewer } from '../access/disclosure.js'
import { checkArgs } from '../jobs/checkArgs.js'
import { insert } from '../jobs/enqueue.js'
import { redefine } from './define.js'
import { scheduleView } from './view.js'
import { repeat } from '../repeatedWrite.js'
import type { ScheduleDocument } from '../store/documents.js'
import { definitionIn, type ScheduleDefinition } from '../store/schedules.js'
import { occurrencesOf } from './fire.js'
import { jobOf } from './occurrenceJob.js'
import { uniqueRuleOf } from '../flowControl/unique.js'

/**
 * Where the args of all are more than an answer should hold, those of the last ones are hidden; `getSchedule` shows
 * them.
 */
export async function listSchedules(deps: Deps, viewer: Viewer): Promise<ScheduleList> {
  const schedules = await deps.store.schedules.list(!viewer.seesArgs)
  const disclosures = await disclosuresOf(
    deps.contracts,
    schedules.map(({ worker }) => worker),
    viewer,
  )
  return { schedules: schedules.map((schedule) => scheduleView(schedule, disclosures(schedule.worker))) }
}

/** Throws `UNKNOWN_SCHEDULE`, as all that follow do. */
export async function getSchedule(deps: Deps, id: string, viewer: Viewer): Promise<ScheduleView> {
  const schedule = await findSchedule(deps, id)
  return scheduleView(schedule, await disclosureOf(deps.contracts, schedule.worker, viewer))
}

/** When a schedule fires, or a rule that is not stored would. Throws `INVALID_TIME`. */
export async function previewSchedule(
  deps: Deps,
  { id = '', from = deps.clock.now(), count, ...rule }: ParsedPreviewRequest,
): Promise<SchedulePreview> {
  if (rule.cron !== undefined || rule.every !== undefined) return previewOf(rule, { id, from, count })
  const schedule = await findSchedule(deps, id)
  return previewOf(schedule, { id, since: schedule.createdAt, from, count })
}

/**
 * Changes a part of a schedule. Throws `INVALID_TIME`, `INVALID_ARGS`, `UNKNOWN_WORKER`, and `WRONG_STATE` for one made
 * in code.
 */
export function updateSchedule(
  deps: Deps,
  id: string,
  change: ParsedScheduleChange,
  viewer: Viewer,
): Promise<ScheduleView> {
  return untilWritten(deps, id, viewer, async (schedule) => {
    refuseCode(schedule, `Change \`schedule\` of ${schedule.worker} and deploy.`)
    const definition = await changedDefinition(deps, schedule, change)
    checkRule(definition)
    return redefine(deps, schedule, definition)
  })
}

async function changedDefinition(
  deps: Deps,
  schedule: ScheduleDocument,
  { args, argsMeta, ...fields }: ParsedScheduleChange,
): Promise<ScheduleDefinition> {
  const { args: oldArgs, argsMeta: oldMeta, argsVersion: oldVersion, ...old } = definitionIn(schedule)
  const kept = { args: oldArgs, argsMeta: oldMeta, argsVersion: oldVersion }
  const rhythm = fields.cron === undefined && fields.every === undefined ? {} : { cron: undefined, every: undefined }
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const changed = {
    ...old,
    ...(args === undefined ? kept : await checkedArgs(deps, schedule.worker, args, argsMeta)),
    ...rhythm,
    ...Object.fromEntries(given.map(([field, value]) => [field, value ?? undefined])),
  }
  return { ...changed, timezone: changed.timezone ?? 'UTC' } as ScheduleDefinition
}

async function checkedArgs(deps: Deps, worker: string, args: unknown, argsMeta: unknown) {
  const contract = await deps.contracts.get(worker)
  const { json, meta, version } = await checkArgs(contract, { args, argsMeta }, { maxBytes: deps.maxJobBytes })
  return { args: json, argsMeta: meta, ...versionField(version) }
}

/** One that is paused already stays as it is. */
export function pauseSchedule(deps: Deps, id: string, viewer: Viewer): Promise<ScheduleView> {
  return untilWritten(deps, id, viewer, async (schedule) => {
    if (schedule.pausedAt) return schedule
    const pausedAt = deps.clock.now()
    const written = await repeat(deps, () => deps.store.schedules.setPaused(schedule, pausedAt, null))
    return written ? { ...schedule, pausedAt, nextRunAt: null } : undefined
  })
}

/** One that is not paused stays as it is. */
export function resumeSchedule(deps: Deps, id: string, viewer: Viewer): Promise<ScheduleView> {
  return untilWritten(deps, id, viewer, async ({ pausedAt, ...schedule }) => {
    if (!pausedAt) return schedule
    const now = deps.clock.now()
    const nextRunAt = nextOccurrence(occurrencesOf(schedule), now) ?? null
    const written = await repeat(deps, () => deps.store.schedules.setPaused(schedule, undefined, nextRunAt))
    // now: occurrences may be waiting that need not wait any longer
    if (written) deps.events.emit('scheduleDue', now)
    return written ? { ...schedule, nextRunAt } : undefined
  })
}

/**
 * Makes a job at once, also of a paused one; its occurrences stay as they are. Throws `UNKNOWN_WORKER`, `INVALID_ARGS`,
 * `KEY_TAKEN`.
 */
export async function runSchedule(deps: Deps, id: string): Promise<Enqueued> {
  const schedule = await findSchedule(deps, id)
  const contract = await deps.contracts.get(schedule.worker)
  const now = deps.clock.now()
  const job = await jobOf(deps, schedule, { id: deps.newId(), runAt: now, now })
  return insert(deps, uniqueRuleOf(contract), job)
}

/** Throws `WRONG_STATE` for one made in code. */
export async function removeSchedule(deps: Deps, id: string): Promise<{ id: string; removed: true }> {
  const schedule = await findSchedule(deps, id)
  refuseCode(schedule, `Remove \`schedule\` from ${schedule.worker} and deploy, or pause it.`)
  await repeat(deps, () => deps.store.schedules.remove(id))
  return { id, removed: true }
}

/** Looks again where the schedule changed between look and write. */
async function untilWritten(
  deps: Deps,
  id: string,
  viewer: Viewer,
  change: (schedule: ScheduleDocument) => Promise<ScheduleDocument | undefined>,
): Promise<ScheduleView> {
  for (;;) {
    const written = await change(await findSchedule(deps, id))
    if (!written) continue
    if (written.nextRunAt) deps.events.emit('scheduleDue', written.nextRunAt)
    return scheduleView(written, await disclosureOf(deps.contracts, written.worker, viewer))
  }
}

async function findSchedule(deps: Deps, id: string): Promise<ScheduleDocument> {
  const schedule = await deps.store.schedules.find(id)
  if (!schedule) throw new ErrandError('UNKNOWN_SCHEDULE', `There is no schedule "${id.slice(0, 200)}".`)
  return schedule
}

function refuseCode({ _id, source }: ScheduleDocument, instead: string): void {
  if (source === 'code') throw new ErrandError('WRONG_STATE', `The schedule "${_id}" is made in code. ${instead}`)
}
