/** Pauses, resumes, and lists pauses. */
import { dated } from './dated.js'
import type { Pausing } from './pauseTypes.js'
import type { Transport } from './transport.js'

export const createPausing = ({ call }: Transport): Pausing => ({
  pause: async (target) => dated(await call((router, options) => router.pauses.add.mutate(target, options))),
  resume: async (target) => dated(await call((router, options) => router.pauses.remove.mutate(target, options))),
  pauses: {
    list: async () => dated(await call((router, options) => router.pauses.list.query(undefined, options))).pauses,
  },
})
