/**
 * Redaction: `redact: ['card.number', 'items.*.secret']` names fields of args and results that are never shown. Paths
 * lead into the values as callers gave them and as `run` returned them: with Dates, Maps and Sets in place, not into
 * the JSON that carries them.
 */
import { decodePayload, encodePayload, type Payload } from '../payload/payload.js'
import type { RedactPath } from './redactPath.js'

/** Stands in the place of a value that is not shown. */
export const redactedText = '[redacted]'

/**
 * The payload without what the paths name; the same one where they name nothing in it. Throws where it cannot be read
 * as it was written; nothing of it may be shown then.
 */
export function redact(payload: Payload, paths: readonly RedactPath[]): Payload {
  if (paths.length === 0) return payload
  // fresh from its text, so it may be changed in place; other references to an object that loses a field see it gone
  // too
  const value = decodePayload(payload)
  const found = paths.map((path) => redactAt(value, path))
  return found.includes(true) ? encodePayload(value) : payload
}

/** Answers whether there was anything. */
function redactAt(value: unknown, [step, ...rest]: RedactPath): boolean {
  if (step === undefined || typeof value !== 'object' || value === null) return false
  if (rest.length === 0) return replaceIn(value, step)
  return valuesIn(value, step)
    .map((inner) => redactAt(inner, rest))
    .includes(true)
}

function valuesIn(value: object, step: string): unknown[] {
  if (value instanceof Map) return keysOf(value, step).map((key) => value.get(key))
  if (value instanceof Set) return step === '*' ? [...value] : []
  const fields = value as Record<string, unknown>
  return fieldsOf(value, step).map((field) => fields[field])
}

function replaceIn(value: object, step: string): boolean {
  if (value instanceof Map) {
    const keys = keysOf(value, step)
    for (const key of keys) value.set(key, redactedText)
    return keys.length > 0
  }
  if (value instanceof Set) {
    if (step !== '*' || value.size === 0) return false
    value.clear()
    value.add(redactedText)
    return true
  }
  const fields = fieldsOf(value, step)
  for (const field of fields) (value as Record<string, unknown>)[field] = redactedText
  return fields.length > 0
}

// a list has a field `length` too, which holds nothing that was given
const fieldsOf = (value: object, step: string): string[] =>
  step === '*'
    ? Object.keys(value)
    : Object.hasOwn(value, step) && !(Array.isArray(value) && step === 'length')
      ? [step]
      : []

const keysOf = (map: Map<unknown, unknown>, step: string): unknown[] =>
  [...map.keys()].filter((key) => step === '*' || String(key) === step)

/** Where what stands in the place of a value has been taken for the value. */
export const redactedPlaces = (value: unknown, paths: readonly RedactPath[]): string[][] =>
  paths.flatMap((path) => placesOf(value, path, []))

function placesOf(value: unknown, [step, ...rest]: RedactPath, place: string[]): string[][] {
  if (step === undefined) return value === redactedText ? [place] : []
  if (typeof value !== 'object' || value === null) return []
  if (value instanceof Set) return valuesIn(value, step).flatMap((inner) => placesOf(inner, rest, [...place, step]))
  const steps = value instanceof Map ? keysOf(value, step).map(String) : fieldsOf(value, step)
  return valuesIn(value, step).flatMap((inner, index) => placesOf(inner, rest, [...place, steps[index]!]))
}
