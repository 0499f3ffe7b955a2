/**
 * Reads the TypeScript type of a live zod schema from the schema itself: right where the type checker's text is not
 * (recursive schemas), and a hundred times faster. Parts that only the compiler knows (`z.custom<T>()`, what a
 * transform returns) are reported as opaque.
 */
import type * as z from 'zod/v4/core'
import {
  fieldName,
  quote,
  text,
  union,
  withoutUndefined,
  withUndefined,
  type Field,
  type StandaloneType,
  type TupleItem,
  type TypeModel,
} from './typeModel.js'

export type Side = 'input' | 'output'

/** Where in the value: field names, `[]` for what a collection holds. */
export type Place = readonly string[]

export interface SchemaType extends StandaloneType {
  /** The values that no job can carry: superjson cannot write them down. */
  unserialisable: { place: Place; what: string }[]
}

interface TypeOptions {
  /** The text of a schema whose type is declared elsewhere, such as its name. */
  known?: (schema: z.$ZodType) => string | undefined
  /** The comment on a field. */
  about?: (schema: z.$ZodType) => string | undefined
}

interface Walk extends TypeOptions {
  side: Side
  name: string
  /** Schemas being printed, from the root inwards; one that is met again inside itself is recursive and gets a name. */
  open: Map<z.$ZodType, { name: string; used: boolean }>
  /** Recursive schemas that have their declaration already. */
  named: Map<z.$ZodType, string>
  result: SchemaType
}

/** `name` is what the type will be declared as; names of recursive parts are made from it. */
export function schemaType(root: z.$ZodType, side: Side, name: string, options: TypeOptions = {}): SchemaType {
  const result: SchemaType = { type: text('unknown'), declarations: [], opaque: [], unserialisable: [] }
  const walk: Walk = {
    ...options,
    side,
    name,
    open: new Map([[root, { name, used: false }]]),
    named: new Map(),
    result,
  }
  result.type = typeOf(root, [], walk)
  return result
}

function visit(schema: z.$ZodType, place: Place, walk: Walk): TypeModel {
  const known = walk.known?.(schema)
  if (known !== undefined) return text(known)
  const { type } = definition(schema)
  if (type !== 'object' && type !== 'lazy') return typeOf(schema, place, walk)
  const named = walk.named.get(schema)
  if (named !== undefined) return text(named)
  const outer = walk.open.get(schema)
  if (outer) {
    outer.used = true
    return text(outer.name)
  }
  return visitNamed(schema, place, walk)
}

function visitNamed(schema: z.$ZodType, place: Place, walk: Walk): TypeModel {
  const mine = { name: partName(place, walk), used: false }
  walk.open.set(schema, mine)
  const type = typeOf(schema, place, walk)
  walk.open.delete(schema)
  if (!mine.used) return type
  walk.named.set(schema, mine.name)
  walk.result.declarations.push({ name: mine.name, type })
  return text(mine.name)
}

/** `MailSendArgs_items`; names of workers have no underscore, so the two never meet. */
function partName(place: Place, { name, open, result }: Walk): string {
  const taken = new Set([
    ...[...open.values()].map((part) => part.name),
    ...result.declarations.map((part) => part.name),
  ])
  const words = place.map((part) => part.replaceAll(/\W/g, '')).filter((part) => part !== '')
  const wanted = `${name}_${words.join('_') || 'item'}`
  let unique = wanted
  for (let count = 2; taken.has(unique); count++) unique = `${wanted}_${count}`
  return unique
}

/** The definition as zod's own union of them, so that a switch over `type` narrows it. */
const definition = (schema: z.$ZodType): z.$ZodTypes['_zod']['def'] => (schema as z.$ZodTypes)._zod.def

