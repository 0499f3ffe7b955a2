import { describe, expect, it } from 'vitest'
import { mapInTurns } from '../../../server/jobs/inTurns.js'

describe('many items', () => {
  it('let others have a turn between them, and keep their order', async () => {
    const seen: string[] = []
    let stop = false
    const others = (async () => {
      while (!stop) {
        seen.push('other')
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const items = Array.from({ length: 1_600 }, (_, n) => n)
    const outcomes = await mapInTurns(items, async (item, index) => {
      if (item % 500 === 0) seen.push(`${item}`)
      return [item, index]
    })
    stop = true
    await others
    expect(outcomes).toEqual(items.map((n) => [n, n]))
    const begun = seen.flatMap((one, at) => (one === 'other' ? [] : [at]))
    expect(begun).toHaveLength(4)
    for (const [index, at] of begun.slice(1).entries()) expect(seen.slice(begun[index], at)).toContain('other')
  })

  it('fail as the first of them', async () => {
    const items = Array.from({ length: 1_200 }, (_, n) => n)
    const failing = mapInTurns(items, (item) =>
      item % 600 === 599 ? Promise.reject(new Error(`${item}`)) : Promise.resolve(),
    )
    await expect(failing).rejects.toThrow('599')
  })
})
