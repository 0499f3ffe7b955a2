/**
 * What every worker of the chaos run does: it writes down what it saw, in a file of its own process that nobody else
 * writes, and behaves as its args say. The checker believes this file and nothing that the coordinator says of it.
 */
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { Fatal, type JobContext } from 'errand'
import { z } from 'zod'

/**
 * How a run behaves on its first `times` attempts; later ones answer. `answer`: at once after `ms`. `fail`: throws.
 * `fatal`: throws what is not tried again. `deaf`: works for `ms` whatever its signal and its deadline say, and answers
 * then. `never`: is not heard of again.
 */
const ways = ['answer', 'fail', 'fatal', 'deaf', 'never'] as const

/** The args of every worker. */
export const work = {
  /** Names this piece of work among all of the run. */
  n: z.number().int(),
  /** Which version of it: of jobs that are replaced. */
  v: z.number().int().default(0),
  key: z.string().default(''),
  /** How long it takes. */
  ms: z.number().default(0),
  how: z.enum(ways).default('answer'),
  times: z.number().int().default(1),
  /** The atomic request, or the group, that it came with. */
  of: z.string().default(''),
}

export interface Work {
  n: number
  v: number
  ms: number
  how: (typeof ways)[number]
  times: number
}

/** One write for each line: it is whole, and there, however the process ends. */
function note(kind: string, run: string, more: object): void {
  appendFileSync(process.env['CHAOS_LEDGER']!, `${JSON.stringify({ kind, at: Date.now(), run, ...more })}\n`)
}

/**
 * One run, from its start to its end by its own account. `act` is what it does beside waiting. Answers with what the
 * receipt is to hold.
 */
export async function perform(
  args: Work,
  context: JobContext,
  act: (run: string) => Promise<void> = async () => {},
): Promise<{ n: number; v: number; run: string }> {
  const run = randomUUID()
  const { jobId: job, worker, attempt } = context
  const told = watchDeadline(context)
  const until = () => told.until
  note('start', run, { job, worker, attempt, deadline: until(), args })
  context.signal.addEventListener('abort', () => {
    const reason = context.signal.reason as { code?: string } | undefined
    note('stop', run, { code: reason?.code ?? '', deadline: until() })
  })
  try {
    await act(run)
    await behave(args, context, run)
    note('end', run, { how: 'returned', deadline: until() })
    return { n: args.n, v: args.v, run }
  } catch (error) {
    note('end', run, { how: 'threw', deadline: until() })
    throw error
  } finally {
    told.stop()
  }
}

/**
 * The deadline that the coordinator has told, which a heartbeat may move. A function that cannot reach its coordinator
 * gives itself more time, at its deadline and not before; that is nobody's word.
 */
function watchDeadline(context: JobContext): { readonly until: number; stop(): void } {
  let until = context.deadline.getTime()
  const look = () => {
    const now = context.deadline.getTime()
    if (now !== until && Date.now() < until) until = now
  }
  const timer = setInterval(look, 50).unref()
  return {
    get until() {
      look()
      return until
    },
    stop: () => clearInterval(timer),
  }
}

async function behave({ how, times, ms }: Work, { attempt, signal }: JobContext, run: string): Promise<void> {
  const way = attempt > times ? 'answer' : how
  switch (way) {
    case 'deaf':
      return wait(ms)
    case 'never':
      return new Promise(() => {})
    case 'fail':
      await wait(ms, signal)
      throw new Error(`as it was told, in run ${run}`)
    case 'fatal':
      await wait(ms, signal)
      throw new Fatal(`as it was told, in run ${run}`)
    case 'answer':
      await wait(ms, signal)
  }
}

/** Rejects where the signal aborts before. */
function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    })
  })
}

/** A child job that the coordinator acknowledged, or a snooze that was asked for. */
export const noteChild = (run: string, call: string, child: string): void => note('followed', run, { call, child })

/** Untyped, because this project's own registry is not the one that its modules are checked by here. */
export const child = (
  context: JobContext,
): ((worker: string, args: object, options: object) => Promise<{ id: string }>) => context.enqueue as never
