/** Schedules: made in code (a worker's `schedule` option) or at run time. */
import { cronProblem, nextTick } from '../core/cron.js'
import { ErrandError } from '../core/errors.js'
import { versionField } from '../core/migrate.js'
import { encodePayload } from '../core/payload.js'
import type { ParsedScheduleRequest, ScheduleView } from '../core/wire.js'
import type { Deps } from './deps.js'
import { checkArgs } from './enqueue.js'
import { checkTimezone } from './time.js'

/** Ids that begin so belong to schedules made in code. */
const codePrefix = 'code:'

/** Creates a schedule or gives the one of that id a new rule. Throws `INVALID_TIME`, `UNKNOWN_WORKER`, `INVALID_ARGS`, `BAD_REQUEST`. */
export async function putSchedule(
  deps: Deps,
  request: ParsedScheduleRequest,
): Promise<{ scheduleId: string; nextRunAt: Date | null }> {
  if (request.id?.startsWith(codePrefix)) {
    throw new ErrandError(
      'BAD_REQUEST',
      `Schedule ids that begin with "${codePrefix}" belong to schedules made in code. Choose another id.`,
    )
  }
  const contract = await deps.contracts.get(request.worker)
  const timezone = request.timezone ?? 'UTC'
  checkCron(request.cron, timezone)
  const { json, meta, version } = await checkArgs(contract, request.args, request.argsMeta)

  const now = deps.clock.now()
  const id = request.id ?? deps.newId()
  const nextRunAt = nextTick(request.cron, timezone, now) ?? null
  const rule = {
    worker: request.worker,
    args: json,
    ...(meta === undefined ? {} : { argsMeta: meta }),
    ...versionField(version),
    ...(request.priority === undefined ? {} : { priority: request.priority }),
  }
  await deps.store.schedules.put(id, { ...rule, cron: request.cron, timezone, source: 'api' }, nextRunAt, now)
  const stored = await deps.store.schedules.find(id)
  if (stored?.nextRunAt) deps.events.emit('ticking', stored.nextRunAt)
  return { scheduleId: id, nextRunAt: stored?.nextRunAt ?? nextRunAt }
}

function checkCron(cron: string, timezone: string): void {
  checkTimezone(timezone)
  const problem = cronProblem(cron, timezone)
  if (problem !== undefined) {
    throw new ErrandError('INVALID_TIME', problem, {
      issues: [{ path: ['cron'], code: 'invalid_cron', message: problem }],
    })
  }
}

/** Throws `UNKNOWN_SCHEDULE`, and `WRONG_STATE` for one made in code, which would come back at the next start. */
export async function removeSchedule(deps: Deps, id: string): Promise<void> {
  const schedule = await deps.store.schedules.find(id)
  if (!schedule) throw new ErrandError('UNKNOWN_SCHEDULE', `There is no schedule "${id.slice(0, 200)}".`)
  if (schedule.source === 'code') {
    throw new ErrandError(
      'WRONG_STATE',
      `The schedule "${id}" is made in code. Remove \`schedule\` from ${schedule.worker} and deploy.`,
    )
  }
  await deps.store.schedules.remove(id)
}

export async function listSchedules(deps: Deps): Promise<ScheduleView[]> {
  const schedules = await deps.store.schedules.list()
  return schedules.map(({ _id, args, argsMeta, nextRunAt, lastRunAt, createdAt, ...rule }) => ({
    id: _id,
    worker: rule.worker,
    cron: rule.cron,
    timezone: rule.timezone,
    args: JSON.parse(args) as unknown,
    ...(argsMeta === undefined ? {} : { argsMeta: JSON.parse(argsMeta) as unknown }),
    ...versionField(rule.argsVersion),
    ...(rule.priority === undefined ? {} : { priority: rule.priority }),
    nextRunAt: nextRunAt?.toISOString() ?? null,
    lastRunAt: lastRunAt?.toISOString() ?? null,
    source: rule.source,
    createdAt: createdAt.toISOString(),
  }))
}

/** At start: the schedules made in code take effect, and those that are there no more end. */
export async function reconcileSchedules(deps: Deps): Promise<void> {
  const ids: string[] = []
  for (const worker of deps.contracts.scheduled) {
    const { schedule, version } = await deps.contracts.get(worker)
    if (!schedule) continue
    const now = deps.clock.now()
    const id = `${codePrefix}${worker}`
    const { json, meta } = encodePayload(schedule.args)
    await deps.store.schedules.put(
      id,
      {
        worker,
        args: json,
        ...(meta === undefined ? {} : { argsMeta: meta }),
        ...versionField(version),
        cron: schedule.cron,
        timezone: schedule.timezone,
        source: 'code',
      },
      nextTick(schedule.cron, schedule.timezone, now) ?? null,
      now,
    )
    ids.push(id)
  }
  await deps.store.schedules.removeFromCodeExcept(ids)
}
