/** A worker's args as JSON Schema, and one example of them, for tools and people that have JSON alone. */
import { safeParseAsync, toJSONSchema } from 'zod/v4/core'
import type * as z from 'zod/v4/core'

export type JsonSchema = Record<string, unknown>

/** Undefined where the schema cannot be told in JSON Schema, such as one that throws when it is looked into. */
export function argsSchema(schema: z.$ZodType, io: 'input' | 'output'): JsonSchema | undefined {
  try {
    const {
      $schema: _,
      '~standard': _standard,
      ...json
    } = toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        const { type } = zodSchema._zod.def
        if (type === 'date') Object.assign(jsonSchema, { description: jsonSchema.description ?? 'A Date.' })
      },
    }) as JsonSchema
    // what is left is plain JSON
    return JSON.parse(JSON.stringify(json)) as JsonSchema
  } catch {
    return undefined
  }
}

/** Undefined where none can be made that the schema takes. */
export async function exampleOf(json: JsonSchema, schema: z.$ZodType): Promise<unknown> {
  const example = sample(json, (json['$defs'] ?? {}) as Record<string, JsonSchema>, 0)
  try {
    return (await safeParseAsync(schema, structuredClone(example))).success ? example : undefined
  } catch {
    return undefined
  }
}

/** Deeper values are recursive, and optional where they end. */
const maxDepth = 8

/**
 * The first value that the words of a schema name, or the smallest that they allow. A library would bring a reader of
 * XML along.
 */
function sample(schema: JsonSchema, defs: Record<string, JsonSchema>, depth: number): unknown {
  if (depth > maxDepth) return undefined
  const inner = (part: unknown): unknown => sample(part as JsonSchema, defs, depth + 1)
  const { examples, $ref, type } = schema
  if (Array.isArray(examples) && examples.length > 0) return examples[0]
  if ('default' in schema) return schema['default']
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  if (typeof $ref === 'string') return $ref === '#' ? undefined : inner(defs[$ref.replace('#/$defs/', '')] ?? {})
  const [first] = ((schema['anyOf'] ?? schema['oneOf']) as unknown[] | undefined) ?? []
  if (first !== undefined) return inner(first)
  if (Array.isArray(schema['allOf'])) return Object.assign({}, ...schema['allOf'].map(inner))
  switch (Array.isArray(type) ? type[0] : type) {
    case 'object':
      return sampleObject(schema, inner)
    case 'array':
      return sampleArray(schema, inner)
    case 'string':
      return sampleText(schema)
    case 'integer':
    case 'number':
      return sampleNumber(schema)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return 'any'
  }
}

function sampleObject({ properties = {}, required = [] }: JsonSchema, inner: (part: unknown) => unknown): object {
  const wanted = Object.entries(properties as object).filter(([name]) => (required as string[]).includes(name))
  return Object.fromEntries(wanted.map(([name, part]) => [name, inner(part)]))
}

function sampleArray({ items, prefixItems, minItems = 0 }: JsonSchema, inner: (part: unknown) => unknown): unknown[] {
  if (Array.isArray(prefixItems)) return prefixItems.map(inner)
  return Array.from({ length: Math.min(Number(minItems), 100) }, () => inner(items ?? {}))
}

const texts: Record<string, string> = {
  email: 'ada@example.com',
  uri: 'https://example.com',
  uuid: '7d444840-9dc0-41d1-b245-5ffdce74fad2',
  'date-time': '2030-01-31T10:00:00Z',
  date: '2030-01-31',
  time: '10:00:00',
  duration: 'P1D',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
}

function sampleText({ format, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: JsonSchema): string {
  const text = texts[String(format)] ?? 'text'
  return text.padEnd(Math.min(Number(minLength), 10_000), 'x').slice(0, Number(maxLength))
}

function sampleNumber({ minimum, exclusiveMinimum, maximum, multipleOf = 1 }: JsonSchema): number {
  const step = Number(multipleOf)
  const least = Math.max(Number(minimum ?? 1), Number(exclusiveMinimum ?? 0) + step)
  const most = Number(maximum ?? Number.POSITIVE_INFINITY)
  return Math.min(minimum === undefined && exclusiveMinimum === undefined ? 1 : Math.ceil(least / step) * step, most)
}
