/** Makes, shows, previews, changes, pauses, resumes, runs and removes schedules. */
import type { ScheduleView } from '../core/views/answers.gen.js'
import { encodeArgs } from '../core/job/encodeJob.js'
import type { Scheduled, ScheduleDetails, ScheduleOptions, Schedules } from './scheduleTypes.js'
import type { Enqueued } from './enqueue.js'
import type { Transport } from './transport.js'
import { dated } from './dated.js'
import { argsOf } from './view.js'
import type { JobHandle } from './jobTypes.js'

export const createSchedule =
  ({ call }: Transport) =>
  async (worker: string, args: unknown, rule: ScheduleOptions): Promise<Scheduled> => {
    const { size: _, ...encoded } = encodeArgs(worker, args)
    return call((router, options) => router.schedule.mutate({ worker, ...encoded, ...rule }, options))
  }

export const createSchedules = ({ call }: Transport, handle: (job: Enqueued) => JobHandle<unknown>): Schedules => ({
  list: async () =>
    (await call((router, options) => router.schedules.list.query(undefined, options))).schedules.map(scheduleDetails),
  get: async (id) => scheduleDetails(await call((router, options) => router.schedules.get.query({ id }, options))),
  preview: async (request) => dated(await call((router, options) => router.schedules.preview.query(request, options))),
  update: async (id, { args, ...change }) => {
    const { size: _, ...encoded } = args === undefined ? { size: 0 } : encodeArgs(id, args)
    return scheduleDetails(
      await call((router, options) => router.schedules.update.mutate({ id, ...encoded, ...change }, options)),
    )
  },
  pause: async (id) => scheduleDetails(await call((router, options) => router.schedules.pause.mutate({ id }, options))),
  resume: async (id) =>
    scheduleDetails(await call((router, options) => router.schedules.resume.mutate({ id }, options))),
  run: async (id) => handle(await call((router, options) => router.schedules.run.mutate({ id }, options))),
  remove: async (id) => {
    await call((router, options) => router.schedules.remove.mutate({ id }, options))
  },
})

const scheduleDetails = ({ args, argsMeta, ...view }: ScheduleView): ScheduleDetails => ({
  ...dated(view),
  ...argsOf(view, args, argsMeta),
})
