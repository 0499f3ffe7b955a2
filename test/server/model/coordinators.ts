/** Coordinators that may die between any two writes, whose questions to the database take turns at random. */
import { testErrand, type TestErrand } from '../../support/errand.js'
import type { Functions, PlayedCall } from './functions.js'
import { workers } from './workers.js'

class Crash extends Error {}

export interface Mortal {
  errand: TestErrand
  dead: boolean
  calls: Set<PlayedCall>
  /** Dies at the `nth` question to the database from now, before it is asked or before it is answered. */
  dieAt(nth: number, asked: boolean): void
  dispose(): Promise<void>
}

export interface Weather {
  random: () => number
  /** Questions to the database that are under way. */
  pending: number
  /** What was done, for whoever reads a failure. */
  log: string[]
}

export async function mortalCoordinator(
  functions: Functions,
  weather: Weather,
  { stayOn = true, ...options }: Pick<Parameters<typeof testErrand>[1] & object, 'beside' | 'clock' | 'stayOn'>,
): Promise<Mortal> {
  const calls = new Set<PlayedCall>()
  const invoke = functions.invokeFor({ calls })
  const errand = await testErrand(workers, { ...options, invoke, concurrency: 4, stayOn })
  if (!stayOn) answerFirst(errand)
  let left = Number.POSITIVE_INFINITY
  let askedBefore = false
  const mortal: Mortal = {
    errand,
    dead: false,
    calls,
    dieAt(nth, asked) {
      left = nth
      askedBefore = asked
    },
    async dispose() {
      await errand.coordinator.stop({ graceMs: 0 }).catch(() => {})
      if (!options.beside) await errand.database[Symbol.asyncDispose]()
    },
  }
  const die = () => {
    mortal.dead = true
    functions.vanish(mortal)
  }

  const ask = async (question: () => Promise<unknown>): Promise<unknown> => {
    weather.pending++
    try {
      await turns(weather)
      if (mortal.dead) throw new Crash('dead')
      if (left-- <= 0) {
        die()
        if (askedBefore) await question()
        throw new Crash('dying')
      }
      const answer = await question()
      await turns(weather)
      if (mortal.dead) throw new Crash('dead')
      return answer
    } finally {
      weather.pending--
    }
  }

  const { store } = errand.coordinator.deps
  for (const part of Object.values(store)) {
    if (typeof part !== 'object') continue
    const questions = part as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    for (const [name, question] of Object.entries(questions)) {
      questions[name] = (...args) => ask(() => question(...args))
    }
  }
  return mortal
}

/**
 * As on a platform that lets it go on after its answers, whose end a test cannot wait for while its clock stands still.
 */
function answerFirst({ coordinator }: TestErrand): void {
  const fetch = coordinator.fetch.bind(coordinator)
  coordinator.fetch = (request) => fetch(request, { waitUntil: () => {} })
}

const turns = async ({ random }: Weather) => {
  for (let left = Math.floor(random() * 4); left > 0; left--) await nextTurn()
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** Until nobody asks the database anything, nor is about to. */
export async function quiet(weather: Weather): Promise<void> {
  for (let still = 0; still < 4; still++) {
    await nextTurn()
    if (weather.pending > 0) still = -1
  }
}
