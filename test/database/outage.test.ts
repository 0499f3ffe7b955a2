/** What counts as an outage of the database, what callers hear of one, and who goes on when it is over. */
import {
  MongoBulkWriteError,
  MongoClient,
  MongoNetworkError,
  MongoServerError,
  MongoWriteConcernError,
  type BulkWriteResult,
} from 'mongodb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/job/defineJob.js'
import { startLoops } from '../../server/running/loops.js'
import { createEvents } from '../../server/events.js'
import type { Deps } from '../../server/deps.js'
import type { Presence } from '../../server/presence.js'
import { createStore } from '../../server/store/index.js'
import { duplicates } from '../../server/store/duplicates.js'
import { operationLimitMs } from '../../database/renewable.js'
import { settled, watchOperations } from '../../server/store/operations.js'
import { isOutage } from '../../server/store/outage.js'
import { longestPauseMs, untilAnswered } from '../../server/untilAnswered.js'
import { manualClock } from '../support/clock.js'
import { testDatabase } from '../support/database.js'
import { testErrand } from '../support/errand.js'

const cut = () => new MongoNetworkError('connection 7 to 127.0.0.1:27017 closed')
/** As the driver throws it where the connection of a write on many is lost. */
const cutInBulk = () => new MongoBulkWriteError(cut(), { insertedCount: 0 } as BulkWriteResult)
const turn = () => new Promise((resolve) => setImmediate(resolve))
const workers = { quick: defineJob({ args: z.object({ n: z.number() }), run: async () => 1 }) }

describe('isOutage', () => {
  it('knows a connection that was lost in a write on many, though that is an error of the server by its class', () => {
    expect(cutInBulk()).toBeInstanceOf(MongoServerError)
    expect(isOutage(cutInBulk())).toBe(true)
  })

  it('knows an election by its codes, and looks for them along causes', () => {
    const steppedDown = new MongoServerError({ message: 'not primary', code: 10_107 })
    const notWritten = new MongoWriteConcernError({
      ok: 1,
      writeConcernError: { code: 189, errmsg: 'stepped down' },
    })
    expect(
      [steppedDown, notWritten, new Error('outer', { cause: steppedDown })].map((error) => isOutage(error)),
    ).toEqual([true, true, true])
  })

  it('knows a socket that ended while the driver waited to write to it, which is told in the words of Node', () => {
    const ended = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' })
    expect([isOutage(ended), isOutage(new Error('outer', { cause: ended }))]).toEqual([true, true])
  })

  it('knows a write on many that a majority did not confirm, though the driver tells of its duplicates alone', () => {
    const result = { getWriteConcernError: () => ({ code: 64, errmsg: 'waiting for replication timed out' }) }
    const writeErrors = [{ code: 11_000, index: 0, errmsg: 'E11000' }]
    const error = new MongoBulkWriteError(
      { message: 'E11000', code: 11_000, writeErrors: writeErrors as never },
      result as never,
    )
    expect(isOutage(error)).toBe(true)
    expect(() => duplicates(error)).toThrow(error)
  })

  it('takes no refusal for an outage, and no code of another library', () => {
    const refusals = [
      new MongoServerError({ message: 'not authorized', code: 13 }),
      new MongoBulkWriteError(
        { message: 'E11000', code: 11_000, writeErrors: [{ code: 11_000 }] } as never,
        {} as BulkWriteResult,
      ),
      Object.assign(new Error('no such host'), { code: 7 }),
      undefined,
      'text',
    ]
    expect(refusals.filter((error) => isOutage(error))).toEqual([])
  })

  it('ends on errors that hold each other', () => {
    const ring = new Error('one')
    ring.cause = new Error('other', { cause: ring })
    expect(isOutage(ring)).toBe(false)
  })

  it('knows what a real driver says where nobody listens, and where its client was closed', async () => {
    const client = new MongoClient('mongodb://127.0.0.1:9', { serverSelectionTimeoutMS: 50 })
    const refused: unknown = await client
      .db('x')
      .collection('y')
      .insertOne({ a: 1 })
      .catch((error: unknown) => error)
    await client.close()
    const closed: unknown = await client
      .db('x')
      .collection('y')
      .insertOne({ a: 1 })
      .catch((error: unknown) => error)
    expect([isOutage(refused), isOutage(closed)]).toEqual([true, true])
  })
})

describe('a request while the database is away', () => {
  it('is answered with 503, and told that what it asked for may be stored', async () => {
    await using errand = await testErrand(workers)
    errand.coordinator.deps.store.jobs.insertMany = () => Promise.reject(cutInBulk())
    const answer = await errand.post('/job', { worker: 'quick', args: { n: 1 } })
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE' } } })
    expect(answer.body.error.message).toContain('may have been stored')
  })

  it('is told so for each item of many', async () => {
    await using errand = await testErrand(workers)
    errand.coordinator.deps.store.jobs.insertMany = () => Promise.reject(cutInBulk())
    const { body } = await errand.post('/jobs', { jobs: [1, 2].map((n) => ({ worker: 'quick', args: { n } })) })
    expect(body.outcomes.map(({ error }: { error: { code: string } }) => error.code)).toEqual([
      'UNAVAILABLE',
      'UNAVAILABLE',
    ])
  })
})

