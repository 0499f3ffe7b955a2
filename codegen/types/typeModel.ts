/**
 * A TypeScript type as data: made from a live zod schema or by the type checker, printed by printType. Plain JSON, so
 * it can be cached.
 */

export type TypeModel =
  /** Printed as it is: `string`, `'a'`, `Date`, `unknown`, or the name of a declaration. */
  | { kind: 'text'; text: string }
  | { kind: 'object'; fields: Field[] }
  | { kind: 'array'; element: TypeModel; readonly?: boolean }
  | { kind: 'tuple'; items: TupleItem[]; readonly?: boolean }
  | { kind: 'union'; members: TypeModel[] }
  | { kind: 'intersection'; members: TypeModel[] }
  /** `Map<K, V>`, `Record<K, V>`, … */
  | { kind: 'generic'; name: string; args: TypeModel[] }

export interface Field {
  /** An identifier, a quoted name, or an index signature such as `[key: string]`. */
  name: string
  optional: boolean
  type: TypeModel
  comment?: string
}

export interface TupleItem {
  type: TypeModel
  /** `'optional'` is `T?`, `'rest'` is `...T[]`. */
  mode: 'plain' | 'optional' | 'rest'
}

/** A type that stands alone: what it refers to by name comes with it. */
export interface StandaloneType {
  type: TypeModel
  declarations: { name: string; type: TypeModel }[]
  /** Places whose type cannot be told, and why: `args.file: …`. They print as `unknown`. */
  opaque: string[]
}

export const text = (value: string): TypeModel => ({ kind: 'text', text: value })

/** Flattens unions in unions and keeps each member once; one member is itself, none is `never`. */
export function union(members: readonly TypeModel[]): TypeModel {
  const flat = members.flatMap((member) => (member.kind === 'union' ? member.members : [member]))
  const unique = [...new Map(flat.map((member) => [JSON.stringify(member), member])).values()]
  const top = unique.find((member) => isText(member, 'unknown') || isText(member, 'any'))
  if (top) return top
  const real = unique.filter((member) => !isText(member, 'never'))
  // undefined and null read best at the end
  const ordered = [...real.filter((member) => !isNothing(member)), ...real.filter(isNothing)]
  if (ordered.length === 0) return text('never')
  return ordered.length === 1 ? ordered[0]! : { kind: 'union', members: ordered }
}

export const withUndefined = (type: TypeModel): TypeModel => union([type, text('undefined')])

export function withoutUndefined(type: TypeModel): TypeModel {
  if (type.kind !== 'union') return isText(type, 'undefined') ? text('never') : type
  return union(type.members.filter((member) => !isText(member, 'undefined')))
}

const isText = (type: TypeModel, value: string): boolean => type.kind === 'text' && type.text === value

const isNothing = (type: TypeModel): boolean => isText(type, 'undefined') || isText(type, 'null')

export const fieldName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name))

/** A string literal as prettier writes it: single quotes, unless that means more escapes. */
export function quote(value: string): string {
  const escaped = JSON.stringify(value).slice(1, -1)
  const plain = escaped.replaceAll(String.raw`\"`, '"')
  const singles = value.split("'").length - 1
  const doubles = value.split('"').length - 1
  return singles > doubles ? `"${escaped}"` : `'${plain.replaceAll("'", String.raw`\'`)}'`
}
