/** The reasons why a job does not run now: as data, and in words. */
import type { ErrorName, PauseView, WhyReason } from './answers.gen.js'
import { mostCounted } from '../limits.js'
import { formatDuration } from '../time/duration.js'
import { didYouMean } from '../nearest.js'

/** A reason without its words. */
export type Reason = WithoutMessage<WhyReason>

type WithoutMessage<Of> = Of extends unknown ? Omit<Of, 'message'> : never

export function reasonMessage(reason: Reason, formatTime: (time: string) => string = (time) => time): string {
  switch (reason.kind) {
    case 'final':
      return finalMessage(reason, formatTime)
    case 'claimed':
      return `It is claimed since ${formatTime(reason.since)}, and its function is not called yet.${lanesMessage(reason.lanes)}`
    case 'running':
      return `It runs: attempt ${reason.attempt} of ${reason.maxAttempts} began at ${formatTime(reason.startedAt)} and has until ${formatTime(reason.deadline)}.`
    case 'paused':
      return `${pausedThing(reason)} is paused, by ${reason.by} since ${formatTime(reason.at)}${reason.reason === undefined ? '' : ` (${reason.reason})`}.`
    case 'broken':
      return `The function of ${reason.worker} fails (${reason.code}), so it is left alone since ${formatTime(reason.since)}. One job tries it at ${formatTime(reason.until)}; no attempt is charged meanwhile.`
    case 'not-deployed':
      return `${reason.deployment === undefined ? 'No deployed worker' : `Deployment ${reason.deployment} is live, and no worker of it`} is named "${reason.worker}".${reason.nearest === undefined ? '' : didYouMean(reason.worker, [reason.nearest])} The job runs once there is one.`
    case 'atomic':
      return 'The jobs that it came with, all or none, are still being written.'
    case 'not-due':
      return `It is not due until ${formatTime(reason.until)}.`
    case 'retry':
      return `It waits for its next attempt until ${formatTime(reason.until)}: attempt ${reason.attempt} of ${reason.maxAttempts} failed${withError(reason.error)}.`
    case 'snoozed':
      return `It snoozes until ${formatTime(reason.until)}, for the ${ordinal(reason.snoozes)} time.`
    case 'throttled':
      return `${keyOf(reason)} is throttled${reason.rule === undefined ? '' : ` to ${formatRate(reason.rule.intervalMs)}`}; ${jobs(reason.before)} before this one. It starts at about ${formatTime(reason.until)}.`
    case 'over-budget':
      return `The retry budget of ${reason.worker}${reason.rule === undefined ? '' : ` (${formatRate(reason.rule.intervalMs)})`} is spent; ${jobs(reason.before)} before this one. It starts at about ${formatTime(reason.until)}.`
    case 'blocked':
      return blockedMessage(reason, formatTime)
    case 'busy':
      return busyMessage(reason)
    case 'waiting-for-coordinator':
      return reason.step === 'stage'
        ? `It is due since ${formatTime(reason.since!)}, and a coordinator queues it within seconds. If it stays so, none is running.`
        : 'What held it has gone, and a coordinator releases it within seconds. If it stays so, none is running.'
    case 'failing':
      return `The last ${reason.receipts} receipts of ${reason.worker} are failures, the latest at ${formatTime(reason.at)}${withError(reason.error)}.`
  }
}

type Of<Kind extends Reason['kind']> = Extract<Reason, { kind: Kind }>
type FormatTime = (time: string) => string

function finalMessage({ state, finishedAt, attempt, maxAttempts, error }: Of<'final'>, formatTime: FormatTime): string {
  const at = formatTime(finishedAt)
  if (state === 'succeeded') return `It has succeeded, at ${at}.`
  if (state === 'cancelled') return `It was cancelled, at ${at}.`
  return `It has failed, at ${at}, at attempt ${attempt} of ${maxAttempts}${withError(error)}.`
}

function blockedMessage(reason: Of<'blocked'>, formatTime: FormatTime): string {
  const { limit, holding, users, before } = reason
  const who = keyOf(reason)
  const allowed = limit === undefined ? '' : ` allows ${limit === 1 ? 'one job' : `${limit} jobs`} at once, and`
  if (holding === 0 || (limit !== undefined && holding < limit)) {
    return `${who}${allowed} has a free slot; a coordinator lets the next job have it within seconds. ${capital(jobs(before))} before this one.`
  }
  const named = users.slice(0, 3).map(({ id, since }) => `${id} (since ${formatTime(since)})`)
  const rest = holding > named.length ? ` and ${holding - named.length} more` : ''
  return `${who}${allowed} has no free slot: ${named.join(', ')}${rest} ${holding === 1 ? 'holds it' : 'hold them'}. ${capital(jobs(before))} before this one.`
}

function busyMessage({ before, lanes }: Of<'busy'>): string {
  return `It may start now, and ${jobs(before)} before it.${lanesMessage(lanes)}`
}

function lanesMessage({ taken, limit }: Of<'busy'>['lanes']): string {
  if (taken < limit) return ''
  return limit === 1
    ? ' The one lane of this coordinator is taken.'
    : ` All ${limit} lanes of this coordinator are taken.`
}

const pausedThing = ({ scope, worker = '', ...key }: PauseView): string => {
  if (scope === 'all') return 'Everything'
  return scope === 'worker' ? `The worker ${worker}` : keyOf({ worker, ...key })
}

function keyOf({ worker, key, keyHidden }: { worker: string; key?: string; keyHidden?: true }): string {
  if (keyHidden) return `A key of ${worker}`
  return key === undefined || key === '' ? worker : `The key "${key}" of ${worker}`
}

/** For those who may not see keys. */
export function withoutKey<Keyed extends Reason | PauseView>(keyed: Keyed): Keyed {
  if (!('key' in keyed) || keyed.key === undefined) return keyed
  const { key: _, ...rest } = keyed
  return { ...rest, keyHidden: true } as Keyed
}

/** `no job is`, `1 job is`, `11 jobs are`. */
const jobs = (count: number): string =>
  count === 0
    ? 'no job is'
    : count === 1
      ? '1 job is'
      : `${count < mostCounted ? String(count) : `${mostCounted} or more`} jobs are`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const withError = (error: ErrorName | undefined): string =>
  error === undefined ? '' : ` with ${error.code ?? error.name}`

/** `2 starts a second`, `5 starts a minute`, `one start each 36s`. */
export function formatRate(intervalMs: number): string {
  for (const [unit, ms] of [
    ['second', 1_000],
    ['minute', 60_000],
    ['hour', 3_600_000],
    ['day', 86_400_000],
  ] as const) {
    const starts = ms / intervalMs
    if (starts >= 1 && Math.abs(starts - Math.round(starts)) < 1e-6) {
      return `${Math.round(starts)} start${Math.round(starts) === 1 ? '' : 's'} a ${unit}`
    }
  }
  return `one start each ${formatDuration(intervalMs)}`
}

function ordinal(count: number): string {
  const tens = count % 100
  const suffix = tens > 10 && tens < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th')
  return `${count}${suffix}`
}
