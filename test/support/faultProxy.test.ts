import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { MongoClient } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { testDatabase } from './database.js'
import { command, databaseProxy, faultProxy, type DatabaseProxy } from './faultProxy.js'

interface Things {
  _id: number
  text?: string
}

/** A database, the same through a proxy, and what each of them sees. */
async function behindProxy() {
  const database = await testDatabase()
  const proxy = await databaseProxy(database.uri)
  const client = await MongoClient.connect(proxy.uri, { retryReads: false, retryWrites: false })
  return {
    proxy,
    /** Seen past the proxy. */
    things: database.db.collection<Things>('things'),
    db: client.db(),
    far: client.db().collection<Things>('things'),
    async [Symbol.asyncDispose]() {
      await proxy.heal()
      await client.close()
      await proxy[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  )

/** Resolves with what it became, or `undefined` where it still waits when `mark` has passed. */
const settledBy = async (work: Promise<unknown>, mark: Promise<unknown>): Promise<string | undefined> =>
  Promise.race([
    work.then(
      () => 'done',
      () => 'failed',
    ),
    mark.then(() => undefined),
  ])

describe('between a coordinator and its database', () => {
  it('passes all that is said, of any size', async () => {
    await using behind = await behindProxy()
    const text = 'x'.repeat(3_000_000)
    await behind.far.insertMany([{ _id: 1, text }, { _id: 2 }])
    expect(await behind.far.find().sort({ _id: 1 }).toArray()).toEqual([{ _id: 1, text }, { _id: 2 }])
  })

  it('holds all bytes until it is told to pass them', async () => {
    await using behind = await behindProxy()
    await behind.far.insertOne({ _id: 1 })
    behind.proxy.hold()
    const written = behind.far.insertOne({ _id: 2 })
    expect(await settledBy(written, behind.things.countDocuments())).toBeUndefined()
    expect(await behind.things.countDocuments()).toBe(1)
    behind.proxy.pass()
    await written
    expect(await behind.things.countDocuments()).toBe(2)
  })

  it('holds the answers alone: what was asked for is done', async () => {
    await using behind = await behindProxy()
    await behind.far.insertOne({ _id: 1 })
    behind.proxy.hold('answers')
    const asked = behind.proxy.next(command('insert', 'things'))
    const written = behind.far.insertOne({ _id: 2 })
    await asked
    while ((await behind.things.countDocuments()) < 2);
    expect(await settledBy(written, behind.things.countDocuments())).toBeUndefined()
    behind.proxy.pass()
    await written
  })

  it('cuts a write before it reached the database', async () => {
    await using behind = await behindProxy()
    await behind.far.insertOne({ _id: 1 })
    const cut = behind.proxy.cutBefore(command('insert', 'things'))
    await expect(behind.far.insertOne({ _id: 2, text: 'lost' })).rejects.toThrow(/clos|reset/i)
    expect((await cut).body()).toMatchObject({ insert: 'things', documents: [{ _id: 2, text: 'lost' }] })
    expect(await behind.things.countDocuments()).toBe(1)
    await behind.far.insertOne({ _id: 3 })
  })

  it('cuts the answer of a write that the database has made', async () => {
    await using behind = await behindProxy()
    const cut = behind.proxy.cutAfter(command('insert', 'things'))
    await expect(behind.far.insertOne({ _id: 1 })).rejects.toThrow(/clos|reset/i)
    await cut
    expect(await behind.things.findOne()).toEqual({ _id: 1 })
  })

  it('leaves commands and collections alone that do not match', async () => {
    await using behind = await behindProxy()
    const cut = behind.proxy.cutBefore(command('insert', 'things'))
    await behind.db.collection<Things>('others').insertOne({ _id: 1 })
    await behind.far.updateOne({ _id: 1 }, { $set: { text: 'a' } }, { upsert: true })
    await expect(behind.far.insertOne({ _id: 2 })).rejects.toThrow(/clos|reset/i)
    await cut
  })

  it('stops a write before the database, so that another one comes between', async () => {
    await using behind = await behindProxy()
    await behind.far.insertOne({ _id: 1, text: 'first' })
    const stopped = behind.proxy.holdBefore(command('update', 'things'))
    const late = behind.far.updateOne({ _id: 1, text: 'first' }, { $set: { text: 'late' } })
    const held = await stopped
    await behind.far.updateOne({ _id: 1, text: 'first' }, { $set: { text: 'between' } })
    held.pass()
    expect(await late).toMatchObject({ matchedCount: 0 })
    expect(await behind.things.findOne()).toMatchObject({ text: 'between' })
  })

  it('stops the answer of a write that the database has made', async () => {
    await using behind = await behindProxy()
    const stopped = behind.proxy.holdAfter(command('insert', 'things'))
    const written = behind.far.insertOne({ _id: 1 })
    const held = await stopped
    expect(await behind.things.countDocuments()).toBe(1)
    held.pass()
    await written
  })

  it('cuts all connections at once, and lets new ones be made', async () => {
    await using behind = await behindProxy()
    await behind.far.insertOne({ _id: 1 })
    behind.proxy.hold('requests')
    const failure = failureOf(behind.far.insertOne({ _id: 2 }))
    expect(await behind.proxy.cut()).toBeGreaterThan(0)
    expect(behind.proxy.connections()).toBe(0)
    expect(await failure).toMatch(/clos|reset/i)
    behind.proxy.pass()
    await behind.far.insertOne({ _id: 3 })
    expect(await behind.things.countDocuments()).toBe(2)
  })

  it('refuses new connections until it accepts again, on the same port', async () => {
    await using behind = await behindProxy()
    await behind.proxy.refuse()
    await behind.proxy.cut()
    await expect(socketTo(behind.proxy)).rejects.toThrow(/ECONNREFUSED/)
    await behind.proxy.accept()
    await using client = await MongoClient.connect(behind.proxy.uri)
    await client.db().collection<Things>('things').insertOne({ _id: 1 })
    expect(await behind.things.countDocuments()).toBe(1)
  })

  it('swallows what open connections say, and serves new ones', async () => {
    await using behind = await behindProxy()
    await behind.far.insertOne({ _id: 1 })
    behind.proxy.swallow()
    const written = behind.far.insertOne({ _id: 2 })
    await using client = await MongoClient.connect(behind.proxy.uri)
    await client.db().collection<Things>('things').insertOne({ _id: 3 })
    expect(await settledBy(written, behind.things.countDocuments())).toBeUndefined()
    const failure = failureOf(written)
    await behind.proxy.heal()
    expect(await failure).toMatch(/clos|reset/i)
    expect(await behind.things.countDocuments()).toBe(2)
  })

  it('delays each way by what it is told', async () => {
    await using behind = await behindProxy()
    await behind.far.insertOne({ _id: 1 })
    behind.proxy.delay({ requests: 60, answers: 40 })
    const startedAt = performance.now()
    await behind.far.insertOne({ _id: 2 })
    // timers may ring a millisecond early
    expect(performance.now() - startedAt).toBeGreaterThan(97)
  })
})

/** A driver would try again for as long as it may. */
const socketTo = async ({ host, port }: DatabaseProxy): Promise<void> => {
  const socket = connect(port, host)
  await once(socket, 'connect')
  socket.destroy()
}

describe('between a coordinator and its functions', () => {
  async function server(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    const http = createServer(answer).listen(0, '127.0.0.1')
    await once(http, 'listening')
    const proxy = await faultProxy({ url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` })
    return {
      proxy,
      url: `http://${proxy.host}:${proxy.port}`,
      async [Symbol.asyncDispose]() {
        await proxy[Symbol.asyncDispose]()
        http.closeAllConnections()
        http.close()
        await once(http, 'close')
      },
    }
  }

  it('cuts the answer of a call that was made', async () => {
    const calls: string[] = []
    await using functions = await server((request, response) => {
      calls.push(request.url!)
      response.end('done')
    })
    expect(await (await fetch(`${functions.url}/first`)).text()).toBe('done')
    const cut = functions.proxy.cutAfter(({ bytes }) => bytes.includes('GET /second'))
    await expect(fetch(`${functions.url}/second`)).rejects.toThrow('fetch failed')
    await cut
    expect(calls).toEqual(['/first', '/second'])
    expect(await (await fetch(`${functions.url}/third`)).text()).toBe('done')
  })

  it('cuts a call before it was made', async () => {
    const calls: string[] = []
    await using functions = await server((request, response) => {
      calls.push(request.url!)
      response.end('done')
    })
    const cut = functions.proxy.cutBefore(({ bytes }) => bytes.includes('GET /first'))
    await expect(fetch(`${functions.url}/first`)).rejects.toThrow('fetch failed')
    await cut
    expect(calls).toEqual([])
  })
})
