/** Shows what waits, for the check of new contracts. */
import { waitingRequest } from '../../../core/requests/compat.js'
import { waitingPage } from '../../operations/compat.js'
import { createRouter, toObserve } from './procedure.js'

export const compatRouter = createRouter({
  waiting: toObserve.input(waitingRequest).query(({ ctx, input }) => waitingPage(ctx.deps, input, ctx.actor)),
})
