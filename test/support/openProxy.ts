/** The proxy itself: connections, the messages on them, and what is done to both. Its doors are in faultProxy.ts. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** What passes in one piece: a frame of the database's wire, or a chunk. */
export interface Piece {
  bytes: Buffer
}

export type Match<P extends Piece> = (request: P) => boolean

/** Which way bytes go: to the server, or back from it. */
type Way = 'requests' | 'answers'

/** A message that waits in the proxy until a test decides about it. */
interface Held<P extends Piece> {
  request: P
  /** Lets it go on. */
  pass(): void
  /** Cuts its connection; the message is gone. Resolves when both sides are closed. */
  cut(): Promise<void>
}

export interface FaultProxy<P extends Piece = Piece> extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** How many are open through the proxy. */
  connections(): number
  /** Bytes wait in the proxy from now on, those of connections to come too. Default: both ways. */
  hold(way?: Way): void
  /** Ends `hold`: what waited goes on, in its order. */
  pass(): void
  /** The connections that are open now never pass a byte again and stay open; new ones are not concerned. */
  swallow(): void
  /** Each byte takes so much longer. The default of a way is 0. */
  delay(ms: Partial<Record<Way, number>>): void
  /** Cuts all connections, both sides of each. Resolves with their number when they are closed. */
  cut(): Promise<number>
  /** New connections are refused (ECONNREFUSED); open ones go on. */
  refuse(): Promise<void>
  /** Ends `refuse`. */
  accept(): Promise<void>
  /** Ends everything above, and what is armed below. What was swallowed is cut. */
  heal(): Promise<void>
  /** Resolves with the next request that matches, as it passes. */
  next(match: Match<P>): Promise<P>
  /** Cuts the connection of the next request that matches, which never reaches the server. */
  cutBefore(match: Match<P>): Promise<P>
  /**
   * Lets the next request that matches reach the server and cuts its connection when the answer comes, which never
   * arrives.
   */
  cutAfter(match: Match<P>): Promise<P>
  /** Stops the next request that matches before the server. Resolves when it is here. */
  holdBefore(match: Match<P>): Promise<Held<P>>
  /**
   * Stops the answer to the next request that matches: the server has done what it asks for. Resolves when the answer
   * is here.
   */
  holdAfter(match: Match<P>): Promise<Held<P>>
}

export type Target = { path: string } | { host: string; port: number }

interface ProxyOptions<P extends Piece> {
  target: Target
  port: number
  /** Made anew for each way of each connection. */
  split: () => (chunk: Buffer) => P[]
  answers: (request: P, piece: P) => boolean
}

interface Trap<P extends Piece> {
  match: Match<P>
  moment: 'before' | 'after'
  caught: (held: Held<P>) => void
}

interface Connection<P extends Piece> {
  sockets: readonly [client: Socket, server: Socket]
  isSwallowed: boolean
  /** Whose answer is to be caught. */
  awaited: { request: P; trap: Trap<P> } | undefined
}

/** As its doors see it. */
export interface OpenProxy<P extends Piece> extends FaultProxy<P> {
  /** Where connections lead that are made from now on. */
  leadTo(target: Target): void
}

