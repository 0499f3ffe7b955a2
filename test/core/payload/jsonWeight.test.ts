import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { heavyJsonProblem, mostLevels, mostNames, mostValues } from '../../../core/payload/jsonWeight.js'
import { runs } from '../../support/effort.js'

const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`name-${n}`, 1]))

describe('JSON that takes long to parse', () => {
  it('is known by its values', () => {
    expect(heavyJsonProblem(`[${'[],'.repeat(mostValues)}[]]`)).toContain('1000000 values')
    expect(heavyJsonProblem(`[${'1,'.repeat(mostValues)}1]`)).toContain('1000000 values')
    expect(heavyJsonProblem(`[${'1,'.repeat(mostValues - 10)}1]`)).toBeUndefined()
  })

  it('is known by the names of its fields, however they are spread', () => {
    expect(heavyJsonProblem(JSON.stringify(names(mostNames + 1)))).toContain('100000 different names')
    const apart = Object.entries(names(mostNames + 1)).map((one) => Object.fromEntries([one]))
    expect(heavyJsonProblem(JSON.stringify(apart))).toContain('names')
    expect(heavyJsonProblem(JSON.stringify(names(mostNames)))).toBeUndefined()
  })

  it('is known by its depth', () => {
    const nested = (levels: number, beside: string) =>
      `{"beside":${beside},"deep":${'{"a":['.repeat(levels / 2)}1${']}'.repeat(levels / 2)}}`
    const beside = JSON.stringify(Array.from({ length: 100_000 }, () => [[]]))
    expect(heavyJsonProblem(nested(mostLevels + 2, beside))).toContain('100000 levels')
    expect(heavyJsonProblem(nested(mostLevels - 2, beside))).toBeUndefined()
  })

  it('is not mistaken for ten thousand jobs, or for long texts of whatever kind', () => {
    const fields = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`field-${n}`, n]))
    const jobs = Array.from({ length: 10_000 }, () => ({ worker: 'mail.send', args: fields }))
    expect(heavyJsonProblem(JSON.stringify({ jobs }))).toBeUndefined()
    const text = '1,2,"3",[4],{"a": 5}\\n\\\\'.repeat(200_000)
    expect(heavyJsonProblem(JSON.stringify({ text, [text.slice(0, 30_000)]: text }))).toBeUndefined()
  })

  it('is weighed in any shape, and in text that is no JSON at all', () => {
    const long = 'x'.repeat(300_000)
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, text) => {
        expect(heavyJsonProblem(`{"long":"${long}","rest":${json}}`)).toBeUndefined()
        expect(heavyJsonProblem(text + long + text)).toBeUndefined()
      }),
      { numRuns: runs(50) },
    )
  })
})
