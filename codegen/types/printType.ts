/**
 * Prints types as text, laid out as prettier does it (no semicolons, single quotes, 120 columns), so that formatting
 * leaves the registry alone.
 */
import type { Field, StandaloneType, TupleItem, TypeModel } from './typeModel.js'

/** A type as text, with the declarations it needs; what is cached, since the type itself is of no more use. */
export interface PrintedType {
  text: string
  /** Places that print as `unknown`, and why. */
  opaque: string[]
}

const width = 120

/**
 * Declares the type by this name. An object becomes an interface, since its name then shows in the compiler's
 * complaints.
 */
export function printType(name: string, { type, declarations, opaque }: StandaloneType): PrintedType {
  const all = [{ name, type }, ...declarations]
  return { text: all.map((one) => printDeclaration(one.name, one.type)).join('\n\n'), opaque }
}

function printDeclaration(name: string, type: TypeModel): string {
  if (type.kind === 'object' && type.fields.length > 0) return `export interface ${name} ${print(type, 0, 0)}`
  const head = `export type ${name} =`
  return `${head}${printValue(type, 0, head.length)}`
}

/** `depth` is the indentation of the line, `column` where on it the type starts. */
function print(type: TypeModel, depth: number, column: number): string {
  switch (type.kind) {
    case 'text':
      return type.text
    case 'object':
      return printObject(type, depth)
    case 'array':
      return `${type.readonly ? 'readonly ' : ''}${printMember(type.element, depth, column, 'array')}[]`
    case 'tuple':
      return printTuple(type.items, type.readonly ?? false, depth, column)
    case 'union':
      return type.members.map((member) => printMember(member, depth, column, 'union')).join(' | ')
    case 'intersection':
      return type.members.map((member) => printMember(member, depth, column, 'intersection')).join(' & ')
    case 'generic':
      return printGeneric(type.name, type.args, depth, column)
  }
}

function printObject({ fields }: { fields: readonly Field[] }, depth: number): string {
  if (fields.length === 0) return '{}'
  const lines = fields.map(({ name, optional, type, comment }) => {
    const head = `${indent(depth + 1)}${name}${optional ? '?' : ''}:`
    return `${printComment(comment, depth + 1)}${head}${printValue(type, depth + 1, head.length)}`
  })
  return `{\n${lines.join('\n')}\n${indent(depth)}}`
}

/** In one line where it fits, else in several. */
export function printComment(comment: string | undefined, depth: number): string {
  if (comment === undefined) return ''
  const start = indent(depth)
  if (start.length + comment.length + '/**  */'.length <= width) return `${start}/** ${comment} */\n`
  const lines = ['']
  for (const word of comment.split(' ')) {
    const longer = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`
    if (start.length + ' * '.length + longer.length <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return `${start}/**\n${lines.map((line) => `${start} * ${line}\n`).join('')}${start} */\n`
}

/**
 * Prints the part behind `name:` or `name =`. A union that is too long moves to the next line, or gets a line for each
 * member.
 */
function printValue(type: TypeModel, depth: number, column: number): string {
  const inline = print(type, depth, column + 1)
  return type.kind === 'union' && !staysOnLine(type, column + 1, inline) ? below(type, inline, depth + 1) : ` ${inline}`
}

const staysOnLine = ({ members }: { members: readonly TypeModel[] }, column: number, inline: string): boolean =>
  isHugged(members) || (!inline.includes('\n') && fits(column, inline))

function below({ members }: { members: readonly TypeModel[] }, inline: string, depth: number): string {
  const isOneLine = !inline.includes('\n') && fits(2 * depth, inline)
  return isOneLine ? `\n${indent(depth)}${inline}` : brokenUnion(members, depth)
}

/** `{ … } | null` stays together. */
const isHugged = (members: readonly TypeModel[]): boolean =>
  members.length === 2 &&
  members.some(({ kind }) => kind === 'object') &&
  members.some((member) => member.kind === 'text' && member.text === 'null')

const brokenUnion = (members: readonly TypeModel[], depth: number): string =>
  members.map((member) => `\n${indent(depth)}| ${printMember(member, depth + 1, 2 * depth + 2, 'union')}`).join('')

function printTuple(items: readonly TupleItem[], isReadonly: boolean, depth: number, column: number): string {
  const head = isReadonly ? 'readonly [' : '['
  const inline = `${head}${items.map((item) => printItem(item, depth, column)).join(', ')}]`
  if (fits(column, inline) && !inline.includes('\n')) return inline
  const lines = items.map((item) => `\n${indent(depth + 1)}${printItem(item, depth + 1, 2 * depth + 2)},`)
  return `${head}${lines.join('').replace(/,$/, items.at(-1)?.mode === 'rest' ? '' : ',')}\n${indent(depth)}]`
}

function printItem({ type, mode }: TupleItem, depth: number, column: number): string {
  if (mode === 'rest') return `...${printMember(type, depth, column, 'array')}[]`
  return mode === 'optional' ? `${printMember(type, depth, column, 'array')}?` : print(type, depth, column)
}

function printGeneric(name: string, args: readonly TypeModel[], depth: number, column: number): string {
  const inline = `${name}<${args.map((arg) => print(arg, depth, column)).join(', ')}>`
  const hugsObject = args.length === 1 && args[0]!.kind === 'object'
  if (hugsObject || (fits(column, inline) && !inline.includes('\n'))) return inline
  const lines = args.map((arg) => `\n${indent(depth + 1)}${print(arg, depth + 1, 2 * depth + 2)}`)
  return `${name}<${lines.join(',')}\n${indent(depth)}>`
}

/** In parentheses where the place binds tighter than the type. */
function printMember(
  type: TypeModel,
  depth: number,
  column: number,
  place: 'array' | 'union' | 'intersection',
): string {
  const loose =
    (type.kind === 'union' && place !== 'union') ||
    (type.kind === 'intersection' && place === 'array') ||
    ((type.kind === 'array' || type.kind === 'tuple') && type.readonly === true && place === 'array')
  const inline = print(type, depth, column + (loose ? 1 : 0))
  if (!loose) return inline
  const isBroken = type.kind === 'union' && !staysOnLine(type, column + 1, inline)
  return isBroken ? `(${below(type, inline, depth + 1)}\n${indent(depth)})` : `(${inline})`
}

/** Only the first line can run over here; the lines inside an object look after themselves. */
const fits = (column: number, printed: string): boolean => column + printed.split('\n', 1)[0]!.length <= width

const indent = (depth: number): string => '  '.repeat(depth)