export async function openProxy<P extends Piece>({
  target: firstTarget,
  port,
  split,
  answers,
}: ProxyOptions<P>): Promise<OpenProxy<P>> {
  let target = firstTarget
  const connections = new Set<Connection<P>>()
  const traps = new Set<Trap<P>>()
  const held = new Set<Way>()
  const delayMs = { requests: 0, answers: 0 }
  let wake = wakeUp()

  const changed = () => {
    const woken = wake
    wake = wakeUp()
    woken.now()
  }

  const cutOne = async ({ sockets }: Connection<P>): Promise<void> => {
    const closed = sockets.map(whenClosed)
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
  }

  /** Resolves when a piece may go on, or its connection was cut meanwhile. */
  const mayPass = async (connection: Connection<P>, way: Way): Promise<void> => {
    while (connections.has(connection) && (held.has(way) || connection.isSwallowed)) await wake.up
  }

  const catchIn = (connection: Connection<P>, request: P, trap: Trap<P>): Promise<'pass' | 'cut'> =>
    new Promise((resolve) =>
      trap.caught({
        request,
        pass: () => resolve('pass'),
        async cut() {
          resolve('cut')
          await cutOne(connection)
        },
      }),
    )

  /** What is to be done about a piece beside passing it. */
  const examine = async (connection: Connection<P>, way: Way, piece: P): Promise<'pass' | 'cut'> => {
    const { awaited } = connection
    if (way === 'answers') {
      if (awaited === undefined || !answers(awaited.request, piece)) return 'pass'
      connection.awaited = undefined
      return await catchIn(connection, awaited.request, awaited.trap)
    }
    const trap = [...traps].find(({ match }) => match(piece))
    if (trap === undefined) return 'pass'
    traps.delete(trap)
    if (trap.moment === 'before') return await catchIn(connection, piece, trap)
    connection.awaited = { request: piece, trap }
    return 'pass'
  }

  const carry = (connection: Connection<P>, way: Way, from: Socket, to: Socket) => {
    const pieces = split()
    let last: Promise<unknown> = Promise.resolve()
    let waitingBytes = 0
    const pass = async (piece: P, arrivedAt: number) => {
      await until(arrivedAt + delayMs[way])
      await mayPass(connection, way)
      if ((await examine(connection, way, piece)) === 'pass') to.write(piece.bytes)
      waitingBytes -= piece.bytes.length
      if (waitingBytes <= waitingLimitBytes) from.resume()
    }
    from.on('data', (chunk: Buffer) => {
      for (const piece of pieces(chunk)) {
        const arrivedAt = performance.now()
        const before = last
        waitingBytes += piece.bytes.length
        last = (async () => {
          await before
          await pass(piece, arrivedAt)
        })()
      }
      if (waitingBytes > waitingLimitBytes) from.pause()
    })
    from.on('end', () => {
      void (async () => {
        await last
        await mayPass(connection, way)
        to.end()
      })()
    })
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const connection: Connection<P> = {
      sockets: [client, connect({ ...target, allowHalfOpen: true })],
      isSwallowed: false,
      awaited: undefined,
    }
    const [, upstream] = connection.sockets
    connections.add(connection)
    for (const socket of connection.sockets) {
      socket.setNoDelay(true)
      // what goes wrong on one side is told to the other by its end
      socket.on('error', () => {})
      socket.on('close', () => {
        connections.delete(connection)
        void cutOne(connection)
        changed()
      })
    }
    carry(connection, 'requests', client, upstream)
    carry(connection, 'answers', upstream, client)
  })
  await listenOn(server, port)
  const address = server.address() as AddressInfo

  const trap = (match: Match<P>, moment: Trap<P>['moment']): Promise<Held<P>> =>
    new Promise((caught) => traps.add({ match, moment, caught }))

  const proxy: OpenProxy<P> = {
    host: address.address,
    port: address.port,
    connections: () => connections.size,
    leadTo(to) {
      target = to
    },
    hold(way) {
      for (const each of way ? [way] : (['requests', 'answers'] as const)) held.add(each)
    },
    pass() {
      held.clear()
      changed()
    },
    swallow() {
      for (const connection of connections) connection.isSwallowed = true
    },
    delay: (ms) => void Object.assign(delayMs, { requests: 0, answers: 0 }, ms),
    async cut() {
      const open = [...connections]
      await Promise.all(open.map(cutOne))
      return open.length
    },
    async refuse() {
      if (server.listening) await new Promise<void>((resolve) => stopListening(server, resolve))
    },
    async accept() {
      if (!server.listening) await listenOn(server, address.port)
    },
    async heal() {
      traps.clear()
      proxy.delay({})
      proxy.pass()
      await Promise.all([...connections].filter(({ isSwallowed }) => isSwallowed).map(cutOne))
      await proxy.accept()
    },
    async next(match) {
      const held = await trap(match, 'before')
      held.pass()
      return held.request
    },
    async cutBefore(match) {
      const held = await trap(match, 'before')
      await held.cut()
      return held.request
    },
    async cutAfter(match) {
      const held = await trap(match, 'after')
      await held.cut()
      return held.request
    },
    holdBefore: (match) => trap(match, 'before'),
    holdAfter: (match) => trap(match, 'after'),
    async [Symbol.asyncDispose]() {
      await proxy.refuse()
      await proxy.cut()
    },
  }
  return proxy
}

/** More than this is left to the kernel and then to whoever sends, as on any slow line. */
const waitingLimitBytes = 1 << 20

function wakeUp() {
  let now = () => {}
  const up = new Promise<void>((resolve) => (now = resolve))
  return { up, now: () => now() }
}

const until = async (at: number): Promise<void> => {
  const ms = at - performance.now()
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}

/** Not `once`, which would fail by the error that often comes before. */
const whenClosed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })

async function listenOn(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

/** `close` calls back only when the last connection has ended, and these go on: it stops listening at once. */
function stopListening(server: Server, done: () => void): void {
  server.close()
  setImmediate(done)
}
