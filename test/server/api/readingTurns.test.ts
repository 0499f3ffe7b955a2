import { describe, expect, it } from 'vitest'
import { createReadingTurns } from '../../../server/api/readingTurns.js'

const caller = () => new AbortController()

describe('turns at reading receipts', () => {
  it('begin at once while there is room, and then in the order in which they were asked for', async () => {
    const turns = createReadingTurns(100)
    const first = await turns.begin(60, caller())
    const second = await turns.begin(60, caller())
    const begun: string[] = []
    const ask = async (name: string, bytes: number) => {
      const turn = await turns.begin(bytes, caller())
      begun.push(name)
      return turn
    }
    const third = ask('third', 90)
    const fourth = ask('fourth', 1)
    expect(turns.waiting).toBe(2)
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    await third
    expect(begun).toEqual(['third'])
    second[Symbol.dispose]()
    await fourth
    expect({ begun, waiting: turns.waiting }).toEqual({ begun: ['third', 'fourth'], waiting: 0 })
  })

  it('are given up by callers who have gone away', async () => {
    const turns = createReadingTurns(100)
    using _held = await turns.begin(100, caller())
    const gone = caller()
    const waiting = turns.begin(1, gone)
    gone.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    expect(turns.waiting).toBe(0)
    await expect(turns.begin(1, gone)).rejects.toThrow('gone')
  })
})
