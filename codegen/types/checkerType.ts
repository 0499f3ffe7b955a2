/** Makes types of the type checker stand alone: classes become their fields, aliases what they stand for. */
import { ts } from 'ts-morph'
import { carriedClasses, formatPlace } from './schemaType.js'
import {
  fieldName,
  quote,
  text,
  union,
  withUndefined,
  type Field,
  type StandaloneType,
  type TupleItem,
  type TypeModel,
} from './typeModel.js'

interface Walk {
  checker: ts.TypeChecker
  /** Where types are looked at from, which decides what `this` and private names mean. */
  at: ts.Node
  name: string
  /** Objects and unions being printed, from the root inwards. */
  open: Map<ts.Type, { name: string; used: boolean }>
  named: Map<ts.Type, string>
  result: StandaloneType
  fields: number
}

/** A result larger than this is some library's object by mistake; writing it out would help no reader. */
const maxFields = 2_000
const maxDepth = 20

/** `name` is what the type will be declared as. */
export function standaloneType(type: ts.Type, checker: ts.TypeChecker, at: ts.Node, name: string): StandaloneType {
  const result: StandaloneType = { type: text('unknown'), declarations: [], opaque: [] }
  result.type = visit(type, [], { checker, at, name, open: new Map(), named: new Map(), result, fields: 0 })
  return result
}

function visit(type: ts.Type, place: readonly string[], walk: Walk): TypeModel {
  const plain = primitive(type, walk.checker)
  if (plain) return plain
  if (type.flags & ts.TypeFlags.Any) return opaque(place, 'its type is any', walk)
  if (type.isUnion()) return visitNamed(type, place, walk, unionType)
  if (type.isIntersection()) return intersectionType(type, place, walk)
  if (!(type.flags & ts.TypeFlags.Object)) return opaque(place, 'its type is not known here', walk)
  return collection(type, place, walk) ?? visitNamed(type, place, walk, objectType)
}

function primitive(type: ts.Type, checker: ts.TypeChecker): TypeModel | undefined {
  const { flags } = type
  if (type.isStringLiteral()) return text(quote(type.value))
  if (flags & (ts.TypeFlags.NumberLiteral | ts.TypeFlags.BigIntLiteral))
    return text(literalText(type as ts.LiteralType))
  if (flags & ts.TypeFlags.BooleanLiteral) return text(checker.typeToString(type))
  if (flags & ts.TypeFlags.Boolean) return text('boolean')
  if (flags & ts.TypeFlags.String || flags & ts.TypeFlags.StringMapping) return text('string')
  if (flags & ts.TypeFlags.TemplateLiteral) return text(checker.typeToString(type))
  if (flags & ts.TypeFlags.Number) return text('number')
  if (flags & ts.TypeFlags.BigInt) return text('bigint')
  if (flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Void)) return text('undefined')
  if (flags & ts.TypeFlags.Null) return text('null')
  if (flags & ts.TypeFlags.Never) return text('never')
  if (flags & ts.TypeFlags.Unknown) return text('unknown')
  return undefined
}

const unionType = (type: ts.UnionType, place: readonly string[], walk: Walk): TypeModel =>
  wholeBoolean(union(type.types.map((member) => visit(member, place, walk))))

/** A union holds boolean as its two halves. */
function wholeBoolean(type: TypeModel): TypeModel {
  if (type.kind !== 'union') return type
  const isHalf = (member: TypeModel): boolean =>
    member.kind === 'text' && (member.text === 'true' || member.text === 'false')
  const others = type.members.filter((member) => !isHalf(member))
  return others.length === type.members.length - 2 ? union([...others, text('boolean')]) : type
}

function literalText({ value }: ts.LiteralType): string {
  return typeof value === 'object' ? `${value.negative ? '-' : ''}${value.base10Value}n` : String(value)
}

/**
 * A primitive with a brand is the primitive, since the brand is gone on the way; objects are one with all their fields.
 */
function intersectionType(type: ts.IntersectionType, place: readonly string[], walk: Walk): TypeModel {
  const plain = type.types.map((member) => primitive(member, walk.checker)).find((member) => member !== undefined)
  return plain ?? visitNamed(type, place, walk, objectType)
}

function collection(type: ts.Type, place: readonly string[], walk: Walk): TypeModel | undefined {
  const { checker } = walk
  const args = (): readonly ts.Type[] => checker.getTypeArguments(type as ts.TypeReference)
  const held = (part: ts.Type): TypeModel => visit(part, [...place, '[]'], walk)
  if (checker.isTupleType(type)) return tupleType(type as ts.TupleTypeReference, args(), place, walk)
  const name = builtinName(type, walk)
  if (name === undefined) return undefined
  if (name === 'Array' || name === 'ReadonlyArray')
    return { kind: 'array', element: held(args()[0]!), readonly: name !== 'Array' }
  if (/^(?:Readonly)?(?:Map|Set)$/.test(name)) return { kind: 'generic', name, args: args().map(held) }
  if (name === 'Buffer') return text('Uint8Array')
  return carriedClasses.has(name) ? text(name) : opaque(place, `${article(name)} cannot be stored or sent`, walk)
}

const article = (name: string): string => `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`

/**
 * The name of a class or interface of the language, of Node or the web; users' own types and plain objects have none.
 */
