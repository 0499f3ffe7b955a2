/** Schedules: make, look, look ahead, remove. */
import { encodeArgs } from '../core/encodeJob.js'
import { restorePayload } from '../core/payload.js'
import type { ScheduleView } from '../core/schedules.js'
import type { Scheduled, ScheduleDetails, ScheduleOptions, Schedules } from './scheduleTypes.js'
import type { Transport } from './transport.js'

export const createSchedule =
  ({ call }: Transport) =>
  async (worker: string, args: unknown, rule: ScheduleOptions): Promise<Scheduled> => {
    const { size: _, ...encoded } = encodeArgs(worker, args)
    return call((router, options) => router.schedule.mutate({ worker, ...encoded, ...rule }, options))
  }

export const createSchedules = ({ call }: Transport): Schedules => ({
  list: async () =>
    (await call((router, options) => router.schedules.list.query(undefined, options))).map(scheduleDetails),
  get: async (id) => scheduleDetails(await call((router, options) => router.schedules.get.query({ id }, options))),
  preview: async (request) => {
    const preview = await call((router, options) => router.schedules.preview.query(request, options))
    return { ...preview, ticks: preview.ticks.map(({ at, local }) => ({ at: new Date(at), local })) }
  },
  remove: async (id) => {
    await call((router, options) => router.schedules.remove.mutate({ id }, options))
  },
})

const scheduleDetails = ({
  args,
  argsMeta,
  nextRunAt,
  lastRunAt,
  createdAt,
  ...view
}: ScheduleView): ScheduleDetails => ({
  ...view,
  args: restorePayload(args, argsMeta),
  nextRunAt: nextRunAt === null ? null : new Date(nextRunAt),
  lastRunAt: lastRunAt === null ? null : new Date(lastRunAt),
  createdAt: new Date(createdAt),
})
