/** Groups over the wire: jobs that belong together, and the callback that runs once when all of them are final. */
import { enqueueManyLimit } from '../limits.js'
import { z } from 'zod'
import { groupPolicies } from '../views/groupTypes.js'
import { jobStates } from '../states.js'
import { enqueueRequest, workerName } from './wire.js'

/** Groups in groups in groups. */
export const groupDepthLimit = 5
/** Members in all, nested ones and the nested groups included. */
export const groupMembersLimit = enqueueManyLimit

const callback = z.strictObject({
  worker: workerName,
  /** Plain JSON; the summary is put beside them as `group`. */
  args: z.record(z.string(), z.unknown()).default({}),
  /** superjson's meta for `args`, where they hold what JSON cannot say. */
  argsMeta: z.unknown().optional(),
  /** Higher runs first, from -1000 to 1000. Default: the worker's. */
  priority: z.int().min(-1000).max(1000).optional(),
})

const groupFields = {
  /** The worker that runs once when the group is over, alone or with args of its own. Default: none. */
  then: z
    .union([workerName.transform((worker): z.output<typeof callback> => ({ worker, args: {} })), callback], {
      error: "must be a worker's name, or an object with `worker`, `args` and `priority`",
    })
    .optional(),
  policy: z.enum(groupPolicies).default('continue'),
}

/** Items are checked one by one: each is a job as `POST /job` takes it, or a nested group. */
const nested = z.looseObject({ group: z.array(z.record(z.string(), z.unknown())) })
const member = z.union([enqueueRequest, nested])

export const groupRequest = z.strictObject({
  ...groupFields,
  jobs: z.array(z.unknown().meta({ describedBy: member })).max(groupMembersLimit),
})
export type GroupRequest = z.input<typeof groupRequest>
export type ParsedGroupRequest = z.output<typeof groupRequest>

/** A group as an item of a group: it counts as one member. */
export const nestedGroup = z.strictObject({ ...groupFields, group: z.array(z.unknown()).max(groupMembersLimit) })
export type CallbackRequest = NonNullable<GroupRequest['then']>
export type ParsedCallback = z.output<typeof callback>

export const groupIdRequest = z.strictObject({ id: z.string().min(1).max(100) })

export const groupJobsRequest = groupIdRequest.extend({
  state: z.enum(jobStates).optional(),
  /** How many jobs at the most, 1 to 500. Default 50. */
  limit: z.int().min(1).max(500).default(50),
  /** Where the last page ended. */
  cursor: z.string().max(100).optional(),
})
export type GroupJobsRequest = z.input<typeof groupJobsRequest>