function builtinName(type: ts.Type, { checker }: Walk): string | undefined {
  const symbol = type.getSymbol()
  const declaration = symbol?.declarations?.[0]
  if (!symbol || !declaration || symbol.flags & (ts.SymbolFlags.TypeLiteral | ts.SymbolFlags.ObjectLiteral))
    return undefined
  const file = declaration.getSourceFile().fileName
  const isBuiltin =
    /\/node_modules\/(?:typescript\/lib|@types\/node|undici-types|@typescript\/native)\//.test(file) ||
    file.startsWith('/node_modules/typescript/lib/')
  if (!isBuiltin || symbol.flags & ts.SymbolFlags.Alias) return undefined
  return type.getCallSignatures().length > 0 ? undefined : checker.symbolToString(symbol).split('.').at(-1)
}

function tupleType(
  type: ts.TupleTypeReference,
  args: readonly ts.Type[],
  place: readonly string[],
  walk: Walk,
): TypeModel {
  const { elementFlags, readonly } = type.target
  const items = args.map((arg, index): TupleItem => {
    const flags = elementFlags[index]!
    const mode = flags & ts.ElementFlags.Variable ? 'rest' : flags & ts.ElementFlags.Optional ? 'optional' : 'plain'
    return { type: visit(arg, [...place, String(index)], walk), mode }
  })
  return { kind: 'tuple', items, readonly }
}

/** Objects and unions can hold themselves; one that is met again inside itself gets a name. */
function visitNamed<Type extends ts.Type>(
  type: Type,
  place: readonly string[],
  walk: Walk,
  make: (type: Type, place: readonly string[], walk: Walk) => TypeModel,
): TypeModel {
  const named = walk.named.get(type)
  if (named !== undefined) return text(named)
  const outer = walk.open.get(type)
  if (outer) {
    outer.used = true
    return text(outer.name)
  }
  if (walk.open.size >= maxDepth) return opaque(place, 'it goes too deep', walk)
  const mine = { name: walk.open.size === 0 ? walk.name : partName(type, place, walk), used: false }
  const isRoot = place.length === 0
  walk.open.set(type, mine)
  const model = make(type, place, walk)
  walk.open.delete(type)
  if (!mine.used || (isRoot && mine.name === walk.name)) return model
  walk.named.set(type, mine.name)
  walk.result.declarations.push({ name: mine.name, type: model })
  return text(mine.name)
}

function partName(type: ts.Type, place: readonly string[], { name, open, result }: Walk): string {
  const taken = new Set([
    ...[...open.values()].map((part) => part.name),
    ...result.declarations.map((part) => part.name),
  ])
  const own = (type.aliasSymbol ?? type.getSymbol())?.getName().replaceAll(/\W|^__\w+/g, '')
  const wanted = `${name}_${
    own ||
    place
      .map((part) => part.replaceAll(/\W/g, ''))
      .filter(Boolean)
      .join('_') ||
    'item'
  }`
  let unique = wanted
  for (let count = 2; taken.has(unique); count++) unique = `${wanted}_${count}`
  return unique
}

function objectType(type: ts.Type, place: readonly string[], walk: Walk): TypeModel {
  const { checker } = walk
  if (type.getCallSignatures().length > 0 || type.getConstructSignatures().length > 0) {
    return opaque(place, 'a function cannot be stored or sent', walk)
  }
  const fields = checker.getPropertiesOfType(type).flatMap((property) => fieldOf(property, place, walk))
  const indexes = checker.getIndexInfosOfType(type).flatMap(({ keyType, type: value }): Field[] => {
    const key = primitive(keyType, checker)
    if (key?.kind !== 'text') return []
    return [{ name: `[key: ${key.text}]`, optional: false, type: visit(value, [...place, '[]'], walk) }]
  })
  const all = [...fields, ...indexes]
  return all.length > 0
    ? { kind: 'object', fields: all }
    : { kind: 'generic', name: 'Record', args: [text('string'), text('never')] }
}

function fieldOf(property: ts.Symbol, place: readonly string[], walk: Walk): Field[] {
  const name = property.getName()
  if (isLeftBehind(property, name)) return []
  if (++walk.fields > maxFields) {
    if (walk.fields === maxFields + 1) opaque(place, `it has more than ${maxFields} fields`, walk)
    return []
  }
  const type = visit(walk.checker.getTypeOfSymbolAtLocation(property, walk.at), [...place, name], walk)
  const optional = (property.flags & ts.SymbolFlags.Optional) !== 0
  return [{ name: fieldName(name), optional, type: optional ? withUndefined(type) : type }]
}

/** Methods of classes, private fields and fields named by symbols are not written down. */
function isLeftBehind(property: ts.Symbol, name: string): boolean {
  if (name.startsWith('__@')) return true
  const declaration = property.valueDeclaration
  if (!declaration) return false
  if (ts.isPropertyDeclaration(declaration) && ts.isPrivateIdentifier(declaration.name)) return true
  if (ts.isMethodDeclaration(declaration) && ts.isClassLike(declaration.parent)) return true
  return (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0
}

function opaque(place: readonly string[], why: string, { result }: Walk): TypeModel {
  result.opaque.push(`${formatPlace(place)}: ${why}`)
  return text('unknown')
}
