/** Pauses, resumes, and lists pauses. */
import type { PauseView } from '../core/views/answers.gen.js'
import type { Pausing } from './pauseTypes.js'
import type { Transport } from './transport.js'

export const createPausing = ({ call }: Transport): Pausing => ({
  pause: async (target) => pauseOf(await call((router, options) => router.pauses.add.mutate(target, options))),
  resume: async (target) => pauseOf(await call((router, options) => router.pauses.remove.mutate(target, options))),
  pauses: {
    list: async () =>
      (await call((router, options) => router.pauses.list.query(undefined, options))).pauses.map((pause) =>
        pauseOf(pause),
      ),
  },
})

export const pauseOf = <View extends PauseView>(
  view: View,
): Omit<View, 'at' | 'until'> & { at: Date; until?: Date } => {
  const { at, until, ...rest } = view
  return { ...rest, at: new Date(at), ...(until === undefined ? {} : { until: new Date(until) }) }
}
