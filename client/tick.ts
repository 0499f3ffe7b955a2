/** Asks a coordinator that does not stay on for a tick. */
import { durationMs, type Duration } from '../core/time/duration.js'
import { dated } from './dated.js'
import type { Ticking } from './tickTypes.js'
import type { Transport } from './transport.js'

/** The coordinator answers when the budget is over; the answer needs time too. */
const answerMs = 10_000

export const createTicking = ({ call, timeoutMs }: Transport): Ticking => ({
  async tick({ budget = `${Math.ceil((timeoutMs * 2) / 3)}ms` as Duration } = {}) {
    const limits = { timeoutMs: Math.max(timeoutMs, durationMs(budget) + answerMs) }
    return dated(await call((router, options) => router.tick.mutate({ budget }, options), limits))
  },
})
