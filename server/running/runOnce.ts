/**
 * Runs every step of a job's life once, one after the other, within a budget of time. It is for coordinators that do
 * not stay on: a platform's cron calls it, by `POST /tick`.
 *
 *   every step once ──▶ wait: for what runs, and for what comes due ──▶ the steps whose time has come ──▶ … ──▶ nothing left, or the budget is over
 *
 * Rounds may overlap, on one coordinator or on several: the steps are the same that several coordinators with loops
 * make side by side, and every write is guarded. A round that dies leaves what any coordinator that dies leaves, and
 * the next one finds it.
 *
 * Beside loops (a coordinator that stays on) a round makes each step once and waits for nothing, because the loops do.
 */
import type { TickSummary } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import { durationMs } from '../../core/time/duration.js'
import type { TickRequest } from '../../core/requests/tickRequest.js'
import { createAlarm } from '../../core/time/alarm.js'
import type { Deps } from '../deps.js'
import type { Dispatcher } from '../jobs/dispatcher.js'
import type { Step } from './steps.js'

/** A round of this coordinator, for any caller. */
export type RunOnce = (options?: { budgetMs?: number | undefined }) => Promise<TickSummary>

export const readBudget = ({ budget }: TickRequest): { budgetMs: number | undefined } => ({
  budgetMs: budget === undefined ? undefined : durationMs(budget),
})

export interface RunOnceOptions {
  budgetMs: number
  /** Whether it waits for what runs and for what comes due before the budget is over. */
  waits: boolean
}

/** A step that can be made in parts (a purge of a million jobs) lets the others have their turn. */
const turnMs = 5_000

/** Throws `TICK_FAILED` once every step had its turn, where not all succeeded. */
export async function runOnce(
  deps: Deps,
  dispatcher: Dispatcher,
  steps: readonly Step[],
  { budgetMs, waits }: RunOnceOptions,
): Promise<TickSummary> {
  const { clock, log } = deps
  const beganAt = clock.now()
  const end = new Date(beganAt.getTime() + budgetMs)
  const before = dispatcher.counts()
  const counts = { staged: 0, fired: 0, reaped: 0, purged: 0 }
  const failed = new Map<string, unknown>()
  const over = new AbortController()
  const cancelEnd = clock.alarm(budgetMs, () => over.abort())
  const alarm = createAlarm()
  const turns = steps.map((step): Turn => ({ step, at: beganAt, due: undefined }))
  const stopListening = turns.map((turn) =>
    turn.step.listen?.((at) => {
      wake(turn, at)
      alarm.set(at)
    }),
  )

  const take = async (turn: Turn): Promise<void> => {
    const { step } = turn
    const now = clock.now()
    turn.at = new Date(now.getTime() + step.everyMs)
    turn.due = undefined
    const turnOver = new AbortController()
    const stop = () => turnOver.abort()
    over.signal.addEventListener('abort', stop, { once: true })
    const cancelTurn = step.inParts ? clock.alarm(turnMs, stop) : () => {}
    try {
      const { due, did = {} } = await step.run(turnOver.signal)
      // one that was cut short goes on after the others
      const next = turnOver.signal.aborted ? clock.now() : due
      wake(turn, next)
      for (const [name, count] of Object.entries(did)) counts[name as keyof typeof counts] += count
    } catch (error) {
      failed.set(step.name, error)
      log('error', `${step.name} failed in a round; the next one tries again`, { error })
    } finally {
      cancelTurn()
      over.signal.removeEventListener('abort', stop)
    }
  }

  try {
    for (let round = 0; ; round++) {
      for (const turn of turns) {
        const isDue = round === 0 || (turn.at <= clock.now() && !failed.has(turn.step.name))
        if (isDue && (clock.now() < end || (round === 0 && failed.size === 0))) await take(turn)
      }
      if (!waits || clock.now() >= end) break
      const working = turns.filter(({ step }) => !failed.has(step.name))
      const busy = !dispatcher.isIdle
      const dues = working.flatMap(({ due }) => due ?? [])
      if (!busy && !dues.some((due) => due < end)) break
      if (busy) void dispatcher.idle().then(() => alarm.set(clock.now()))
      await alarm.wait(clock, earliest([end, ...(busy ? working.map(({ at }) => at) : dues)])!, over.signal)
      alarm.clear()
    }
  } finally {
    cancelEnd()
    over.abort()
    for (const stop of stopListening) stop?.()
  }

  const after = dispatcher.counts()
  const summary: TickSummary = {
    ...counts,
    started: after.started - before.started,
    finished: after.finished - before.finished,
    // a round that cannot look says that there may be more
    more: waits && (await hasClaimable(deps).catch(() => true)),
    nextAt: earliest(turns.flatMap(({ due }) => due ?? []))?.toISOString() ?? null,
  }
  if (failed.size > 0) throw tickFailed([...failed.keys()], summary)
  return summary
}

interface Turn {
  step: Step
  /** When it is made next. */
  at: Date
  /** When there is something to do for it, if that is known. */
  due: Date | undefined
}

/** There is something to do at that moment, or was before. */
function wake(turn: Turn, at: Date | undefined): void {
  if (!at || (turn.due && turn.due <= at)) return
  turn.due = at
  if (at < turn.at) turn.at = at
}

const earliest = (moments: Date[]): Date | undefined =>
  moments.reduce<Date | undefined>((first, moment) => (first && first <= moment ? first : moment), undefined)

async function hasClaimable({ store, pauses }: Deps): Promise<boolean> {
  if ((await pauses.current()).all) return false
  return (await store.jobs.claimable(1)).length > 0
}

const tickFailed = (failed: string[], summary: TickSummary): ErrandError =>
  new ErrandError(
    'TICK_FAILED',
    `Steps of the tick failed: ${failed.join(', ')}. The log tells more; the next tick tries again.`,
    {
      details: { failed, ...summary },
    },
  )
