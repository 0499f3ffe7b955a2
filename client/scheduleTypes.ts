import type {
  Scheduled as ScheduledView,
  SchedulePreview as PreviewView,
  ScheduleView,
} from '../core/views/answers.gen.js'
import type { Dated } from './dated.js'
import type { Rhythm, SchedulePolicies } from '../core/job/scheduleOptions.js'
import type { JobHandle } from './jobTypes.js'

export type ScheduleOptions = Rhythm &
  SchedulePolicies & {
    /** Names the schedule; the same id again gives it a new rule. Default: one is made. */
    id?: string | undefined
  }

export interface Scheduled extends ScheduledView {}

/**
 * A schedule with the defaults of its rule. One of `cron` and `every` is there. Its args may be older than the worker's
 * schema, so they have no type.
 */
export interface ScheduleDetails extends Omit<Dated<ScheduleView>, 'argsMeta'> {}

/** A field that is left out stays as it is; `null` takes a field back to its default. */
export type ScheduleChange = { [Field in keyof SchedulePolicies]?: SchedulePolicies[Field] | null } & {
  /** In the place of those it has. */
  args?: object | undefined
} & (Rhythm | { cron?: undefined; every?: undefined })

/** A stored schedule by its id, or a rule that is not stored. */
export type PreviewOptions = {
  /** An occurrence at this moment is shown: a `Date`, ISO 8601, or a local time in `timezone`. Default: now. */
  from?: Date | string | undefined
  /** How many occurrences at the most, 1 to 1000, within a century. Default 10. */
  count?: number | undefined
} & (
  | ({ id: string } & { [Field in keyof Timing]?: undefined } & { cron?: undefined; every?: undefined })
  | (Rhythm & Timing & { /** `spread` is made of it. */ id?: string | undefined })
)

type Timing = Pick<SchedulePolicies, 'timezone' | 'dstGap' | 'dstOverlap' | 'spread'>

/** A rule with its defaults, and when it fires. */
export interface SchedulePreview extends Dated<PreviewView> {}

export interface Schedules {
  list(): Promise<ScheduleDetails[]>
  /** Throws `UNKNOWN_SCHEDULE`. */
  get(id: string): Promise<ScheduleDetails>
  /**
   * When a schedule fires next (a paused one: when it would), or when a rule would: `preview({ id })`, `preview({ cron:
   * '0 9 * * *', timezone: 'Europe/Berlin' })`. Throws `INVALID_TIME`, `UNKNOWN_SCHEDULE`.
   */
  preview(options: PreviewOptions): Promise<SchedulePreview>
  /**
   * Changes what is given; `null` takes a field back to its default. Throws `UNKNOWN_SCHEDULE`, `INVALID_TIME`,
   * `INVALID_ARGS`, and `WRONG_STATE` for one made in code.
   */
  update(id: string, change: ScheduleChange): Promise<ScheduleDetails>
  /**
   * No occurrence makes a job until it is resumed. Holds for one made in code too, through deploys. Throws
   * `UNKNOWN_SCHEDULE`.
   */
  pause(id: string): Promise<ScheduleDetails>
  /** Goes on with the first occurrence after now; those of the pause are left out. Throws `UNKNOWN_SCHEDULE`. */
  resume(id: string): Promise<ScheduleDetails>
  /**
   * Makes a job at once, with the schedule's args; its occurrences stay as they are. Throws `UNKNOWN_SCHEDULE`,
   * `UNKNOWN_WORKER`, `KEY_TAKEN`.
   */
  run(id: string): Promise<JobHandle<unknown>>
  /** The jobs it made stay. Throws `UNKNOWN_SCHEDULE`, and `WRONG_STATE` for one made in code. */
  remove(id: string): Promise<void>
}
