/**
 * The tRPC router: small and fixed, with the worker's name as data, so that editors stay quick however many workers
 * there are. The typed client (client/) puts the types of `jobs/registry.gen.ts` around it.
 *
 * A procedure is the one row of an operation: its roles, its REST route, its name in the audit, its errors, its input
 * and its answer. REST routes and their description are read off it (server/api/rest).
 */
import { groupMade } from '../../../core/answers/groups.js'
import { enqueued, enqueuedMany } from '../../../core/answers/jobs.js'
import { scheduled } from '../../../core/answers/schedules.js'
import { tickSummary } from '../../../core/answers/tick.js'
import { groupRequest } from '../../../core/requests/groups.js'
import { scheduleRequest } from '../../../core/requests/schedules.js'
import { tickRequest } from '../../../core/requests/tickRequest.js'
import { enqueueManyRequest, enqueueRequest } from '../../../core/requests/wire.js'
import { enqueue } from '../../jobs/enqueue.js'
import { enqueueMany } from '../../jobs/enqueueMany.js'
import { countJobs, createGroup } from '../../groups/create.js'
import { putSchedule } from '../../schedules/define.js'
import { answer } from './answer.js'
import { auditRouter } from './audit.js'
import { compatRouter } from './compat.js'
import { deploymentsRouter } from './deployments.js'
import { groupsRouter } from './groups.js'
import { jobsRouter } from './jobs.js'
import { keysRouter } from './keys.js'
import { pausesRouter } from './pauses.js'
import { createRouter, toEnqueue, toEnqueueMany, toTick } from './procedure.js'
import { readBudget } from '../../running/runOnce.js'
import { schedulesRouter } from './schedules.js'
import { workersRouter } from './workers.js'

export const router = createRouter({
  /** By REST it is `POST /job`. */
  enqueue: toEnqueue
    .meta({ errors: ['UNKNOWN_WORKER', 'INVALID_ARGS', 'INVALID_TIME', 'VERSION_AHEAD', 'KEY_TAKEN'] })
    .input(enqueueRequest)
    .output(answer(enqueued))
    .mutation(({ ctx, input }) => enqueue(ctx.deps, input, ctx.actor)),
  enqueueMany: toEnqueueMany
    .meta({
      http: 'POST /jobs',
      about: 'Enqueue many jobs, each on its own, or with `atomic` all or none',
      errors: ['ATOMIC_REFUSED', 'OVERLOADED'],
    })
    .input(enqueueManyRequest)
    .output(answer(enqueuedMany))
    .mutation(async ({ ctx, input }) => {
      ctx.place.count(input.jobs.length)
      return { outcomes: await enqueueMany(ctx.deps, input, ctx.actor) }
    }),
  group: toEnqueueMany
    .meta({
      http: 'POST /groups',
      about: 'Make a group of jobs, all or none, with a callback that runs once when all are final',
      creates: true,
      errors: ['ATOMIC_REFUSED', 'OVERLOADED'],
    })
    .input(groupRequest)
    .output(answer(groupMade))
    .mutation(({ ctx, input }) => {
      ctx.place.count(countJobs(input.jobs))
      return createGroup(ctx.deps, input, ctx.actor)
    }),
  schedule: toEnqueue
    .meta({
      http: 'POST /schedules',
      about: 'Make a schedule, or give the one of that `id` a new rule',
      creates: true,
      errors: ['UNKNOWN_WORKER', 'INVALID_ARGS', 'INVALID_TIME', 'WRONG_STATE', 'OVERLOADED'],
    })
    .input(scheduleRequest)
    .output(answer(scheduled))
    .mutation(({ ctx, input }) => putSchedule(ctx.deps, input, ctx.actor)),
  jobs: jobsRouter,
  groups: groupsRouter,
  schedules: schedulesRouter,
  pauses: pausesRouter,
  audit: auditRouter,
  keys: keysRouter,
  compat: compatRouter,
  deployments: deploymentsRouter,
  workers: workersRouter,
  tick: toTick
    .meta({
      http: 'POST /tick',
      about: 'Make every step of the jobs once, for the cron of a coordinator that does not stay on',
      errors: ['TICK_FAILED'],
      maxBytes: 1_024,
    })
    .input(tickRequest.default({}))
    .output(answer(tickSummary))
    .mutation(({ ctx, input }) => ctx.runOnce(readBudget(input))),
})

export type Router = typeof router