function typeOf(schema: z.$ZodType, place: Place, walk: Walk): TypeModel {
  const { side } = walk
  const def = definition(schema)
  const inner = (part: z.SomeType): TypeModel => visit(part as z.$ZodType, place, walk)
  const held = (part: z.SomeType, where = '[]'): TypeModel => visit(part as z.$ZodType, [...place, where], walk)
  switch (def.type) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return text(side === 'input' && def.coerce ? 'unknown' : def.type)
    case 'date':
      return text(side === 'input' && def.coerce ? 'unknown' : 'Date')
    case 'undefined':
    case 'null':
    case 'never':
    case 'any':
    case 'unknown':
      return text(def.type)
    case 'void':
      return text('undefined')
    case 'nan':
      return text('number')
    case 'enum':
      return union(enumValues(def.entries).map(literal))
    case 'literal':
      return union(def.values.map(literal))
    case 'template_literal':
      return templateLiteral(def.parts, inner)
    case 'optional':
      return isExactOptional(schema) ? inner(def.innerType) : withUndefined(inner(def.innerType))
    case 'nullable':
      return union([inner(def.innerType), text('null')])
    case 'default':
      return side === 'input' ? withUndefined(inner(def.innerType)) : withoutUndefined(inner(def.innerType))
    case 'prefault':
      return side === 'input' ? withUndefined(inner(def.innerType)) : inner(def.innerType)
    case 'nonoptional':
      return withoutUndefined(inner(def.innerType))
    case 'success':
      return side === 'input' ? inner(def.innerType) : text('boolean')
    case 'catch':
      return inner(def.innerType)
    case 'readonly':
      return readonly(inner(def.innerType))
    case 'array':
      return { kind: 'array', element: held(def.element) }
    case 'set':
      return { kind: 'generic', name: 'Set', args: [held(def.valueType)] }
    case 'map':
      return { kind: 'generic', name: 'Map', args: [held(def.keyType), held(def.valueType)] }
    case 'record':
      return recordType(def, held(def.keyType), held(def.valueType), side)
    case 'tuple':
      return { kind: 'tuple', items: tupleItems(def, held, side) }
    case 'union':
      return union(def.options.map(inner))
    case 'intersection':
      return { kind: 'intersection', members: [inner(def.left), inner(def.right)] }
    case 'pipe':
      return inner(side === 'input' ? def.in : def.out)
    case 'lazy':
      return inner(def.getter())
    case 'object':
      return objectType(def, held, walk)
    case 'transform':
      // its input is anything, by its type too; its output is for the compiler to know
      return side === 'input'
        ? text('unknown')
        : opaque(place, 'what a transform returns is known to the compiler only', walk)
    case 'custom':
      return customType(schema, place, walk)
    case 'function':
    case 'symbol':
    case 'promise':
    case 'file':
      return unserialisable(
        place,
        { function: 'a function', symbol: 'a symbol', promise: 'a promise', file: 'a file' }[def.type],
        walk,
      )
  }
}

function objectType(
  def: z.$ZodObjectDef,
  held: (part: z.SomeType, where: string) => TypeModel,
  { side, about }: Walk,
): TypeModel {
  const fields = Object.entries(def.shape).map(([name, part]): Field => {
    const comment = about?.(part)
    return {
      name: fieldName(name),
      optional: isOptional(part, side),
      type: held(part, name),
      ...(comment === undefined ? {} : { comment }),
    }
  })
  const rest = def.catchall && definition(def.catchall).type !== 'never' ? held(def.catchall, '[]') : undefined
  if (!rest) return fields.length > 0 ? { kind: 'object', fields } : emptyObject
  const others: Field = { name: '[key: string]', optional: false, type: rest }
  const fitsAll = rest.kind === 'text' && (rest.text === 'unknown' || rest.text === 'any')
  if (fitsAll || fields.length === 0) return { kind: 'object', fields: [...fields, others] }
  // an index signature must allow every named field; in an intersection it need not
  return {
    kind: 'intersection',
    members: [
      { kind: 'object', fields },
      { kind: 'object', fields: [others] },
    ],
  }
}

const emptyObject: TypeModel = { kind: 'generic', name: 'Record', args: [text('string'), text('never')] }

function recordType(def: z.$ZodRecordDef, key: TypeModel, value: TypeModel, side: Side): TypeModel {
  const keys = key.kind === 'union' ? key.members : [key]
  const names = keys.map((member) => (member.kind === 'text' ? propertyOf(member.text) : undefined))
  const partial =
    (def as { partial?: boolean }).partial === true || (side === 'input' && isOptional(def.valueType, side))
  const optional = partial && names.every((name) => name !== undefined && !name.startsWith('['))
  if (names.every((name) => name !== undefined)) {
    return {
      kind: 'object',
      fields: names.map((name) => ({ name, optional, type: value })),
    }
  }
  return { kind: 'generic', name: 'Record', args: [key, value] }
}

