/** Shows the deployed workers. */
import { dated } from './dated.js'
import type { Transport } from './transport.js'
import type { Workers } from './workerTypes.js'

export const createWorkers = ({ call }: Transport): Workers => ({
  list: async () => dated(await call((router, options) => router.workers.list.query(undefined, options))).workers,
  get: async (name) => dated(await call((router, options) => router.workers.get.query({ name }, options))),
})
