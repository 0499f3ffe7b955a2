/**
 * The tRPC router: small and fixed, with the worker's name as data, so that editors stay quick however many workers
 * there are. The typed client (client/) puts the types of `jobs/registry.gen.ts` around it.
 */
import { groupRequest } from '../../../core/requests/groups.js'
import { scheduleRequest } from '../../../core/requests/schedules.js'
import { tickRequest } from '../../../core/requests/tickRequest.js'
import { enqueueManyRequest, enqueueRequest } from '../../../core/requests/wire.js'
import { enqueue } from '../../jobs/enqueue.js'
import { enqueueMany } from '../../jobs/enqueueMany.js'
import { countJobs, createGroup } from '../../groups/create.js'
import { putSchedule } from '../../schedules/define.js'
import { auditRouter } from './audit.js'
import { compatRouter } from './compat.js'
import { deploymentsRouter } from './deployments.js'
import { groupsRouter } from './groups.js'
import { jobsRouter } from './jobs.js'
import { keysRouter } from './keys.js'
import { pausesRouter } from './pauses.js'
import { createRouter, toEnqueue, toEnqueueMany, toObserve, toTick } from './procedure.js'
import { readBudget } from '../../running/runOnce.js'
import { schedulesRouter } from './schedules.js'

export const router = createRouter({
  enqueue: toEnqueue.input(enqueueRequest).mutation(({ ctx, input }) => enqueue(ctx.deps, input, ctx.actor)),
  enqueueMany: toEnqueueMany.input(enqueueManyRequest).mutation(({ ctx, input }) => {
    ctx.place.count(input.jobs.length)
    return enqueueMany(ctx.deps, input, ctx.actor)
  }),
  group: toEnqueueMany.input(groupRequest).mutation(({ ctx, input }) => {
    ctx.place.count(countJobs(input.jobs))
    return createGroup(ctx.deps, input, ctx.actor)
  }),
  schedule: toEnqueue.input(scheduleRequest).mutation(({ ctx, input }) => putSchedule(ctx.deps, input, ctx.actor)),
  jobs: jobsRouter,
  groups: groupsRouter,
  schedules: schedulesRouter,
  pauses: pausesRouter,
  audit: auditRouter,
  keys: keysRouter,
  compat: compatRouter,
  deployments: deploymentsRouter,
  tick: toTick.input(tickRequest.default({})).mutation(({ ctx, input }) => ctx.runOnce(readBudget(input))),
  workers: createRouter({
    list: toObserve.query(({ ctx }) => ctx.deps.contracts.names),
  }),
})

export type Router = typeof router
