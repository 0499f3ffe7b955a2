/**
 * Names the place where args do not fit, as a place in the schema: `lines[].price`, `prices.*`. Indexes and the keys of
 * records and maps are data, so they are left out: they belong in no log, and a thousand jobs shall make one problem,
 * not a thousand.
 */
import type * as z from 'zod/v4/core'

type Key = PropertyKey

/** `''` is the args themselves. */
export function pathOf(schema: z.$ZodType, path: readonly Key[]): string {
  let place = ''
  let at: readonly z.SomeType[] = [schema]
  for (const key of path) {
    const steps = at.flatMap((part) => stepsInto(part, key, 0))
    // a refinement may name any path; what no schema knows may be data
    const label = steps[0]?.label ?? (typeof key === 'number' ? '[]' : '*')
    place = label === '[]' ? `${place}[]` : place === '' ? label : `${place}.${label}`
    at = steps.flatMap(({ next }) => next ?? [])
  }
  return place
}

interface Step {
  label: string
  next?: z.SomeType | undefined
}

/** A lazy schema may lead to itself. */
const maxDepth = 20

/** Where a key leads, in every branch that knows it. */
function stepsInto(schema: z.SomeType, key: Key, depth: number): Step[] {
  if (depth > maxDepth) return []
  const into = (part: z.SomeType): Step[] => stepsInto(part, key, depth + 1)
  const def = (schema as z.$ZodTypes)._zod.def
  // every kind that is not named holds nothing, or nothing that is known
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (def.type) {
    case 'object': {
      const next = typeof key === 'string' && Object.hasOwn(def.shape, key) ? def.shape[key] : undefined
      return next ? [{ label: String(key), next: next }] : []
    }
    case 'record':
    case 'map':
      return [{ label: '*', next: def.valueType }]
    case 'array':
      return [{ label: '[]', next: def.element }]
    case 'set':
      return [{ label: '[]', next: def.valueType }]
    case 'tuple':
      return [{ label: '[]', next: def.items[Number(key)] ?? def.rest ?? undefined }]
    case 'union':
      return def.options.flatMap(into)
    case 'intersection':
      return [...into(def.left), ...into(def.right)]
    case 'pipe':
      return [...into(def.in), ...into(def.out)]
    case 'lazy':
      return into(def.getter())
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return into(def.innerType)
    default:
      return []
  }
}

/** The value at a path, or `undefined`. */
export function valueAt(value: unknown, path: readonly Key[]): unknown {
  let at = value
  for (const key of path) {
    if (at instanceof Map) at = at.get(key)
    else if (typeof at === 'object' && at !== null && Object.hasOwn(at, key)) at = (at as Record<Key, unknown>)[key]
    else return undefined
  }
  return at
}
