/** Shows, adds and removes pauses. */
import { pauseRequest, pauseTarget } from '../../../core/requests/pauses.js'
import { actorOf } from '../../access/auth.js'
import { listPauses, pause, resume } from '../../flowControl/pause.js'
import { createRouter, toObserve, toOperate } from './procedure.js'

export const pausesRouter = createRouter({
  list: toObserve.query(({ ctx }) => listPauses(ctx.deps, ctx.actor)),
  add: toOperate.input(pauseRequest).mutation(({ ctx, input }) => pause(ctx.deps, input, actorOf(ctx).name)),
  remove: toOperate.input(pauseTarget).mutation(({ ctx, input }) => resume(ctx.deps, input)),
})
