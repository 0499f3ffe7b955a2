import fc from 'fast-check'
import superjson from 'superjson'
import { describe, expect, it } from 'vitest'
import { isDeeperThan, isNestedDeeper } from '../../../core/payload/depth.js'
import { decodePayload, encodePayload, restorePayload } from '../../../core/payload/payload.js'
import { maxBigintDigits, maxEntries, maxPaths } from '../../../core/payload/restore.js'
import { nested, nestedJson } from '../../support/nested.js'
import { runs } from '../../support/effort.js'

const back = (value: unknown): unknown => decodePayload(encodePayload(value))

/** What superjson can say, in each other. Keys that it refuses are left out. */
const anything: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => {
  const key = fc
    .string({ maxLength: 5 })
    .filter((name) => !['__proto__', 'constructor', 'prototype', 'toJSON'].includes(name))
  const inner = tie('value')
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(undefined, null, NaN, Infinity, -Infinity, -0, true),
      fc.string(),
      fc.double(),
      fc.bigInt(),
      fc.date({ noInvalidDate: true }),
      fc.constantFrom(/a\/b/gi, new URL('https://example.org/a?b#c'), new Uint8Array([1, 2]), new Float64Array([0.5])),
      fc.string().map((message) => new Error(message, { cause: { message } })),
      fc.array(inner, { maxLength: 4 }),
      fc.dictionary(key, inner, { maxKeys: 4 }),
      fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 }).map((items) => new Set(items)),
      fc.array(fc.tuple(fc.oneof(fc.string(), fc.integer()), inner), { maxLength: 3 }).map((rows) => new Map(rows)),
      inner.map((shared) => [shared, { again: shared }]),
    ),
  }
}).value

describe('what superjson wrote', () => {
  it('is what its own reader makes of it', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const { json, meta } = JSON.parse(JSON.stringify(superjson.serialize(value))) as {
          json: unknown
          meta?: unknown
        }
        const theirs = superjson.deserialize(structuredClone({ json, meta }) as never)
        expect(restorePayload(json, meta)).toEqual(theirs)
      }),
      { numRuns: runs(500) },
    )
  })

  it('has an object in each of its places, also in Sets and Maps, whose order stays', () => {
    const [a, b] = [{ a: 1 }, { b: 2 }]
    const value = back({
      at: new Date(0),
      a,
      b,
      set: new Set([a, b, 'c']),
      map: new Map<unknown, unknown>([
        [a, b],
        ['k', a],
      ]),
    })
    const { set, map, ...fields } = value as { a: object; b: object; set: Set<unknown>; map: Map<unknown, unknown> }
    expect([...set][0]).toBe(fields.a)
    expect([...set][1]).toBe(fields.b)
    expect([...set][2]).toBe('c')
    expect([...map.keys()][0]).toBe(fields.a)
    expect(map.get(fields.a)).toBe(fields.b)
    expect(map.get('k')).toBe(fields.a)
  })

  it('may hold itself', () => {
    const ring: Record<string, unknown> = { list: [] as unknown[] }
    ring['self'] = ring
    ;(ring['list'] as unknown[]).push(ring)
    const read = back(ring) as { self: unknown; list: unknown[] }
    expect(read.self).toBe(read)
    expect(read.list[0]).toBe(read)
  })

  it.each(['a.b', 'a\\b', 'a\\.b', '', '.', '\\'])('has keys such as %j', (key) => {
    expect(back({ [key]: { [key]: new Date(5) } })).toEqual({ [key]: { [key]: new Date(5) } })
  })
})

/** Objects that hold the next one twice, so many levels, as JSON of a few bytes a level. */
function twice(levels: number) {
  const json: Record<string, unknown> = {}
  const referentialEqualities: Record<string, string[]> = {}
  for (let level = 0; level < levels; level++) {
    json[`n${level}`] = { l: null, r: null }
    if (level > 0) referentialEqualities[`n${level}`] = [`n${level - 1}.l`, `n${level - 1}.r`]
  }
  return { json, meta: { referentialEqualities, v: 1 } }
}

const manyPaths = Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`a.${n}`, ['Date']]))