describe('untilAnswered', () => {
  /** Answers after so many outages. */
  const answersAfter = (outages: number) => {
    let asked = 0
    return {
      get asked() {
        return asked
      },
      operation: async () => {
        if (++asked <= outages) throw cut()
        return asked
      },
    }
  }
  const parts = () => ({ clock: manualClock(), events: createEvents() })

  it('asks again until the database answers, with pauses of five seconds at most', async () => {
    const deps = parts()
    const database = answersAfter(20)
    const answer = untilAnswered(deps, database.operation)
    await turn()
    for (let asked = 1; asked <= 20; asked++) {
      expect(database.asked).toBe(asked)
      await deps.clock.advance(`${longestPauseMs}ms`)
    }
    expect(await answer).toBe(21)
  })

  it('asks at once when anything else succeeds again', async () => {
    const deps = parts()
    const database = answersAfter(1)
    const answer = untilAnswered(deps, database.operation)
    await turn()
    deps.events.emit('databaseBack', undefined)
    expect(await answer).toBe(2)
  })

  it('throws what is no outage, and an outage once its time is over or its signal aborts', async () => {
    const deps = parts()
    const refusal = new MongoServerError({ message: 'not authorized', code: 13 })
    await expect(untilAnswered(deps, () => Promise.reject(refusal))).rejects.toBe(refusal)

    const patience = { until: new Date(deps.clock.now().getTime() + 60) }
    const inTime = untilAnswered(deps, answersAfter(9).operation, patience).catch((error: unknown) => isOutage(error))
    await turn()
    await deps.clock.advance('60ms')
    expect(await inTime).toBe(true)

    const stopping = new AbortController()
    const stopped = untilAnswered(deps, answersAfter(9).operation, { signal: stopping.signal }).catch(isOutage)
    await turn()
    stopping.abort()
    expect(await stopped).toBe(true)
  })
})

describe('loops', () => {
  it('go on at once when anything succeeds again after an outage', async () => {
    const levels: string[] = []
    const deps = {
      clock: manualClock(),
      events: createEvents(),
      random: () => 0.5,
      log: (level) => void levels.push(level),
      presence: { isAway: true } as Partial<Presence> as Presence,
    } as Partial<Deps> as Deps
    const rounds: string[] = []
    let isAway = true
    let ran = () => {}
    const loops = startLoops(deps, [
      {
        name: 'step',
        everyMs: 60_000,
        run: async () => {
          rounds.push(isAway ? 'away' : 'done')
          ran()
          if (isAway) throw cut()
          return {}
        },
      },
    ])
    while (deps.clock.now() < new Date('2030-01-01T00:01:00Z'))
      await (deps.clock as ReturnType<typeof manualClock>).advance('5s')
    expect(rounds.length).toBeGreaterThan(10)
    // somebody else says that it is away
    expect(new Set(levels)).toEqual(new Set(['debug']))
    isAway = false
    const done = new Promise<void>((resolve) => (ran = resolve))
    deps.events.emit('databaseBack', undefined)
    await done
    expect(rounds.at(-1)).toBe('done')
    await loops.stop()
  })
})

describe('the store', () => {
  const watched = () => {
    const told: string[] = []
    const clock = manualClock()
    const watch = watchOperations({ clock, back: () => told.push('back'), failing: () => told.push('failing') })
    return { told, clock, watch }
  }

  it('tells once that the database fails, and that it is back, by an answer or a refusal after an outage', async () => {
    const { told, watch } = watched()
    const outcomes: (() => Promise<unknown>)[] = [
      async () => 1,
      () => Promise.reject(cut()),
      () => Promise.reject(cut()),
      () => Promise.reject(new MongoServerError({ message: 'not authorized', code: 13 })),
      async () => 2,
    ]
    const store = watch('part', () => ({ next: async (index: number) => outcomes[index]!() }))
    for (const index of outcomes.keys()) {
      told.push(await store.next(index).then(String, (error: Error) => error.name))
    }
    expect(told).toEqual(['1', 'failing', 'MongoNetworkError', 'MongoNetworkError', 'back', 'MongoServerError', '2'])
  })

  it('waits no longer than its limit for an answer, and tells when what it gave up cannot happen any more', async () => {
    const { clock, watch } = watched()
    let answer = (_: string) => {}
    const store = watch('part', () => ({ ask: () => new Promise<string>((resolve) => (answer = resolve)) }))
    const outcome = store.ask().catch((error: unknown) => error)
    await clock.advance(`${operationLimitMs}ms`)
    const error = await outcome
    expect(isOutage(error)).toBe(true)
    let isSettled = false
    const settling = settled(error).then(() => (isSettled = true))
    await turn()
    expect(isSettled).toBe(false)
    answer('late')
    await settling
  })

  it('gives an operation its time again where the process has slept', async () => {
    const { clock, watch } = watched()
    let answer = (_: string) => {}
    const store = watch('part', () => ({ ask: () => new Promise<string>((resolve) => (answer = resolve)) }))
    const outcome = store.ask()
    await clock.advance('1h')
    answer('in time')
    expect(await outcome).toBe('in time')
  })

  it('asks another database as soon as that has taken the place of the first', async () => {
    await using one = await testDatabase()
    await using other = await testDatabase()
    let db = one.db
    const { jobs } = createStore(() => db)
    await other.db.collection<{ _id: string }>('errand_jobs').insertOne({ _id: 'there' })
    expect(await jobs.find('there')).toBe(null)
    db = other.db
    expect(await jobs.find('there')).toMatchObject({ _id: 'there' })
  })
})
