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
  const { json, meta } = superjson.serialize(value)
  const text = JSON.stringify(json ?? null)
  return meta === undefined ? { json: text } : { json: text, meta: JSON.stringify(meta) }
}

/** Throws `SyntaxError` where the text is no JSON, and `Error` where the meta names a path that must not be written. */
export const decodePayload = ({ json, meta }: Payload): unknown =>
  restorePayload(JSON.parse(json), meta === undefined ? undefined : JSON.parse(meta))

/** The same from values that are parsed already, as they come in a request's body. */
export const restorePayload = (json: unknown, meta: unknown): unknown =>
  meta === undefined
    ? json
    : superjson.deserialize({ json, meta } as Parameters<typeof superjson.deserialize>[0], { inPlace: true })
