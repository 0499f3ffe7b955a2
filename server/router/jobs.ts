/** Jobs: look, wait, cancel, retry. */
import { z } from 'zod'
import { listJobsRequest } from '../../core/wire.js'
import { cancelJob, getJob, listJobs, retryJob } from '../operate.js'
import { longestWaitMs } from '../wait.js'
import { createRouter, toFollow, toObserve, toOperate } from './procedure.js'

const jobId = z.strictObject({ id: z.string().min(1).max(100) })

export const jobsRouter = createRouter({
  get: toFollow.input(jobId).query(({ ctx, input }) => getJob(ctx.deps, input.id)),
  list: toObserve.input(listJobsRequest).query(({ ctx, input }) => listJobs(ctx.deps, input)),
  cancel: toOperate.input(jobId).mutation(({ ctx, input }) => cancelJob(ctx.deps, input.id)),
  retry: toOperate.input(jobId).mutation(({ ctx, input }) => retryJob(ctx.deps, input.id)),
  /** A long poll: the job once it is final, or as it is when the time is over. */
  wait: toFollow
    .input(jobId.extend({ timeoutMs: z.int().min(0).max(longestWaitMs).default(longestWaitMs) }))
    .query(({ ctx, input }) => ctx.waits.wait(input.id, input.timeoutMs, ctx.signal)),
})
