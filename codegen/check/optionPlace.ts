/**
 * Finds where in its module an option stands, so that problems of a live contract are told at the line that wrote it.
 */
import { ts } from 'ts-morph'
import type { JobDefinition } from '../contract/jobDefinition.js'
import { unwrap, type Declarations } from '../contract/sourceModule.js'

/**
 * The node nearest to the end of `path`: follows object literals, what is inside `z.object({ … })` and the like, lists,
 * and constants.
 */
export function optionNode({ options, declarations }: JobDefinition, path: readonly string[]): ts.Node {
  let place: ts.Node = options
  let value: ts.Expression | undefined = options
  for (const step of path) {
    const found: Found | undefined = value && stepInto(value, step, declarations)
    if (!found) return place
    ;({ place, value } = found)
  }
  return place
}

/** The place that an editor should jump to, and where the path goes on. */
interface Found {
  place: ts.Node
  value: ts.Expression | undefined
}

function stepInto(value: ts.Expression, step: string, declarations: Declarations): Found | undefined {
  const target = resolve(value, declarations)
  if (ts.isObjectLiteralExpression(target)) return propertyOf(target, step)
  if (ts.isArrayLiteralExpression(target)) {
    const element = target.elements[Number(step)]
    return element && { place: element, value: element }
  }
  if (!ts.isCallExpression(target)) return undefined
  // z.object({ a: … }) and z.array(z.object(…)): schemas hold what they describe in their first argument
  const [first] = target.arguments
  if (first && isSchemaCall(target)) {
    if (step === '[]') return { place: first, value: first }
    const inside = stepInto(first, step, declarations)
    if (inside) return inside
  }
  // z.object({ … }).refine(…): the shape is in what the method is called on
  return ts.isPropertyAccessExpression(target.expression)
    ? stepInto(target.expression.expression, step, declarations)
    : undefined
}

const isSchemaCall = ({ expression }: ts.CallExpression): boolean =>
  ts.isPropertyAccessExpression(expression) && ts.isIdentifier(expression.expression)

function propertyOf(literal: ts.ObjectLiteralExpression, name: string): Found | undefined {
  const property = literal.properties.find(
    (one) => one.name && (ts.isIdentifier(one.name) || ts.isStringLiteralLike(one.name)) && one.name.text === name,
  )
  if (!property) return undefined
  if (ts.isPropertyAssignment(property)) return { place: property, value: property.initializer }
  return { place: property, value: ts.isShorthandPropertyAssignment(property) ? property.name : undefined }
}

/** A constant of the module stands for its value. */
function resolve(value: ts.Expression, declarations: Declarations): ts.Expression {
  const expression = unwrap(value)
  const node = ts.isIdentifier(expression) ? declarations.get(expression.text)?.[0]?.node : undefined
  return node && ts.isVariableDeclaration(node) && node.initializer ? unwrap(node.initializer) : expression
}
