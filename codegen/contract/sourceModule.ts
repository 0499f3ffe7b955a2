/** A module as text and syntax tree, what it declares at its top level, and how places in it are told to people. */
import { ts } from 'ts-morph'
import { bindingNames } from './freeIdentifiers.js'
import type { Problem } from '../check/problems.js'

export interface SourceModule {
  /** Relative to the project's root, with `/`. */
  file: string
  text: string
  tree: ts.SourceFile
}

/** One name at the top level of a module. `node` is what must stay for the name to be there. */
interface Declaration {
  name: string
  statement: ts.Statement
  node: ts.Node
  /**
   * Set where the name is imported: `import { a as b } from 'c'` is `{ from: 'c', name: 'a' }`; `*` is the whole
   * module.
   */
  imported?: { from: string; name: string }
}

export type Declarations = ReadonlyMap<string, readonly Declaration[]>

export function parseModule(file: string, text: string): SourceModule {
  const kind = file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS
  return { file, text, tree: ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true, kind) }
}

export function syntaxProblems(module: SourceModule): Problem[] {
  // not in TypeScript's public types, but the only way to a file's syntax errors without building a program around it
  const { parseDiagnostics = [] } = module.tree as { parseDiagnostics?: ts.DiagnosticWithLocation[] }
  // one slip makes the parser stumble several times; the first place is the one to mend
  return parseDiagnostics.slice(0, 1).map(({ start, messageText }) => ({
    ...placeOf(module, start),
    message: `Syntax error: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
  }))
}

export const problemAt = (module: SourceModule, node: ts.Node, message: string): Problem => ({
  // what is wrong with a module as a whole is told at its top, not at its first statement
  ...placeOf(module, ts.isSourceFile(node) ? 0 : node.getStart(module.tree)),
  message,
})

function placeOf({ file, tree }: SourceModule, position: number): Omit<Problem, 'message'> {
  const { line, character } = tree.getLineAndCharacterOfPosition(position)
  return { file, line: line + 1, column: character + 1 }
}

/**
 * Every value the module's top level declares or imports; types are left out. A name has several where a function is
 * overloaded.
 */
export function declarationsOf({ tree }: SourceModule): Declarations {
  const all = new Map<string, Declaration[]>()
  for (const declaration of tree.statements.flatMap(declared)) {
    all.set(declaration.name, [...(all.get(declaration.name) ?? []), declaration])
  }
  return all
}

function declared(statement: ts.Statement): Declaration[] {
  if (hasModifier(statement, ts.SyntaxKind.DeclareKeyword)) return []
  if (ts.isImportDeclaration(statement)) return importedNames(statement)
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap((node) =>
      bindingNames(node.name).map((name) => ({ name, statement, node })),
    )
  }
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isEnumDeclaration(statement) ||
    ts.isModuleDeclaration(statement) ||
    ts.isImportEqualsDeclaration(statement)
  return isNamed && statement.name ? [{ name: statement.name.text, statement, node: statement }] : []
}

function importedNames(statement: ts.ImportDeclaration): Declaration[] {
  const clause = statement.importClause
  if (!clause || clause.isTypeOnly) return []
  const from = specifierOf(statement)!
  const names: Declaration[] = []
  const add = (node: ts.Node, name: string, imported: string): void => {
    names.push({ name, statement, node, imported: { from, name: imported } })
  }
  if (clause.name) add(clause.name, clause.name.text, 'default')
  const bindings = clause.namedBindings
  if (bindings && ts.isNamespaceImport(bindings)) add(bindings, bindings.name.text, '*')
  if (bindings && ts.isNamedImports(bindings)) {
    for (const element of bindings.elements) {
      if (!element.isTypeOnly) add(element, element.name.text, (element.propertyName ?? element.name).text)
    }
  }
  return names
}

/** The module an import or re-export names. */
export function specifierOf(statement: ts.ImportDeclaration | ts.ExportDeclaration): string | undefined {
  const specifier = statement.moduleSpecifier
  return specifier && ts.isStringLiteral(specifier) ? specifier.text : undefined
}

export const hasModifier = (node: ts.Node, kind: ts.SyntaxKind): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node)?.some((modifier) => modifier.kind === kind) ?? false)

export const isConst = (statement: ts.VariableStatement): boolean =>
  (statement.declarationList.flags & ts.NodeFlags.Const) !== 0

/** Statements that are there for what they do: no declaration, no type, no import or export of a name. */
export const isEffect = (statement: ts.Statement): boolean =>
  !ts.isVariableStatement(statement) &&
  !ts.isFunctionDeclaration(statement) &&
  !ts.isClassDeclaration(statement) &&
  !ts.isEnumDeclaration(statement) &&
  !ts.isModuleDeclaration(statement) &&
  !ts.isInterfaceDeclaration(statement) &&
  !ts.isTypeAliasDeclaration(statement) &&
  !ts.isImportEqualsDeclaration(statement) &&
  !ts.isExportAssignment(statement) &&
  !ts.isExportDeclaration(statement) &&
  !ts.isEmptyStatement(statement) &&
  // 'use strict' and its like
  !(ts.isExpressionStatement(statement) && ts.isStringLiteral(statement.expression)) &&
  !(ts.isImportDeclaration(statement) && statement.importClause !== undefined)

/** The expression itself, out of parentheses, `as`, `satisfies` and `!`. */
export function unwrap(expression: ts.Expression): ts.Expression {
  let inner = expression
  while (
    ts.isSatisfiesExpression(inner) ||
    ts.isAsExpression(inner) ||
    ts.isParenthesizedExpression(inner) ||
    ts.isNonNullExpression(inner)
  ) {
    inner = inner.expression
  }
  return inner
}
