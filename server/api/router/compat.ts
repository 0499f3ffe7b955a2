/** Shows what waits, for the check of new contracts. */
import { waitingPage as waitingPageAnswer } from '../../../core/answers/compat.js'
import { waitingRequest } from '../../../core/requests/compat.js'
import { waitingPage } from '../../operations/compat.js'
import { answer } from './answer.js'
import { createRouter, toObserve } from './procedure.js'

export const compatRouter = createRouter({
  waiting: toObserve
    .meta({
      http: 'GET /compat/waiting',
      about: 'The args of every job that may still run, page by page, to try new contracts on',
    })
    .input(waitingRequest)
    .output(answer(waitingPageAnswer))
    .query(({ ctx, input }) => waitingPage(ctx.deps, input, ctx.actor)),
})
