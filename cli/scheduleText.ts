/** Schedules, as text for people. */
import type { ScheduleView } from '../core/views/answers.gen.js'
import { formatAgo, formatFields, formatJson, formatMoment, plain } from './format.js'
import type { Style } from './style.js'

export const scheduleHead = ['ID', 'WORKER', 'RULE', 'TIMEZONE', 'NEXT', 'LAST', 'MADE IN']

export const scheduleRow = (style: Style, schedule: ScheduleView, now: Date): string[] => [
  schedule.id,
  schedule.worker,
  ruleText(schedule),
  schedule.timezone,
  schedule.pausedAt === undefined ? agoOr(style, schedule.nextRunAt, 'never', now) : style.yellow('paused'),
  agoOr(style, schedule.lastRunAt, 'not yet', now),
  madeIn(schedule),
]

export function describeSchedule(style: Style, schedule: ScheduleView, now: Date): string {
  const { pausedAt, nextRunAt, lastRunAt, waiting, priority } = schedule
  const head = `${style.bold(schedule.worker)}  ${schedule.id}  ${pausedAt === undefined ? '' : style.yellow('paused')}`
  const fields = formatFields(style, [
    ['rule', ruleText(schedule)],
    ['timezone', schedule.timezone],
    ['dstGap', schedule.dstGap],
    ['dstOverlap', schedule.dstOverlap],
    ['missed', schedule.missed],
    ['overlap', schedule.overlap],
    ['spread', schedule.spread],
    ['priority', priority === undefined ? undefined : String(priority)],
    ['next', pausedAt === undefined ? momentOr(nextRunAt, 'never', now) : undefined],
    ['paused', pausedAt === undefined ? undefined : formatMoment(pausedAt, now)],
    ['last', momentOr(lastRunAt, 'not yet', now)],
    ['waiting', waiting === 0 ? undefined : String(waiting)],
    ['made in', madeIn(schedule)],
    ['created', formatMoment(schedule.createdAt, now)],
    ['args', plain(formatJson(schedule.args, argsIndent))],
  ])
  return `${head.trimEnd()}\n\n${fields}`
}

/** Two spaces, the longest name of a field, two spaces. */
const argsIndent = 12

/** After a change: what comes next. */
export function scheduleLine(style: Style, { id, pausedAt, nextRunAt }: ScheduleView, now: Date): string {
  if (pausedAt !== undefined) return `${id}  ${style.yellow('paused')}`
  return nextRunAt === null ? `${id}  has no next time` : `${id}  next ${formatMoment(nextRunAt, now)}`
}

const ruleText = ({ cron, every }: ScheduleView): string => cron ?? `every ${every}`
const madeIn = ({ source }: ScheduleView): string => (source === 'code' ? 'code' : 'run time')
const agoOr = (style: Style, time: string | null, other: string, now: Date): string =>
  time === null ? style.dim(other) : formatAgo(time, now)
const momentOr = (time: string | null, other: string, now: Date): string =>
  time === null ? other : formatMoment(time, now)
