/**
 * What is known of the database's being there, and what is done where it does not come back. The driver's events are
 * told by hand, the clock stands.
 */
import { EventEmitter } from 'node:events'
import type { Db } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { createCoordinator } from '../../server/coordinator.js'
import { createContracts } from '../../server/deployments/contracts.js'
import { createPresence } from '../../server/presence.js'
import { manualClock } from '../support/clock.js'
import { testKey } from '../support/errand.js'

const address = '127.0.0.1:27017'

/** A client as far as its events go. */
class FakeClient extends EventEmitter {
  readonly options = { connectTimeoutMS: 5_000, heartbeatFrequencyMS: 5_000 }

  begins(awaited = false) {
    this.emit('serverHeartbeatStarted', { connectionId: address, awaited })
  }

  ends() {
    this.emit('serverHeartbeatSucceeded', { connectionId: address })
  }

  isThere(isWritable: boolean) {
    this.emit('topologyDescriptionChanged', { newDescription: { servers: new Map([[address, { isWritable }]]) } })
  }
}

function watched({ renewable = true, reaches = true }: { renewable?: boolean; reaches?: boolean } = {}) {
  const clock = manualClock()
  const log: string[] = []
  const clients = [new FakeClient()]
  const state = { reaches, pings: false, back: 0 }
  const presence = createPresence({
    database: {
      get db() {
        return { client: clients.at(-1) } as unknown as Db
      },
      ...(renewable && {
        async renew() {
          if (!state.reaches) throw new Error('connect ECONNREFUSED')
          clients.push(new FakeClient())
        },
      }),
    },
    ping: () => (state.pings ? Promise.resolve() : Promise.reject(new Error('no answer'))),
    back: () => state.back++,
    clock,
    log: (level, message) => log.push(`${level}: ${message}`),
  })
  presence.start()
  return { clock, log, clients, presence, state, client: clients[0]! }
}

const unavailable = expect.objectContaining({ code: 'UNAVAILABLE' }) as unknown

describe('a database whose client is stuck', () => {
  it('gets a new client when a heartbeat does not end, and the coordinator goes on with that one', async () => {
    const { clock, client, clients, presence, state } = watched()
    client.begins()
    client.isThere(false)
    await clock.advance('9900ms')
    expect(clients).toHaveLength(1)
    expect(presence.isAway).toBe(true)
    await clock.advance('100ms')
    expect(clients).toHaveLength(2)
    expect(presence.isAway).toBe(false)
    expect(state.back).toBe(1)
    // the old one is heard no more
    client.isThere(false)
    expect(presence.isAway).toBe(false)
    clients[1]!.begins()
    await clock.advance('10s')
    expect(clients).toHaveLength(3)
  })

  it('keeps its client where heartbeats end, and where a server keeps one that it may keep', async () => {
    const { clock, client, clients } = watched()
    for (let round = 0; round < 20; round++) {
      client.begins()
      await clock.advance('4s')
      client.ends()
      client.begins(true)
      await clock.advance('14s')
      client.ends()
    }
    expect(clients).toHaveLength(1)
  })

  it('keeps its client where the process has slept for longer than a heartbeat may take', async () => {
    const { clock, client, clients } = watched()
    client.begins()
    await clock.advance('1h')
    client.ends()
    await clock.advance('1h')
    expect(clients).toHaveLength(1)
  })

  it('gets a new client when nothing has succeeded for 30 seconds, and a ping does not either', async () => {
    const { clock, clients, presence, state } = watched()
    presence.failing()
    await clock.advance('29s')
    presence.answering()
    await clock.advance('30s')
    expect(clients).toHaveLength(1)

    presence.failing()
    state.pings = true
    await clock.advance('30s')
    expect(clients).toHaveLength(1)

    presence.answering()
    presence.failing()
    state.pings = false
    await clock.advance('30s')
    expect(clients).toHaveLength(2)
  })

  it('is tried with a new client again and again while the database is away for all of them', async () => {
    const { clock, client, clients, state, log } = watched({ reaches: false })
    client.begins()
    for (let tries = 0; tries < 3; tries++) await clock.advance('10s')
    expect(clients).toHaveLength(1)
    expect(log.filter((line) => line.includes('does not reach it either'))).toHaveLength(3)
    state.reaches = true
    await clock.advance('10s')
    expect(clients).toHaveLength(2)
  })

  it('is told of in the log, and what to do, where the client is of the user', async () => {
    const { clock, client, clients, log } = watched({ renewable: false })
    client.begins()
    await clock.advance('10s')
    expect(clients).toHaveLength(1)
    expect(log.join()).toContain('only a new start of this process helps')
  })

  it('is watched no more once the coordinator has stopped', async () => {
    const { clock, client, clients, presence } = watched()
    client.begins()
    presence.failing()
    presence.stop()
    await clock.advance('1m')
    expect(clients).toHaveLength(1)
    expect(clock.sleeping()).toBe(0)
  })
})

describe('a request', () => {
  it('asks nobody while the database is there', async () => {
    const { clock, presence } = watched()
    await presence.present()
    expect(clock.sleeping()).toBe(0)
  })

  it('goes on when the database is back within two seconds, and is refused after them', async () => {
    const { clock, client, presence } = watched()
    client.isThere(false)
    const first = presence.present()
    await clock.advance('1900ms')
    client.isThere(true)
    await first

    client.isThere(false)
    const second = presence.present().catch((error: unknown) => error)
    await clock.advance('2s')
    expect(await second).toEqual(unavailable)
  })
})

it('needs a database, and says so', () => {
  const options = { contracts: createContracts({}), url: 'http://a', functionsUrl: 'http://b', signingKeys: [testKey] }
  expect(() => createCoordinator(options)).toThrow('createCoordinator needs `database`')
})
