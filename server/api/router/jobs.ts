/** Shows, awaits, cancels and retries jobs. */
import { longestWaitMs } from '../../../core/limits.js'
import { z } from 'zod'
import { tracked } from '@trpc/server'
import { bulkAnswer } from '../../../core/answers/bulk.js'
import { jobPage, jobState, jobView, replayed, streamedEnd, waitManyAnswer } from '../../../core/answers/jobs.js'
import { whyView } from '../../../core/answers/why.js'
import {
  cancelManyRequest,
  eraseRequest,
  replayManyRequest,
  replayRequest,
  retryManyRequest,
} from '../../../core/requests/bulk.js'
import { endedRequest, waitManyRequest } from '../../../core/requests/completions.js'
import { jobStates } from '../../../core/states.js'
import { listJobsRequest } from '../../../core/requests/wire.js'
import { streamEnds, waitMany } from '../../operations/waitMany.js'
import { bulk } from '../../operations/bulk.js'
import { replayJob } from '../../operations/replay.js'
import { cancelJob, getJob, listJobs, retryJob } from '../../operations/jobActions.js'
import { whyJob } from '../../operations/why.js'
import { answer, answered } from './answer.js'
import { carriesJobs, createRouter, toFollow, toObserve, toOperate } from './procedure.js'

const jobId = z.strictObject({ id: z.string().min(1).max(100) })

export const jobsRouter = createRouter({
  get: toFollow
    .meta({ http: 'GET /jobs/:id', about: 'A job with the receipts of all its attempts', errors: ['UNKNOWN_JOB'] })
    .input(jobId)
    .output(answer(jobView))
    .query(({ ctx, input }) => getJob(ctx.deps, input.id, ctx.actor)),
  list: toObserve
    .meta({ http: 'GET /jobs', about: 'Jobs, newest first, without their receipts' })
    .input(listJobsRequest)
    .output(answer(jobPage))
    .query(({ ctx, input }) => listJobs(ctx.deps, input, ctx.actor)),
  why: toObserve
    .meta({
      http: 'GET /jobs/:id/why',
      about: 'Why a job does not run now, in words and as data',
      errors: ['UNKNOWN_JOB'],
    })
    .input(jobId)
    .output(answer(whyView))
    .query(({ ctx, input }) => whyJob(ctx.deps, input.id, ctx.actor)),
  cancel: toOperate
    .meta({
      http: 'DELETE /jobs/:id',
      about: 'Cancel a job: one that has not begun never will, and one that runs is told to stop',
      errors: ['UNKNOWN_JOB', 'WRONG_STATE'],
    })
    .input(jobId)
    .output(answer(jobState))
    .mutation(({ ctx, input }) => cancelJob(ctx.deps, input.id)),
  retry: toOperate
    .meta({
      http: 'POST /jobs/:id/retry',
      about:
        'Run a final job once more; its receipts stay. With `now`, start one that waits for its next attempt or its time',
      errors: ['UNKNOWN_JOB', 'WRONG_STATE', 'KEY_TAKEN'],
    })
    .input(
      jobId.extend({
        /** One that waits for its next attempt, or its time, is due at once. Default: only final jobs are retried. */
        now: z.boolean().optional(),
      }),
    )
    .output(answer(jobState))
    .mutation(({ ctx, input: { id, now } }) => retryJob(ctx.deps, id, { now })),
  replay: toOperate
    .meta({
      ...carriesJobs,
      http: 'POST /jobs/:id/replay',
      about: 'Make a new job from a final one, with its args or others',
      creates: true,
      errors: ['UNKNOWN_JOB', 'WRONG_STATE', 'UNKNOWN_WORKER', 'INVALID_ARGS', 'VERSION_AHEAD', 'KEY_TAKEN'],
    })
    .input(replayRequest.extend(jobId.shape))
    .output(answer(replayed))
    .mutation(({ ctx, input: { id, ...request } }) => replayJob(ctx.deps, id, request)),
  cancelMany: toOperate
    .meta({ http: 'POST /jobs/cancel', about: byFilter('Cancel') })
    .input(cancelManyRequest)
    .output(answer(bulkAnswer))
    .mutation(({ ctx, input }) => bulk(ctx.deps, 'cancel', input)),
  retryMany: toOperate
    .meta({ http: 'POST /jobs/retry', about: byFilter('Retry') })
    .input(retryManyRequest)
    .output(answer(bulkAnswer))
    .mutation(({ ctx, input }) => bulk(ctx.deps, 'retry', input)),
  replayMany: toOperate
    .meta({ http: 'POST /jobs/replay', about: byFilter('Replay') })
    .input(replayManyRequest)
    .output(answer(bulkAnswer))
    .mutation(({ ctx, input }) => bulk(ctx.deps, 'replay', input)),
  erase: toOperate
    .meta({ http: 'POST /jobs/erase', about: byFilter('Delete args, keys, receipts and logs of') })
    .input(eraseRequest)
    .output(answer(bulkAnswer))
    .mutation(({ ctx, input: { filter, ...page } }) =>
      bulk(ctx.deps, 'erase', { ...page, filter: { ...filter, state: [...jobStates] } }),
    ),
  /** A long poll: the job once it is final, or as it is when the time is over. By REST it is `GET /jobs/:id/receipt`. */
  wait: toFollow
    .meta({ errors: ['UNKNOWN_JOB', 'TOO_MANY_REQUESTS', 'OVERLOADED'] })
    .input(jobId.extend({ timeoutMs: z.int().min(0).max(longestWaitMs).default(longestWaitMs) }))
    .output(answer(jobView))
    .query(({ ctx, input }) =>
      ctx.waits.wait(input.id, Math.min(input.timeoutMs, ctx.answers.mostWaitMs), ctx.actor, ctx.signal),
    ),
  /**
   * Server-sent events, one for each job that ends; it returns when all have. Send it by POST, because many ids do not
   * fit into an address. It is cut after a minute, as proxies would: ask again for those that are left.
   */
  ended: toFollow.input(endedRequest).subscription(async function* ({ ctx, input, signal }) {
    const ends = streamEnds(ctx.deps, ctx.waits, input.ids, ctx.actor, signal ?? ctx.signal)
    for await (const end of ends) yield tracked(end.id, answered(streamedEnd, end))
  }),
  /** The same for those who cannot have a stream, as a long poll: answers as soon as some have ended. */
  waitMany: toFollow
    .meta({ errors: ['TOO_MANY_REQUESTS', 'OVERLOADED'] })
    .input(waitManyRequest)
    .output(answer(waitManyAnswer))
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

function byFilter(verb: string): string {
  return `${verb} jobs by filter, page by page: with \`dryRun\` a count and the token for it, with the token what became of a page`
}
