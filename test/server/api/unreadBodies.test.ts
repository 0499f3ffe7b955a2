import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  bodiesInOneTurn,
  createUnreadBodies,
  mostUnreadBytes,
  mostUnreadMs,
  silentMs,
} from '../../../server/api/unreadBodies.js'
import { manualClock } from '../../support/clock.js'

const chunk = Buffer.alloc(64 * 1024)

/** Gives a chunk whenever it is asked, so many times. `given` counts. */
function body(chunks: number) {
  let given = 0
  const stream = new Readable({
    highWaterMark: 1,
    read() {
      this.push(given++ < chunks ? chunk : null)
    },
  })
  return { stream, given: () => Math.min(given, chunks) }
}

/** One that its sender does not go on with. */
const silentBody = () => new Readable({ read() {} })

describe('bodies that nobody reads', () => {
  it('are thrown away to their end', async () => {
    expect(await createUnreadBodies().discard(body(10).stream)).toBe(true)
  })

  it('leave every turn of the event loop to others too, however many come at once', async () => {
    const bodies = Array.from({ length: 200 }, () => body(8))
    const { discard } = createUnreadBodies()
    const all = Promise.all(bodies.map(({ stream }) => discard(stream)))
    const inTurns: number[] = []
    let over = false
    void all.then(() => (over = true))
    for (let before = 0; !over;) {
      await turn()
      const taken = bodies.reduce((sum, { given }) => sum + given(), 0)
      inTurns.push(taken - before)
      before = taken
    }
    expect(await all).toEqual(bodies.map(() => true))
    // the first chunk of each is here already, and a stream reads one chunk ahead
    expect(Math.max(...inTurns.slice(1))).toBeLessThanOrEqual(2 * bodiesInOneTurn)
  })

  it('are left where they are larger than the limit', async () => {
    const large = body(mostUnreadBytes / chunk.length + 5)
    expect(await createUnreadBodies().discard(large.stream)).toBe(false)
    expect(large.given() * chunk.length).toBeLessThanOrEqual(mostUnreadBytes + 3 * chunk.length)
  })

  it('are left where their sender is silent, or goes', async () => {
    const clock = manualClock()
    const { discard } = createUnreadBodies(clock)
    const waits = discard(silentBody())
    const gone = silentBody()
    const goes = discard(gone)
    await turn()
    gone.destroy()
    expect(await goes).toBe(false)
    await clock.advance(`${silentMs}ms`)
    expect(await waits).toBe(false)
    const destroyed = silentBody().destroy()
    expect(await discard(destroyed)).toBe(false)
  })

  it('are left where they trickle', async () => {
    const clock = manualClock()
    const trickle = silentBody()
    const waits = createUnreadBodies(clock).discard(trickle)
    for (let ms = 0; ms < mostUnreadMs; ms += silentMs / 2) {
      trickle.push(Buffer.alloc(1))
      await turn()
      await turn()
      await clock.advance(`${silentMs / 2}ms`)
    }
    expect(await waits).toBe(false)
  })
})
