/** All callers of a run, side by side. Each repeats what it does until the load is over; how often, it says itself. */
import type { Random } from '../../support/random.js'
import type { Caller } from './caller.js'
import { insistent, limited, many, once, paced, parent, plain, posted, snoozer } from './jobs.js'
import { canceller, follower, pauser, retrier } from './operators.js'
import { replacing } from './replacing.js'
import { handler, makeSchedules } from './schedules.js'
import { atomicRequests, groups } from './together.js'

/** How many of each, so that together they ask for about twenty jobs a second. */
const actors: readonly { act: (caller: Caller) => Promise<void>; count: number }[] = [
  { act: plain, count: 1 },
  { act: posted, count: 1 },
  { act: many, count: 1 },
  { act: limited, count: 2 },
  { act: paced, count: 2 },
  { act: once, count: 2 },
  { act: insistent, count: 1 },
  { act: snoozer, count: 1 },
  { act: parent, count: 1 },
  { act: replacing, count: 6 },
  { act: atomicRequests, count: 1 },
  { act: groups, count: 2 },
  { act: canceller, count: 2 },
  { act: retrier, count: 2 },
  { act: follower, count: 2 },
  { act: pauser, count: 1 },
  { act: handler, count: 1 },
]

/** Resolves when the load is over and each caller has its last answer. */
export async function runLoad(callerOf: (random: Random) => Caller, random: Random): Promise<void> {
  await makeSchedules(callerOf(random.fork('schedules')))
  const repeat = async (act: (caller: Caller) => Promise<void>, caller: Caller) => {
    while (!caller.over.aborted) {
      const startedAt = Date.now()
      await act(caller)
      // a call that is refused at once must not become a busy loop
      if (Date.now() - startedAt < 50) await caller.pause(50)
    }
  }
  await Promise.all(
    actors.flatMap(({ act, count }) =>
      Array.from({ length: count }, (_, index) => repeat(act, callerOf(random.fork(`${act.name} ${index}`)))),
    ),
  )
}
