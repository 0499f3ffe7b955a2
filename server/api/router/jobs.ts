/** Shows, awaits, cancels and retries jobs. */
import { longestWaitMs } from '../../../core/limits.js'
import { z } from 'zod'
import { tracked } from '@trpc/server'
import { cancelManyRequest, replayManyRequest, replayRequest, retryManyRequest } from '../../../core/requests/bulk.js'
import { endedRequest, waitManyRequest } from '../../../core/requests/completions.js'
import { listJobsRequest } from '../../../core/requests/wire.js'
import { streamEnds, waitMany } from '../../operations/waitMany.js'
import { bulk } from '../../operations/bulk.js'
import { replayJob } from '../../operations/replay.js'
import { cancelJob, getJob, listJobs, retryJob } from '../../operations/jobActions.js'
import { whyJob } from '../../operations/why.js'
import { carriesJobs, createRouter, toFollow, toObserve, toOperate } from './procedure.js'

const jobId = z.strictObject({ id: z.string().min(1).max(100) })

export const jobsRouter = createRouter({
  get: toFollow.input(jobId).query(({ ctx, input }) => getJob(ctx.deps, input.id, ctx.actor)),
  list: toObserve.input(listJobsRequest).query(({ ctx, input }) => listJobs(ctx.deps, input, ctx.actor)),
  why: toObserve.input(jobId).query(({ ctx, input }) => whyJob(ctx.deps, input.id, ctx.actor)),
  cancel: toOperate.input(jobId).mutation(({ ctx, input }) => cancelJob(ctx.deps, input.id)),
  retry: toOperate.input(jobId).mutation(({ ctx, input }) => retryJob(ctx.deps, input.id)),
  replay: toOperate
    .meta(carriesJobs)
    .input(replayRequest.extend(jobId.shape))
    .mutation(({ ctx, input: { id, ...request } }) => replayJob(ctx.deps, id, request)),
  cancelMany: toOperate.input(cancelManyRequest).mutation(({ ctx, input }) => bulk(ctx.deps, 'cancel', input)),
  retryMany: toOperate.input(retryManyRequest).mutation(({ ctx, input }) => bulk(ctx.deps, 'retry', input)),
  replayMany: toOperate.input(replayManyRequest).mutation(({ ctx, input }) => bulk(ctx.deps, 'replay', input)),
  /** A long poll: the job once it is final, or as it is when the time is over. */
  wait: toFollow
    .input(jobId.extend({ timeoutMs: z.int().min(0).max(longestWaitMs).default(longestWaitMs) }))
    .query(({ ctx, input }) =>
      ctx.waits.wait(input.id, Math.min(input.timeoutMs, ctx.answers.mostWaitMs), ctx.actor, ctx.signal),
    ),
  /**
   * Server-sent events, one for each job that ends; it returns when all have. Send it by POST, because many ids do not
   * fit into an address. It is cut after a minute, as proxies would: ask again for those that are left.
   */
  ended: toFollow.input(endedRequest).subscription(async function* ({ ctx, input, signal }) {
    const ends = streamEnds(ctx.deps, ctx.waits, input.ids, ctx.actor, signal ?? ctx.signal)
    for await (const end of ends) yield tracked(end.id, end)
  }),
  /** The same for those who cannot have a stream, as a long poll: answers as soon as some have ended. */
  waitMany: toFollow
    .input(waitManyRequest)
    .query(({ ctx, input }) =>
      waitMany(
        ctx.deps,
        ctx.waits,
        { ids: input.ids, timeoutMs: Math.min(input.timeoutMs, ctx.answers.mostWaitMs) },
        ctx.actor,
        ctx.signal,
      ),
    ),
})
