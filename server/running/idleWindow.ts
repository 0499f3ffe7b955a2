/**
 * Waits for what comes due within seconds, once for all who are awake: a first retry, the next turn of a throttle, a
 * short delay.
 */
import type { Clock } from '../../core/time/clock.js'
import type { Log } from '../log.js'

/** Work that comes due later is left to a tick. */
const idleWindowMs = 10_000

export interface IdleWindow {
  /** There will be something to stage at that moment. */
  plan(at: Date): void
  /** Resolves when what is planned is staged; absent where nothing is. */
  readonly over: Promise<void> | undefined
  stop(): void
}

interface IdleWindowDeps {
  clock: Clock
  log: Log
  /** Stages what is due, and answers with when more will be. */
  stage: () => Promise<Date | undefined>
  mayWaitUntil: (at: Date) => boolean
}

export function createIdleWindow({ clock, log, stage, mayWaitUntil }: IdleWindowDeps): IdleWindow {
  let planned: { at: Date; cancel: () => void } | undefined
  let staging = false
  let over: { promise: Promise<void>; resolve: () => void } | undefined

  const end = () => {
    if (planned || staging) return
    over?.resolve()
    over = undefined
  }

  const ring = async () => {
    planned = undefined
    staging = true
    try {
      const next = await stage()
      if (next) plan(next)
    } catch (error) {
      log('warn', 'what came due could not be staged; the next tick will', { error })
    } finally {
      staging = false
      end()
    }
  }

  const plan = (at: Date) => {
    const leftMs = at.getTime() - clock.now().getTime()
    if (leftMs > idleWindowMs || (planned && planned.at <= at) || !mayWaitUntil(at)) return
    planned?.cancel()
    planned = { at, cancel: clock.alarm(Math.max(0, leftMs), () => void ring()) }
    over ??= deferred()
  }

  return {
    plan,
    get over() {
      return over?.promise
    },
    stop() {
      planned?.cancel()
      planned = undefined
      end()
    },
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
