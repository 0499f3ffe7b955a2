/** Answers as the typed client shows them: as they travel, with Dates for times. */

/** Fields that are times, wherever they stand. */
const timeFields = [
  'at',
  'closedAt',
  'createdAt',
  'deadline',
  'finishedAt',
  'lastRunAt',
  'lastUsedAt',
  'nextAt',
  'nextRunAt',
  'pausedAt',
  'retiredAt',
  'runAt',
  'since',
  'startedAt',
  'until',
] as const

type TimeField = (typeof timeFields)[number]

/** A field of that name that is no text, such as a policy's `until` in milliseconds, stays as it is. */
export type Dated<Value> = Value extends object
  ? {
      [Field in keyof Value]: Field extends TimeField
        ? [Value[Field]] extends [string | null | undefined]
          ? Date | Extract<Value[Field], null | undefined>
          : Dated<Value[Field]>
        : Dated<Value[Field]>
    }
  : Value

const isTime: ReadonlySet<string> = new Set(timeFields)
/** What callers gave, what functions told, and policies: fields in there are no times of ours. */
const isLeft = new Set(['args', 'argsMeta', 'result', 'resultMeta', 'fields', 'example', 'policies'])

export const dated = <View>(view: View): Dated<View> => read(view) as Dated<View>

function read(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(read)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]: [string, unknown]) => {
      if (isLeft.has(field)) return [field, inner]
      return [field, isTime.has(field) && typeof inner === 'string' ? new Date(inner) : read(inner)]
    }),
  )
}