/** How a type of keys is written as a property: `'a'` as a field, `string` as an index signature. */
function propertyOf(key: string): string | undefined {
  if (key === 'string' || key === 'number' || key.startsWith('`')) return `[key: ${key}]`
  if (/^['"]/.test(key)) return fieldName(key.startsWith('"') ? (JSON.parse(key) as string) : unquote(key))
  return /^\d+$/.test(key) ? key : undefined
}

const unquote = (single: string): string =>
  JSON.parse(
    `"${single
      .slice(1, -1)
      .replaceAll(String.raw`\'`, "'")
      .replaceAll('"', String.raw`\"`)}"`,
  ) as string

function tupleItems(
  def: z.$ZodTupleDef,
  held: (part: z.SomeType, where: string) => TypeModel,
  side: Side,
): TupleItem[] {
  const isTail = (index: number): boolean => def.items.slice(index).every((part) => isOptional(part, side))
  const items = def.items.map((part, index): TupleItem => {
    const type = held(part, String(index))
    return isTail(index) ? { type, mode: 'optional' } : { type, mode: 'plain' }
  })
  return def.rest ? [...items, { type: held(def.rest, '[]'), mode: 'rest' }] : items
}

/**
 * Whether a field may be left out, as zod's types have it; at run time `catch` and `preprocess` allow it too, but their
 * types do not say so.
 */
function isOptional(part: z.SomeType, side: Side): boolean {
  const schema = part as z.$ZodType
  const def = definition(schema)
  if (def.type === 'catch') return isOptional(def.innerType, side)
  // z.preprocess: it takes anything, and its output decides
  if (def.type === 'pipe' && definition(def.in).type === 'transform') return isOptional(def.out, side)
  return side === 'input' ? schema._zod.optin !== undefined : schema._zod.optout === 'optional'
}

const isExactOptional = (schema: z.$ZodType): boolean => schema._zod.traits.has('$ZodExactOptional')

/** A numeric TypeScript enum lists each of its names under its number as well; those are no values. */
function enumValues(entries: Readonly<Record<string, string | number>>): (string | number)[] {
  const isReverse = (key: string, value: string | number): boolean =>
    typeof value === 'string' && typeof entries[value] === 'number' && String(entries[value]) === key
  return Object.entries(entries).flatMap(([key, value]) => (isReverse(key, value) ? [] : [value]))
}

function literal(value: unknown): TypeModel {
  if (typeof value === 'string') return text(quote(value))
  return text(typeof value === 'bigint' ? `${value}n` : String(value))
}

function templateLiteral(parts: readonly unknown[], inner: (part: z.$ZodType) => TypeModel): TypeModel {
  const written = parts.map((part) => {
    if (typeof part === 'string') return part.replaceAll(/[`\\]|\$\{/g, String.raw`\$&`)
    if (part === null || typeof part !== 'object') return String(part)
    const type = inner(part as z.$ZodType)
    const members = type.kind === 'union' ? type.members : [type]
    return `\${${members.map((member) => (member.kind === 'text' ? member.text : 'string')).join(' | ')}}`
  })
  return text(`\`${written.join('')}\``)
}

/** Classes that superjson writes down and brings back. */
export const carriedClasses: ReadonlySet<string> = new Set(
  `Date Map Set RegExp URL Error Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array
  Float32Array Float64Array BigInt64Array BigUint64Array`.split(/\s+/),
)

/** As zod's own `MakeReadonly` does it. */
function readonly(type: TypeModel): TypeModel {
  if (type.kind === 'array' || type.kind === 'tuple') return { ...type, readonly: true }
  if (type.kind === 'union') return union(type.members.map(readonly))
  if (type.kind === 'generic' && (type.name === 'Map' || type.name === 'Set'))
    return { ...type, name: `Readonly${type.name}` }
  const isDeclared = type.kind === 'text' && /^[A-Z]/.test(type.text) && !carriedClasses.has(type.text)
  return type.kind === 'text' && !isDeclared ? type : { kind: 'generic', name: 'Readonly', args: [type] }
}

function customType(schema: z.$ZodType, place: Place, walk: Walk): TypeModel {
  const { Class } = schema._zod.bag as { Class?: { name: string } }
  if (!Class) return opaque(place, 'a z.custom type is known to the compiler only', walk)
  if (carriedClasses.has(Class.name)) {
    const generic = { Map: ['unknown', 'unknown'], Set: ['unknown'] }[Class.name]
    return generic ? { kind: 'generic', name: Class.name, args: generic.map(text) } : text(Class.name)
  }
  return unserialisable(place, `an instance of ${Class.name}`, walk)
}

function opaque(place: Place, why: string, { result }: Walk): TypeModel {
  result.opaque.push(`${formatPlace(place)}: ${why}`)
  return text('unknown')
}

function unserialisable(place: Place, what: string, { result }: Walk): TypeModel {
  result.unserialisable.push({ place, what })
  return text('unknown')
}

/** `items[].at`; the value itself is `(all)`. */
export const formatPlace = (place: Place): string =>
  place.reduce((path, part) => (part === '[]' ? `${path}[]` : path === '' ? part : `${path}.${part}`), '') || '(all)'
