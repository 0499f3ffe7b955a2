/** Groups, as callers are shown them. */
import { z } from 'zod'
import { jobStates } from '../states.js'
import { groupPolicies, groupStates } from '../views/groupTypes.js'
import { count, issue, nextCursor, time } from './fields.js'
import { jobRow } from './jobs.js'

const state = z.enum(groupStates)

const endFields = {
  id: z.string(),
  state,
  then: z
    .strictObject({ worker: z.string(), jobId: z.string().exactOptional() })
    .exactOptional()
    .describe('The callback, and its job once the group is closed.'),
  problem: z
    .strictObject({ code: z.string(), message: z.string(), issues: z.array(issue).exactOptional() })
    .exactOptional()
    .describe('Why its callback cannot be made.'),
  closedAt: time.exactOptional(),
}

const total = count.describe('Its members; a nested group counts as one.')

export const groupView = z
  .strictObject({
    ...endFields,
    policy: z.enum(groupPolicies),
    total,
    open: count.describe('Members that still keep it open.'),
    counts: z
      .partialRecord(z.enum(jobStates), count)
      .describe(
        'How many of its jobs are in each state, callbacks of nested groups included; states without a job are left out.',
      ),
    groups: z.array(z.strictObject({ id: z.string(), state, total: count })).describe('The groups nested in it.'),
    parentId: z.string().exactOptional().describe('The group it is nested in.'),
    createdAt: time,
  })
  .meta({ id: 'GroupView' })

/** A group when it was made just now. */
export const groupMade = z.strictObject({ id: z.string(), state, total }).meta({ id: 'GroupMade' })

/** A group that was acted upon. */
export const groupState = z.strictObject({ id: z.string(), state }).meta({ id: 'GroupStateView' })

/** The answer to a wait for a group's end. */
export const groupEnd = z.strictObject(endFields).meta({ id: 'GroupEnd' })

export const groupJobPage = z
  .strictObject({ jobs: z.array(jobRow).describe('In the order in which they were given.'), cursor: nextCursor })
  .meta({ id: 'GroupJobPage' })