describe('a meta that asks for too much', () => {
  it.each<[string, unknown, unknown, RegExp]>([
    [
      'a BigInt of 4,000,000 digits',
      { x: '9'.repeat(4_000_000) },
      { values: { x: ['bigint'] } },
      /BigInt of more than/,
    ],
    ['200,000 paths', { a: [] }, { values: manyPaths }, /more than 10000 values|does not fit/],
    ['a path of a million dots', {}, { values: { [`a${'.'.repeat(1_000_000)}`]: ['Date'] } }, /path of more than/],
    [
      'a path of 150 levels',
      {},
      { values: { [`a${'.a'.repeat(150)}`.slice(0, 199)]: ['Date'] } },
      /levels deep|does not fit/,
    ],
    [
      'a Set of 2,000,000',
      { s: Array.from({ length: 2_000_000 }, (_, n) => n) },
      { values: { s: ['set'] } },
      /Sets and Maps/,
    ],
    [
      'many Sets',
      { s: Array.from({ length: 11 }, () => Array.from({ length: 10_000 }, (_, n) => n)) },
      { values: Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`s.${n}`, ['set']])) },
      /Sets and Maps/,
    ],
    ['a typed array by its length', { x: 1e9 }, { values: { x: [['typed-array', 'Uint8Array']] } }, /does not fit/],
    ['a typed array of another kind', { x: [] }, { values: { x: [['typed-array', 'constructor']] } }, /not known/],
    ['objects that hold each other twice, 20 levels', twice(20).json, twice(20).meta, /characters as JSON/],
    ['objects that hold each other twice, 90 levels', twice(90).json, twice(90).meta, /characters as JSON/],
    ['a chain of objects, 150 levels', twice(150).json, twice(150).meta, /characters as JSON|levels deep/],
    ['a class', { x: 1 }, { values: { x: [['class', 'Job']] } }, /not known/],
    ['a custom type', { x: 1 }, { values: { x: [['custom', 'Job']] } }, /not known/],
    ['__proto__', {}, { values: { '__proto__.x': ['Date'] } }, /__proto__/],
    ['what every object has', {}, { values: { 'toString.x': ['Date'] } }, /does not fit/],
    ['the length of a list', { x: [] }, { values: { 'x.length': ['undefined'] } }, /does not fit/],
    ['a place inside a Set', { x: [1, 2] }, { values: { x: ['set'], 'x.0': ['set'] } }, /does not fit/],
    ['a date of a megabyte', { x: '1'.repeat(1_000_000) }, { values: { x: ['Date'] } }, /does not fit/],
    ['nested nodes', {}, { values: nested(5_000) }, /levels deep|does not fit/],
    ['itself, being none', {}, 'meta', /is no object/],
  ])('such as %s is refused, and costs next to nothing', (_what, json, meta, message) => {
    // processor time, which a busy machine makes no longer
    const before = process.cpuUsage()
    expect(() => restorePayload(json, meta)).toThrow(message)
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(400)
  })

  it('may go to its bounds', () => {
    const dates = Object.fromEntries(Array.from({ length: maxPaths }, (_, n) => [`a.${n}`, ['Date']]))
    const restored = restorePayload(
      { a: Array.from({ length: maxPaths }, () => '2030-01-01T00:00:00Z') },
      { values: dates },
    )
    expect((restored as { a: Date[] }).a[9_999]).toEqual(new Date('2030-01-01T00:00:00Z'))
    expect(back(10n ** BigInt(maxBigintDigits - 1))).toBe(10n ** BigInt(maxBigintDigits - 1))
    expect((back(new Set(Array.from({ length: maxEntries }, (_, n) => n))) as Set<number>).size).toBe(maxEntries)
    expect((back(new Uint8Array(200_000)) as Uint8Array).length).toBe(200_000)
  })
})

describe('how deep a text is nested', () => {
  const inText = JSON.stringify({ text: '{['.repeat(200) + '"\\' })
  it.each<[string, boolean]>([
    [nestedJson(100), false],
    [nestedJson(101), true],
    ['['.repeat(101) + ']'.repeat(101), true],
    [`[${'{},'.repeat(500)}{}]`, false],
    [`[${`${nestedJson(99)},`.repeat(5)}1]`, false],
    [`[${`${nestedJson(99)},`.repeat(5)}${nestedJson(100)}]`, true],
    [inText, false],
    [`{${JSON.stringify('a\\')}:${nestedJson(100)}}`, true],
    [`{"a":${JSON.stringify('"')},"b":${nestedJson(99)}}`, false],
    ['', false],
  ])('is told without reading it as JSON: %#', (json, deeper) => {
    expect(isDeeperThan(100, json)).toBe(deeper)
    expect(json === '' || isNestedDeeper(100, JSON.parse(json)) === deeper).toBe(true)
  })
})

describe('a value that is nested too deep', () => {
  it.each([101, 2_000, 20_000])('is not written: %i levels', (levels) => {
    expect(() => encodePayload(nested(levels))).toThrow('100 levels')
    expect(() => encodePayload({ at: new Date(0), deep: nested(levels) })).toThrow('100 levels')
  })

  it('is written with 100', () => {
    expect(encodePayload(nested(100)).json).toBe(nestedJson(100))
  })
})
