/** Which paths of `redact` lead somewhere. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { redactSchemaProblems } from '../../../codegen/check/redactProblems.js'

type Tree = { name: string; children: Tree[] }
const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }))

const args = z
  .object({
    card: z.object({ number: z.string() }).optional(),
    items: z.array(z.object({ secret: z.string().nullable() })),
    pair: z.tuple([z.string(), z.object({ pin: z.string() })]),
    byName: z.record(z.string(), z.object({ key: z.string() })),
    map: z.map(z.string(), z.object({ key: z.string() })),
    set: z.set(z.object({ key: z.string() })),
    either: z.union([z.object({ left: z.string() }), z.object({ right: z.string() })]),
    both: z.intersection(z.object({ one: z.string() }), z.object({ two: z.string() })),
    text: z.string().transform((text) => ({ inside: text })),
    piped: z.object({ before: z.string() }).transform(({ before }) => ({ after: before })),
    tree,
    whatever: z.unknown(),
    loose: z.looseObject({ known: z.string() }),
    strict: z.strictObject({ known: z.string() }),
    late: z.string().default('x'),
  })
  .refine(() => true)
const result = z.object({ token: z.string(), out: z.string().transform((text) => ({ text })) })

const problems = (path: string, withResult = true) =>
  redactSchemaProblems({ args, ...(withResult ? { result } : {}), redact: ['items', path] })

describe('a path of redact', () => {
  it.each([
    'card',
    'card.number',
    'items.*.secret',
    'items.0.secret',
    'pair.0',
    'pair.1.pin',
    'pair.*.pin',
    'byName.*.key',
    'byName.ada.key',
    'map.*.key',
    'set.*.key',
    'either.left',
    'either.right',
    'both.two',
    'piped.before',
    'tree.children.*.children.*.name',
    'whatever.is.there',
    'loose.other',
    'late',
    '*',
    '*.number',
    'token',
    'out.text',
  ])('leads somewhere: %s', (path) => expect(problems(path)).toEqual([]))

  it.each([
    'crad',
    'card.numbr',
    'card.number.digits',
    'items.secret',
    'items.first.secret',
    'pair.2',
    'set.0.key',
    'either.middle',
    'text.inside',
    'piped.after',
    'tree.children.*.nmae',
    'strict.other',
    'late.x',
  ])('leads nowhere, and is told by its place: %s', (path) => {
    expect(problems(path)).toEqual([{ path: ['redact', '1'], message: `"${path}" leads nowhere in args or result.` }])
  })

  it('into a result without a schema is not known to lead anywhere', () => {
    expect(problems('card.number', false)).toEqual([])
    expect(problems('token', false)).toEqual([
      { path: ['redact', '1'], message: expect.stringContaining('without a `result` schema nobody knows') },
    ])
  })
})
