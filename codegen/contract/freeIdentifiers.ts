/**
 * Finds the names that a piece of code takes from outside itself. Scope aware (`key: (stripe) => stripe.id` does not
 * use an import named stripe), and blind to types and property names. Where the language is subtle it errs towards
 * "uses": a name too many keeps a declaration too many, a name too few would break the contract.
 */
import { ts } from 'ts-morph'

export function freeIdentifiers(root: ts.Node): Set<string> {
  const free = new Set<string>()
  walk(root, [], free)
  return free
}

function walk(node: ts.Node, scopes: readonly Set<string>[], free: Set<string>): void {
  if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return
  if (ts.isMetaProperty(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
  if (ts.isIdentifier(node)) {
    if (!scopes.some((scope) => scope.has(node.text))) free.add(node.text)
    return
  }
  const inner = isScope(node) ? [...scopes, namesDeclaredIn(node)] : scopes
  for (const child of valueChildren(node)) walk(child, inner, free)
}

/** The children that can use a value: all but the names of properties, members and what is being declared. */
function valueChildren(node: ts.Node): ts.Node[] {
  if (ts.isPropertyAccessExpression(node)) return [node.expression]
  if (ts.isJsxAttribute(node)) return node.initializer ? [node.initializer] : []
  const skipped = skippedName(node)
  const children: ts.Node[] = []
  ts.forEachChild(node, (child) => {
    if (child !== skipped) children.push(child)
  })
  if (ts.isBindingElement(node) && node.propertyName && !ts.isComputedPropertyName(node.propertyName)) {
    return children.filter((child) => child !== node.propertyName)
  }
  return children
}

function skippedName(node: ts.Node): ts.Node | undefined {
  const declares =
    ts.isPropertyAssignment(node) ||
    ts.isEnumMember(node) ||
    ts.isClassElement(node) ||
    ts.isFunctionLike(node) ||
    ts.isClassLike(node) ||
    ts.isEnumDeclaration(node) ||
    ts.isModuleDeclaration(node)
  const binds = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)
  if (!declares && !binds) return undefined
  const name = (node as { name?: ts.Node }).name
  if (name === undefined || ts.isComputedPropertyName(name)) return undefined
  // a pattern is walked for its defaults: const { a = fallback } = …
  return binds && !ts.isIdentifier(name) ? undefined : name
}

const isScope = (node: ts.Node): boolean =>
  ts.isFunctionLike(node) ||
  ts.isBlock(node) ||
  ts.isForStatement(node) ||
  ts.isForOfStatement(node) ||
  ts.isForInStatement(node) ||
  ts.isCatchClause(node) ||
  ts.isCaseBlock(node) ||
  ts.isClassLike(node) ||
  ts.isModuleBlock(node)

function namesDeclaredIn(scope: ts.Node): Set<string> {
  const names = new Set<string>()
  const add = (name: ts.BindingName): void => bindingNames(name).forEach((text) => names.add(text))
  if (ts.isFunctionLike(scope)) for (const parameter of scope.parameters) add(parameter.name)
  if ((ts.isFunctionExpression(scope) || ts.isClassLike(scope)) && scope.name) names.add(scope.name.text)
  if (ts.isCatchClause(scope) && scope.variableDeclaration) add(scope.variableDeclaration.name)
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclarationList(node)) for (const declaration of node.declarations) add(declaration.name)
    if ((ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isEnumDeclaration(node)) && node.name) {
      names.add(node.name.text)
    }
    if (!isScope(node)) ts.forEachChild(node, visit)
  }
  ts.forEachChild(scope, visit)
  return names
}

/** The names a binding makes: `a` makes one, `{ a, b: [c] }` makes a and c. */
export function bindingNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? bindingNames(element.name) : []))
}

/** Whether evaluating this at the top of a module awaits. */
export function hasTopLevelAwait(node: ts.Node): boolean {
  if (ts.isFunctionLike(node)) return false
  if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) return true
  return ts.forEachChild(node, (child) => hasTopLevelAwait(child) || undefined) ?? false
}
