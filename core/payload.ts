/**
 * Args and results travel and rest as JSON text. What JSON cannot say (Date, Map, BigInt, undefined) rides beside it in superjson's `meta`,
 * so that a function in another language can ignore it.
 */
import superjson from 'superjson'

export interface Payload {
  /** JSON text. */
  json: string
  /** superjson's meta as JSON text; absent when the JSON alone says everything. */
  meta?: string
}

export function encodePayload(value: unknown): Payload {
  // most payloads are plain JSON; then superjson is not asked, which is six times slower
  if (isPlainJson(value, 0)) return { json: JSON.stringify(value) }
  const { json, meta } = superjson.serialize(value)
  const text = JSON.stringify(json ?? null)
  return meta === undefined ? { json: text } : { json: text, meta: JSON.stringify(meta) }
}

/** superjson refuses `__proto__` and its like, because a careless reader could be made to change every object; `toJSON` changes what is written. */
const specialKeys = new Set(['__proto__', 'constructor', 'prototype', 'toJSON'])

/** Deeper values, and cycles, are left to superjson. */
const plainDepth = 100

/** Whether JSON alone brings the value back as it was. */
function isPlainJson(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || depth > plainDepth) return false
  if (Array.isArray(value)) return value.every((item) => isPlainJson(item, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.entries(value).every(([key, item]) => !specialKeys.has(key) && isPlainJson(item, depth + 1))
}

/** Throws `SyntaxError` where the text is no JSON, and `Error` where the meta names a path that must not be written. */
export const decodePayload = ({ json, meta }: Payload): unknown =>
  restorePayload(JSON.parse(json), meta === undefined ? undefined : JSON.parse(meta))

/** The same from values that are parsed already, as they come in a request's body. */
export const restorePayload = (json: unknown, meta: unknown): unknown =>
  meta === undefined
    ? json
    : superjson.deserialize({ json, meta } as Parameters<typeof superjson.deserialize>[0], { inPlace: true })

type Serialized = ReturnType<typeof superjson.serialize>

/** How tRPC carries what the router takes and answers: as superjson, which is asked only for what JSON cannot say. */
export const transformer = {
  serialize: (value: unknown): Serialized =>
    isPlainJson(value, 0) ? { json: value as Serialized['json'] } : superjson.serialize(value),
  deserialize: ({ json, meta }: Serialized): unknown => restorePayload(json, meta),
}
