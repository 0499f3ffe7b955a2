/** Shows, adds and removes pauses. */
import { pauseList, pauseView, resumed } from '../../../core/answers/pauses.js'
import { pauseRequest, pauseTarget } from '../../../core/requests/pauses.js'
import { listPauses, pause, resume } from '../../flowControl/pause.js'
import { answer } from './answer.js'
import { createRouter, toObserve, toOperate } from './procedure.js'

export const pausesRouter = createRouter({
  list: toObserve
    .meta({ http: 'GET /pauses', about: 'What is paused, oldest first' })
    .output(answer(pauseList))
    .query(async ({ ctx }) => ({ pauses: await listPauses(ctx.deps, ctx.actor) })),
  add: toOperate
    .meta({
      http: 'POST /pauses',
      about: 'Pause everything, a worker, or a key; answers with the earlier pause where there was one already',
      creates: true,
      errors: ['UNKNOWN_WORKER'],
    })
    .input(pauseRequest)
    .output(answer(pauseView))
    .mutation(({ ctx, input }) => pause(ctx.deps, input, ctx.actor.name)),
  // what is resumed stands in the query, because a DELETE's body is lost on some ways
  remove: toOperate
    .meta({ http: 'DELETE /pauses', about: 'Resume everything, a worker, or a key', errors: ['UNKNOWN_PAUSE'] })
    .input(pauseTarget)
    .output(answer(resumed))
    .mutation(({ ctx, input }) => resume(ctx.deps, input)),
})
