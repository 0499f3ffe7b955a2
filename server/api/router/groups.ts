/** Shows, awaits, cancels and retries groups. */
import { longestWaitMs } from '../../../core/limits.js'
import { z } from 'zod'
import { groupIdRequest, groupJobsRequest } from '../../../core/requests/groups.js'
import { cancelGroup } from '../../groups/cancel.js'
import { getGroup, listGroupJobs, retryGroup } from '../../groups/view.js'
import { createRouter, toFollow, toOperate } from './procedure.js'

export const groupsRouter = createRouter({
  get: toFollow.input(groupIdRequest).query(({ ctx, input }) => getGroup(ctx.deps, input.id)),
  jobs: toFollow.input(groupJobsRequest).query(({ ctx, input }) => listGroupJobs(ctx.deps, input, ctx.actor)),
  cancel: toOperate.input(groupIdRequest).mutation(({ ctx, input }) => cancelGroup(ctx.deps, input.id)),
  retry: toOperate.input(groupIdRequest).mutation(({ ctx, input }) => retryGroup(ctx.deps, input.id)),
  /** A long poll: how the group ended, or how it is when the time is over. */
  wait: toFollow
    .input(groupIdRequest.extend({ timeoutMs: z.int().min(0).max(longestWaitMs).default(longestWaitMs) }))
    .query(({ ctx, input }) =>
      ctx.groupWaits.wait(input.id, Math.min(input.timeoutMs, ctx.answers.mostWaitMs), ctx.actor, ctx.signal),
    ),
})
