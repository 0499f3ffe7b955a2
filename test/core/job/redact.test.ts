import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { policyProblems, readContract } from '../../../core/job/contract.js'
import { decodePayload, encodePayload } from '../../../core/payload/payload.js'
import { redact, redactedPlaces, redactedText } from '../../../core/job/redact.js'
import { readRedactPath } from '../../../core/job/redactPath.js'
import { runs } from '../../support/effort.js'

const redacted = (value: unknown, ...paths: string[]): unknown =>
  decodePayload(redact(encodePayload(value), paths.map(readRedactPath)))

describe('redaction', () => {
  it('replaces what a path names, whatever stands there, and nothing else', () => {
    const card = { number: '4242', holder: { name: 'Ada' } }
    expect(redacted({ card, to: 'x' }, 'card.number')).toEqual({ card: { ...card, number: redactedText }, to: 'x' })
    expect(redacted({ card, to: 'x' }, 'card', 'to')).toEqual({ card: redactedText, to: redactedText })
    expect(redacted({ token: null, at: new Date(0) }, 'token', 'at')).toEqual({ token: redactedText, at: redactedText })
  })

  it('makes up no field that is not there', () => {
    for (const value of [{}, { card: 'none' }, { card: null }, { card: [] }, 'text', null, [1]]) {
      expect(redacted(value, 'card.number', '0.x')).toEqual(value)
    }
  })

  it('takes * for every element, field, value of a map and member of a set, at any depth', () => {
    expect(redacted({ items: [{ secret: 1, id: 1 }, { id: 2 }, { secret: 3 }] }, 'items.*.secret')).toEqual({
      items: [{ secret: redactedText, id: 1 }, { id: 2 }, { secret: redactedText }],
    })
    expect(redacted({ byName: { a: { key: 1 }, b: { key: 2 } } }, 'byName.*.key')).toEqual({
      byName: { a: { key: redactedText }, b: { key: redactedText } },
    })
    expect(redacted({ rows: [[1, 2], [3]] }, 'rows.*.*')).toEqual({
      rows: [[redactedText, redactedText], [redactedText]],
    })
    expect(redacted({ rows: [{ a: 1 }, { a: 2 }] }, 'rows.1.a')).toEqual({ rows: [{ a: 1 }, { a: redactedText }] })
    const map = new Map<unknown, unknown>([
      ['a', { key: 1 }],
      [7, { key: 2 }],
    ])
    expect(redacted({ map }, 'map.*.key')).toEqual({
      map: new Map([
        ['a', { key: redactedText }],
        [7, { key: redactedText }],
      ] as never),
    })
    expect(redacted({ map }, 'map.7')).toEqual({
      map: new Map<unknown, unknown>([
        ['a', { key: 1 }],
        [7, redactedText],
      ]),
    })
    expect(redacted({ set: new Set(['s1', 's2']) }, 'set.*')).toEqual({ set: new Set([redactedText]) })
    expect(redacted({ set: new Set([{ key: 1 }]) }, 'set.*.key')).toEqual({ set: new Set([{ key: redactedText }]) })
    expect(redacted(['a', 'b'], '*')).toEqual([redactedText, redactedText])
  })

  it('leaves what stands beside a redacted value as it was, though JSON cannot say it', () => {
    const value = {
      secretAt: new Date(0),
      at: new Date(1),
      ids: new Set([1n]),
      nothing: undefined,
      list: [new Date(2), new Date(3)],
    }
    const shown = redacted(value, 'secretAt', 'list.0')
    expect(shown).toEqual({ ...value, secretAt: redactedText, list: [redactedText, new Date(3)] })
    // nothing is left in the meta that would make a Date of the text
    expect(JSON.stringify(redact(encodePayload({ at: new Date(0) }), [['at']]))).not.toContain('Date')
  })

  it('hides a value wherever the same object stands', () => {
    const shared = { secret: 'hunter2', id: 1 }
    const value = { at: new Date(0), first: shared, second: shared, list: [shared] } // the Date has superjson write it, which keeps track
    const payload = redact(encodePayload(value), [readRedactPath('second.secret')])
    expect(JSON.stringify(payload)).not.toContain('hunter2')
    const circular: Record<string, unknown> = { secret: 'hunter2' }
    circular['self'] = circular
    expect(JSON.stringify(redact(encodePayload(circular), [['secret']]))).not.toContain('hunter2')
  })

  it('answers with the very payload where there is nothing to redact', () => {
    const payload = encodePayload({ a: 1 })
    expect(redact(payload, [['b']])).toBe(payload)
    expect(redact({ json: 'not even JSON' }, [])).toEqual({ json: 'not even JSON' })
  })

  it('throws rather than show what it cannot read or write', () => {
    expect(() => redact({ json: '{"a":' }, [['a']])).toThrow(SyntaxError)
    expect(() => redact({ json: '{"a":1,"b":{"__proto__":{"c":2}}}' }, [['a']])).toThrow('__proto__')
    expect(() => redact({ json: '{"a":1}', meta: '{"values":{"__proto__.x":["Date"]}}' }, [['a']])).toThrow('__proto__')
  })

  it('finds where what is shown was taken for the value', () => {
    const shown = {
      card: { number: redactedText },
      items: [{ secret: 'a' }, { secret: redactedText }],
      to: redactedText,
    }
    const paths = ['card.number', 'items.*.secret', 'map.*', 'set.*'].map(readRedactPath)
    expect(redactedPlaces(shown, paths)).toEqual([
      ['card', 'number'],
      ['items', '1', 'secret'],
    ])
    const rich = { map: new Map([['a', redactedText]]), set: new Set([redactedText]) }
    expect(redactedPlaces(rich, paths)).toEqual([
      ['map', 'a'],
      ['set', '*'],
    ])
    expect(redactedPlaces('text', paths)).toEqual([])
  })

  const name = fc.stringMatching(/^[a-z]{1,6}$/).filter((name) => name !== 'toJSON')
  const plain = fc
    .jsonValue({ maxDepth: 2 })
    .filter((value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)))
  const rich = fc.oneof(plain, fc.date({ noInvalidDate: true }), fc.bigInt(), fc.constant(undefined))
  const layer = fc.oneof(
    fc.record({ kind: fc.constant('object' as const), name, beside: fc.dictionary(name, rich, { maxKeys: 3 }) }),
    fc.record({ kind: fc.constant('map' as const), name, beside: fc.dictionary(name, rich, { maxKeys: 3 }) }),
    fc.record({
      kind: fc.constant('array' as const),
      before: fc.array(rich, { maxLength: 3 }),
      after: fc.array(rich, { maxLength: 3 }),
    }),
  )
  type Layer = typeof layer extends fc.Arbitrary<infer Value> ? Value : never
  const build = (layers: Layer[], leaf: unknown): unknown =>
    layers.reduceRight<unknown>((inner, layer) => {
      if (layer.kind === 'array') return [...layer.before, inner, ...layer.after]
      const entries = Object.entries({ ...layer.beside, [layer.name]: inner })
      return layer.kind === 'map' ? new Map(entries) : Object.fromEntries(entries)
    }, leaf)
  const stepsOf = (layers: Layer[]) =>
    layers.map((layer) => (layer.kind === 'array' ? String(layer.before.length) : layer.name))

  it('changes exactly the value at its path, in whatever it lies', () => {
    fc.assert(
      fc.property(fc.array(layer, { minLength: 1, maxLength: 5 }), rich, (layers, leaf) => {
        const path = stepsOf(layers)
        const shown = decodePayload(redact(encodePayload(build(layers, leaf)), [path]))
        expect(shown).toEqual(build(layers, redactedText))
      }),
      { numRuns: runs(500) },
    )
  })

  it('hides a field named length where lists lie beside it, which keep theirs', () => {
    const payload = redact(encodePayload([[1, 2], { length: 'secret' }]), [['*', 'length']])
    expect(decodePayload(payload)).toEqual([[1, 2], { length: redactedText }])
  })

  it('leaves no trace of what it hides, with stars in the path or without', () => {
    const secret = 'correct horse battery staple'
    fc.assert(
      fc.property(fc.array(fc.tuple(layer, fc.boolean()), { minLength: 1, maxLength: 5 }), (some) => {
        const layers = some.map(([layer]) => layer)
        const path = stepsOf(layers).map((step, index) => (some[index]![1] ? '*' : step))
        for (const leaf of [secret, { deep: [secret] }, new Map([[secret, new Set([secret])]]), new Error(secret)]) {
          const payload = redact(encodePayload(build(layers, leaf)), [path])
          expect(JSON.stringify(payload)).not.toContain(secret)
          decodePayload(payload)
        }
      }),
      { numRuns: runs(300) },
    )
  })
})

describe('the paths of a worker', () => {
  const args = z.object({})

  it('are part of its contract', () => {
    expect(readContract('a', { args, redact: ['card.number', 'items.*.secret'] }).redact).toEqual([
      ['card', 'number'],
      ['items', '*', 'secret'],
    ])
    expect(readContract('a', { args }).redact).toEqual([])
  })

  it.each([
    ['card', 'redact'],
    [[], 'redact'],
    [['card', 7], 'redact.1'],
    [[''], 'redact.0'],
    [['card..number'], 'redact.0'],
    [['.card'], 'redact.0'],
    [['a.__proto__.b'], 'redact.0'],
    [['constructor'], 'redact.0'],
  ])('that cannot be are refused: %j', (redact, path) => {
    const problems = policyProblems({ args, redact } as never)
    expect(problems.map(({ path }) => path.join('.'))).toEqual([path])
    expect(problems[0]!.message).toMatch(/^(must be|names) /)
  })
})
