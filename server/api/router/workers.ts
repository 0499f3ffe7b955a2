/** Shows the deployed workers. */
import { z } from 'zod'
import { workerDetails, workerList } from '../../../core/answers/workers.js'
import { workerName } from '../../../core/requests/wire.js'
import { getWorker, listWorkers } from '../../operations/workers.js'
import { answer } from './answer.js'
import { createRouter, toObserve } from './procedure.js'

export const workersRouter = createRouter({
  list: toObserve
    .meta({
      http: 'GET /workers',
      about: 'The deployed workers by name, with their policies and how many jobs they have',
    })
    .output(answer(workerList))
    .query(({ ctx }) => listWorkers(ctx.deps)),
  get: toObserve
    .meta({
      http: 'GET /workers/:name',
      about: 'A deployed worker: also its args as JSON Schema, with an example',
      errors: ['UNKNOWN_WORKER'],
    })
    .input(z.strictObject({ name: workerName }))
    .output(answer(workerDetails))
    .query(({ ctx, input }) => getWorker(ctx.deps, input.name)),
})
