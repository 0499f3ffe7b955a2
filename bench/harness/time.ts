/** Time as the bench measures it. */
import { setTimeout as sleepFor } from 'node:timers/promises'

/**
 * Milliseconds of the machine's monotonic clock, which all processes share: moments of two processes may be subtracted.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

export const sleep = (ms: number): Promise<void> => sleepFor(ms)

/** From the call that began something to its end. */
export interface Span {
  startedAt: number
  endedAt: number
}

export async function timed(work: () => Promise<unknown>): Promise<Span> {
  const startedAt = now()
  await work()
  return { startedAt, endedAt: now() }
}

export const perSecond = (count: number, { startedAt, endedAt }: Span): number =>
  (count / (endedAt - startedAt)) * 1_000

/** Fails after so long. Without it one lost job would hold the bench for good. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done after ${ms / 1_000} s`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** Asks again every few milliseconds. Answers with the moment at which it was so. */
export async function until(what: string, isSo: () => Promise<boolean>, limitMs = 120_000): Promise<number> {
  const limit = now() + limitMs
  while (!(await isSo())) {
    if (now() > limit) throw new Error(`${what}: not so after ${limitMs / 1_000} s`)
    await sleep(4)
  }
  return now()
}
