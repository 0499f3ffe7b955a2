/**
 * Decides how long a coordinator may work. One that stays on always may. One that sleeps between requests (a function)
 * is awake as long as a request or a tick keeps it so, and its platform may stop it in the middle of a step afterwards.
 * So each request opens an activation:
 *
 *   open ── may claim and call ──▶ last call ── waits for what runs ──▶ end: what still runs is left to itself ── asleep
 *
 * An activation that the platform grants after the answer has an idle window, too: what comes due within seconds, such
 * as a first retry or a turn of a throttle, need not wait for the next tick then.
 *
 * An attempt that may outlast the activation is called with `Prefer: respond-async, wait=…`: a function that is not
 * done by then answers 202 and posts its receipt, which wakes the coordinator again. So a job may take longer than any
 * activation does. One that neither answers in time nor posts is found by the reaper, like every missing receipt.
 */
import type { Clock } from '../../core/time/clock.js'
import type { Dispatcher } from '../jobs/dispatcher.js'
import type { Events } from '../events.js'
import { createIdleWindow } from './idleWindow.js'
import type { Log } from '../log.js'
import type { ActivationState } from '../deps.js'

/** No job is begun so shortly before the end of an activation: its function would not even have the call. */
const lastCallMs = 10_000

/** Jobs are begun in the most of an activation, and shorter activations begin some all the same. */
export const startsMs = (forMs: number): number => Math.max(forMs - lastCallMs, (forMs * 3) / 4)

/** Of a coordinator that stays on. */
export const alwaysActive: ActivationState = { mayStart: true, until: undefined }

interface Activation {
  /**
   * Resolves when nothing runs any more, at the end of the activation at the latest. Never rejects. Only then is it
   * over.
   */
  end(): Promise<void>
}

interface ActivationOptions {
  /** How long jobs are begun. */
  startsMs: number
  /** How long running ones are waited for, from the opening. */
  forMs: number
  /** Whether it waits for what comes due within seconds. */
  hasIdleWindow: boolean
}

export interface Activations extends ActivationState {
  open(options: ActivationOptions): Activation
  /** Nothing that comes due is waited for any more. */
  stop(): void
}

interface ActivationDeps {
  clock: Clock
  events: Events
  log: Log
  /** Stages what is due, and answers with when more will be. */
  stage: () => Promise<Date | undefined>
  /** Made after this. */
  dispatcher: () => Dispatcher
}

interface OpenActivation {
  cancelLastCall: () => void
  startsUntil: Date
  until: Date
  hasIdleWindow: boolean
}

export function createActivations({ clock, events, log, stage, dispatcher }: ActivationDeps): Activations {
  const open = new Set<OpenActivation>()

  const mayStart = () => {
    const now = clock.now()
    return [...open].some(({ startsUntil }) => now < startsUntil)
  }

  const idleWindow = createIdleWindow({
    clock,
    log,
    stage,
    // nothing that comes due after the last call is begun
    mayWaitUntil: (at) => [...open].some(({ hasIdleWindow, startsUntil }) => hasIdleWindow && at < startsUntil),
  })
  const stopListening = events.on('scheduled', (at) => idleWindow.plan(at))

  /** Resolves with the work or when the moment has come. */
  const by = async (at: Date, work: Promise<unknown>): Promise<void> => {
    const over = new AbortController()
    void work.then(() => over.abort())
    // a clock may come back early
    while (!over.signal.aborted && clock.now() < at) {
      await clock.sleep(at.getTime() - clock.now().getTime(), over.signal)
    }
  }

  /** Resolves when nothing runs, nor will soon, or at the end. */
  const quietBy = async ({ until, hasIdleWindow }: OpenActivation): Promise<void> => {
    while (clock.now() < until) {
      if (!dispatcher().isIdle) await by(until, dispatcher().idle())
      else if (hasIdleWindow && idleWindow.over) await by(until, idleWindow.over)
      else return
    }
  }

  /**
   * At that moment what is claimed ahead goes back, unless another activation has use for it. A clock may ring early.
   */
  const lastCall = (at: Date): (() => void) => {
    let cancel = () => {}
    const ring = () => {
      const leftMs = at.getTime() - clock.now().getTime()
      if (leftMs > 0) cancel = clock.alarm(leftMs, ring)
      else dispatcher().rest()
    }
    ring()
    return () => cancel()
  }

  const end = async (activation: OpenActivation): Promise<void> => {
    await quietBy(activation)
    activation.cancelLastCall()
    open.delete(activation)
    // another activation waits for what runs
    if (open.size > 0) return
    dispatcher().rest()
    dispatcher().leave()
    // what is being written is written before the platform may stop us
    await dispatcher().idle()
  }

  return {
    get mayStart() {
      return mayStart()
    },
    get until() {
      return [...open].reduce((latest, { until }) => (until > latest ? until : latest), new Date(0))
    },
    open({ startsMs, forMs, hasIdleWindow }) {
      const now = clock.now().getTime()
      const startsUntil = new Date(now + startsMs)
      const until = new Date(now + forMs)
      const activation = { startsUntil, until, hasIdleWindow, cancelLastCall: lastCall(startsUntil) }
      open.add(activation)
      let ending: Promise<void> | undefined
      return { end: () => (ending ??= end(activation)) }
    },
    stop() {
      stopListening()
      idleWindow.stop()
    },
  }
}
