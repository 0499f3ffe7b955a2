/** Finds the options of a worker in its module: the object literal in `export default defineJob({ … })`. */
import { ts } from 'ts-morph'
import type { Problem } from '../check/problems.js'
import {
  declarationsOf,
  hasModifier,
  isConst,
  problemAt,
  specifierOf,
  unwrap,
  type Declarations,
  type SourceModule,
} from './sourceModule.js'

export interface JobDefinition {
  kind: 'definition'
  module: SourceModule
  declarations: Declarations
  call: ts.CallExpression
  options: ts.ObjectLiteralExpression
  /** The nodes that lead from the default export to the call and its options; these stay in any case. */
  holders: ReadonlySet<ts.Node>
}

/** `export { default } from '../impl/charge.js'`: the worker is written elsewhere, and read there. */
export interface ReExport {
  kind: 're-export'
  from: string
  problemAt(message: string): Problem
}

const advice = 'Write `export default defineJob({ … })`'

/** Throws `Refusal` where the module is no worker. */
export function findJobDefinition(module: SourceModule): JobDefinition | ReExport {
  const declarations = declarationsOf(module)
  const exported = findDefaultExport(module)
  if ('from' in exported) return exported
  const holders = new Set<ts.Node>([exported.statement])
  const call = findCall(module, declarations, exported.expression, holders)
  const options = findOptions(module, declarations, call, holders)
  return { kind: 'definition', module, declarations, call, options, holders }
}

/**
 * A module that cannot be a worker, and where it says so. Caught at the end of the step, never seen outside codegen.
 */
export class Refusal extends Error {
  readonly problem: Problem

  constructor(module: SourceModule, node: ts.Node, message: string) {
    super(message)
    this.problem = problemAt(module, node, message)
  }
}

function findDefaultExport(module: SourceModule): { statement: ts.Statement; expression: ts.Expression } | ReExport {
  for (const statement of module.tree.statements) {
    if (ts.isExportAssignment(statement) && !statement.isExportEquals) {
      return { statement, expression: statement.expression }
    }
    const isDeclaration = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)
    if (isDeclaration && hasModifier(statement, ts.SyntaxKind.DefaultKeyword)) {
      const what = ts.isClassDeclaration(statement) ? 'class' : 'function'
      throw new Refusal(module, statement, `The default export is a ${what}, not a worker. ${advice}.`)
    }
    const named = ts.isExportDeclaration(statement) ? exportedAsDefault(statement) : undefined
    if (named) return followNamedDefault(module, statement as ts.ExportDeclaration, named)
  }
  throw new Refusal(
    module,
    module.tree,
    `A module in jobs/ needs a default export. ${advice}, or start the file's name with "_" if it is no worker.`,
  )
}

function exportedAsDefault({ exportClause }: ts.ExportDeclaration): ts.ExportSpecifier | undefined {
  if (!exportClause || !ts.isNamedExports(exportClause)) return undefined
  return exportClause.elements.find((element) => element.name.text === 'default')
}

function followNamedDefault(
  module: SourceModule,
  statement: ts.ExportDeclaration,
  specifier: ts.ExportSpecifier,
): { statement: ts.Statement; expression: ts.Expression } | ReExport {
  const local = specifier.propertyName ?? specifier.name
  const from = specifierOf(statement)
  if (from === undefined) return { statement, expression: local }
  if (local.text !== 'default') {
    throw new Refusal(
      module,
      specifier,
      `"${local.text}" of '${from}' cannot be read as a worker. Re-export that module's default: \`export { default } from '${from}'\`.`,
    )
  }
  return { kind: 're-export', from, problemAt: (message) => problemAt(module, statement, message) }
}

function findCall(
  module: SourceModule,
  declarations: Declarations,
  exported: ts.Expression,
  holders: Set<ts.Node>,
): ts.CallExpression {
  const expression = follow(module, declarations, exported, holders)
  if (ts.isCallExpression(expression)) {
    if (isDefineJob(expression.expression, declarations)) return expression
    const found = expression.expression.getText(module.tree)
    throw new Refusal(
      module,
      expression,
      `The default export is what ${found}(…) makes, so its options cannot be read. ${advice} with defineJob imported from 'errand', not wrapped in a call.`,
    )
  }
  throw new Refusal(module, expression, `The default export is not a call of defineJob. ${advice}.`)
}

function isDefineJob(callee: ts.Expression, declarations: Declarations): boolean {
  const importOf = (name: string) =>
    declarations.get(name)?.find(({ imported }) => imported?.from === 'errand')?.imported?.name
  if (ts.isIdentifier(callee)) return importOf(callee.text) === 'defineJob'
  if (!ts.isPropertyAccessExpression(callee) || !ts.isIdentifier(callee.expression)) return false
  return callee.name.text === 'defineJob' && importOf(callee.expression.text) === '*'
}

function findOptions(
  module: SourceModule,
  declarations: Declarations,
  call: ts.CallExpression,
  holders: Set<ts.Node>,
): ts.ObjectLiteralExpression {
  const argument = call.arguments[0]
  const options = argument && follow(module, declarations, argument, holders)
  if (options && ts.isObjectLiteralExpression(options)) return options
  throw new Refusal(
    module,
    options ?? call,
    'defineJob takes an object literal, so that its options can be read without running them. Write them out: defineJob({ args, run }).',
  )
}

/** One hop: an identifier stands for the `const` of this module that it names. */
function follow(
  module: SourceModule,
  declarations: Declarations,
  expression: ts.Expression,
  holders: Set<ts.Node>,
): ts.Expression {
  const outer = unwrap(expression)
  if (!ts.isIdentifier(outer)) return outer
  const declaration = declarations.get(outer.text)?.[0]
  const variable = declaration?.node
  const isConstant =
    variable !== undefined &&
    ts.isVariableDeclaration(variable) &&
    ts.isIdentifier(variable.name) &&
    variable.initializer !== undefined &&
    ts.isVariableStatement(declaration!.statement) &&
    isConst(declaration!.statement)
  if (!isConstant) {
    throw new Refusal(
      module,
      outer,
      `"${outer.text}" is not a const of this module, so its options cannot be read. ${advice}.`,
    )
  }
  holders.add(declaration!.statement).add(variable)
  return unwrap(variable.initializer)
}
