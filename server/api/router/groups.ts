/** Shows, awaits, cancels and retries groups. */
import { longestWaitMs } from '../../../core/limits.js'
import { z } from 'zod'
import { groupEnd, groupJobPage, groupMade, groupView } from '../../../core/answers/groups.js'
import { groupIdRequest, groupJobsRequest } from '../../../core/requests/groups.js'
import { cancelGroup } from '../../groups/cancel.js'
import { getGroup, listGroupJobs, retryGroup } from '../../groups/view.js'
import { answer } from './answer.js'
import { createRouter, toFollow, toOperate } from './procedure.js'

export const groupsRouter = createRouter({
  get: toFollow
    .meta({
      http: 'GET /groups/:id',
      about: 'A group: how many of its members are in each state, and what became of its callback',
      errors: ['UNKNOWN_GROUP'],
    })
    .input(groupIdRequest)
    .output(answer(groupView))
    .query(({ ctx, input }) => getGroup(ctx.deps, input.id)),
  jobs: toFollow
    .meta({
      http: 'GET /groups/:id/jobs',
      about: 'The jobs of a group, in the order in which they were given',
      errors: ['UNKNOWN_GROUP'],
    })
    .input(groupJobsRequest)
    .output(answer(groupJobPage))
    .query(({ ctx, input }) => listGroupJobs(ctx.deps, input, ctx.actor)),
  cancel: toOperate
    .meta({
      http: 'DELETE /groups/:id',
      about: 'Cancel what is left of a group; it gets no callback',
      errors: ['UNKNOWN_GROUP', 'WRONG_STATE'],
    })
    .input(groupIdRequest)
    .output(answer(groupMade))
    .mutation(({ ctx, input }) => cancelGroup(ctx.deps, input.id)),
  retry: toOperate
    .meta({
      http: 'POST /groups/:id/retry',
      about: 'Try again to make the callback of a group that is stuck',
      errors: ['UNKNOWN_GROUP', 'WRONG_STATE'],
    })
    .input(groupIdRequest)
    .output(answer(groupEnd))
    .mutation(({ ctx, input }) => retryGroup(ctx.deps, input.id)),
  wait: toFollow
    .meta({
      http: 'GET /groups/:id/end',
      about: 'How the group ended; held open until it has, or the time is over: then how it is',
      errors: ['UNKNOWN_GROUP', 'TOO_MANY_REQUESTS', 'OVERLOADED'],
    })
    .input(groupIdRequest.extend({ timeoutMs: z.int().min(0).max(longestWaitMs).default(longestWaitMs) }))
    .output(answer(groupEnd))
    .query(({ ctx, input }) =>
      ctx.groupWaits.wait(input.id, Math.min(input.timeoutMs, ctx.answers.mostWaitMs), ctx.actor, ctx.signal),
    ),
})
