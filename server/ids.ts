/** Ids that several coordinators make alike, and what an id says. All are of the form that core/job/newIds makes. */
import { createHash } from 'node:crypto'
import { timePart, uuid } from '../core/job/newIds.js'

/**
 * The id of the job that a schedule makes for an occurrence: the same on every coordinator, so only one of them can
 * insert it.
 */
export const occurrenceId = (scheduleId: string, occurrence: Date): string =>
  uuid(occurrence.getTime(), 0, createHash('sha256').update(`${scheduleId}\n${occurrence.toISOString()}`).digest())

/**
 * The id of a group's callback: the same on every coordinator, and as old as the group, so that it stands where the
 * group stood.
 */
export const callbackId = (groupId: string): string =>
  uuid(
    Number.parseInt(groupId.replace('-', '').slice(0, 12), 16),
    0,
    createHash('sha256').update(`${groupId}\ncallback`).digest(),
  )

/** The id of the job that one run of a bulk replay makes of another job: made again, it is the same. */
export const replayId = (run: string, jobId: string): string =>
  uuid(timeOfId(run).getTime(), 0, createHash('sha256').update(`${run}\n${jobId}`).digest())

/** When an id was made; an invalid Date for a text that is none. */
export const timeOfId = (id: string): Date =>
  new Date(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}$/.test(id)
      ? Number.parseInt(id.slice(0, 13).replace('-', ''), 16)
      : Number.NaN,
  )

/** No id of that moment or a later one is smaller. */
export const firstIdAt = (time: Date): string => timePart(Math.max(0, time.getTime()))
