/** Shows the deployed workers. */
import type { WorkerDetails, WorkerView } from '../core/views/answers.gen.js'
import { pauseOf } from './pauses.js'
import type { Transport } from './transport.js'
import type { Workers, WorkerSummary, DeployedWorker } from './workerTypes.js'

export const createWorkers = ({ call }: Transport): Workers => ({
  list: async () =>
    (await call((router, options) => router.workers.list.query(undefined, options))).workers.map(summaryOf),
  get: async (name) => detailsOf(await call((router, options) => router.workers.get.query({ name }, options))),
})

const summaryOf = ({ paused, ...view }: WorkerView): WorkerSummary => ({
  ...view,
  ...(paused === undefined ? {} : { paused: pauseOf(paused) }),
})

const detailsOf = ({ args, result, example, ...view }: WorkerDetails): DeployedWorker => ({
  ...summaryOf(view),
  ...(args === undefined ? {} : { args }),
  ...(result === undefined ? {} : { result }),
  ...(example === undefined ? {} : { example }),
})
