import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mostNames, mostValues, refuseHeavyJson } from '../../../server/api/jsonWeight.js'
import { mapInTurns } from '../../../server/jobs/inTurns.js'

const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`name-${n}`, 1]))

describe('JSON that takes long to parse', () => {
  it('is known by its values', () => {
    expect(() => refuseHeavyJson(`[${'[],'.repeat(mostValues)}[]]`)).toThrow('1000000 values')
    expect(() => refuseHeavyJson(`[${'1,'.repeat(mostValues)}1]`)).toThrow('1000000 values')
    expect(() => refuseHeavyJson(`[${'1,'.repeat(mostValues - 10)}1]`)).not.toThrow()
  })

  it('is known by the names of its fields, however they are spread', () => {
    expect(() => refuseHeavyJson(JSON.stringify(names(mostNames + 1)))).toThrow('100000 different names')
    expect(() =>
      refuseHeavyJson(JSON.stringify(Object.entries(names(mostNames + 1)).map((one) => Object.fromEntries([one])))),
    ).toThrow('names')
    expect(() => refuseHeavyJson(JSON.stringify(names(mostNames)))).not.toThrow()
  })

  it('is not mistaken for ten thousand jobs, or for long texts of whatever kind', () => {
    const fields = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`field-${n}`, n]))
    const jobs = Array.from({ length: 10_000 }, () => ({ worker: 'mail.send', args: fields }))
    expect(() => refuseHeavyJson(JSON.stringify({ jobs }))).not.toThrow()
    const text = '1,2,"3",[4],{"a": 5}\\n\\\\'.repeat(200_000)
    expect(() => refuseHeavyJson(JSON.stringify({ text, [text.slice(0, 30_000)]: text }))).not.toThrow()
  })

  it('is weighed in any shape, and in text that is no JSON at all', () => {
    const long = 'x'.repeat(300_000)
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, text) => {
        expect(() => refuseHeavyJson(`{"long":"${long}","rest":${json}}`)).not.toThrow()
        expect(() => refuseHeavyJson(text + long + text)).not.toThrow()
      }),
      { numRuns: 50 },
    )
  })
})

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
