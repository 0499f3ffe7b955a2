/**
 * Args and results travel and rest as JSON text. Values that JSON cannot say (Date, Map, BigInt, undefined) ride beside
 * it in superjson's `meta`, so that a function in another language can ignore it.
 */
import superjson from 'superjson'
import { isDeeperThan, maxDepth, TooDeepError } from './depth.js'
import { restore } from './restore.js'

export interface Payload {
  /** JSON text. */
  json: string
  /** superjson's meta as JSON text; absent when the JSON alone says everything. */
  meta?: string
}

/** Throws where the value cannot be carried: it is nested deeper than `depth`, or holds what superjson refuses. */
export function encodePayload(value: unknown, depth = maxDepth): Payload {
  // most payloads are plain JSON; then superjson is not asked, which is six times slower
  if (isPlainJson(value, depth)) return { json: JSON.stringify(value) }
  const { json, meta } = serialize(value)
  const text = JSON.stringify(json ?? null) as string | undefined
  if (text === undefined) throw new TypeError('its toJSON gives nothing')
  const payload = { json: text, ...(meta === undefined ? {} : { meta: JSON.stringify(meta) }) }
  if (isTooDeep(payload, depth)) throw new TooDeepError()
  return payload
}

/** Whether either of its texts is nested deeper. */
export const isTooDeep = ({ json, meta = '' }: Payload, depth = maxDepth): boolean =>
  isDeeperThan(depth, json) || isDeeperThan(depth, meta)

export type Serialized = ReturnType<typeof superjson.serialize>

/** superjson goes into values by recursion, and they may be too deep for that. */
export function serialize(value: unknown): Serialized {
  try {
    return superjson.serialize(value)
  } catch (error) {
    throw error instanceof RangeError ? new TooDeepError() : error
  }
}

/**
 * superjson refuses `__proto__` and its like, because a careless reader could be made to change every object; `toJSON`
 * changes what is written.
 */
const specialKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype', 'toJSON'])

/**
 * Whether JSON alone brings the value back as it was. One that is nested deeper, or holds itself, is left to superjson.
 */
export function isPlainJson(value: unknown, depth: number, special = specialKeys): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || depth === 0) return false
  if (Array.isArray(value)) return value.every((item) => isPlainJson(item, depth - 1, special))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.entries(value).every(([key, item]) => !special.has(key) && isPlainJson(item, depth - 1, special))
}

/**
 * Throws `SyntaxError` where the text is no JSON, and `MetaError` where the meta does not fit it, or asks for too much.
 */
export const decodePayload = ({ json, meta }: Payload): unknown =>
  restorePayload(JSON.parse(json), meta === undefined ? undefined : JSON.parse(meta))

/** The same from values that are parsed already, as they come in a request's body. They are changed in place. */
export const restorePayload = (json: unknown, meta: unknown): unknown =>
  meta === undefined || meta === null ? json : restore(json, meta)

/**
 * The same of what a coordinator has signed, which has read it within bounds: by superjson's own reader, which a
 * function holds anyway. Throws where the meta does not fit.
 */
export const restoreSigned = (json: unknown, meta: unknown): unknown =>
  meta === undefined || meta === null
    ? json
    : superjson.deserialize({ json, meta } as Parameters<typeof superjson.deserialize>[0], { inPlace: true })
