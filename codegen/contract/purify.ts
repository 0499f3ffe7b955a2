/**
 * Makes a module that contracts share safe to cut: every initialiser at its top level is marked pure, so that esbuild's
 * own tree shaking drops all that no contract uses, clients and configuration made at load among it.
 *
 *   export const s3 = new S3Client({ region: env('AWS_REGION') })   →   export const s3 = (pure) (() => new S3Client(…))()
 *
 * Edits add no line breaks, so a line in the contract is the same line in the module.
 */
import { ts } from 'ts-morph'
import { bindingNames, freeIdentifiers, hasTopLevelAwait } from './freeIdentifiers.js'
import { formatProblem } from '../check/problems.js'
import {
  declarationsOf,
  hasModifier,
  isConst,
  isEffect,
  problemAt,
  type Declarations,
  type SourceModule,
} from './sourceModule.js'

export interface Purified {
  text: string
  warnings: string[]
}

interface Edit {
  start: number
  end: number
  text: string
}

export function purify(module: SourceModule): Purified {
  const declarations = declarationsOf(module)
  const edits: Edit[] = []
  const warnings: string[] = []
  for (const statement of module.tree.statements) {
    if (isEffect(statement)) {
      if (mayChange(statement, declarations)) continue
      edits.push(replace(module, statement, ''))
      warnings.push(
        formatProblem(problemAt(module, statement, 'This statement runs in functions, not in the coordinator.')),
      )
    } else {
      const text = pureStatement(module, statement)
      if (text !== undefined) edits.push(replace(module, statement, text))
    }
  }
  return { text: apply(module.text, edits), warnings }
}

/** A statement that touches something local may build a value a schema uses, so it stays; logging never does. */
function mayChange(statement: ts.Statement, declarations: Declarations): boolean {
  if (ts.isImportDeclaration(statement)) return false
  if (ts.isExpressionStatement(statement) && isConsoleCall(statement.expression)) return false
  return [...freeIdentifiers(statement)].some((name) =>
    declarations.get(name)?.some(({ imported }) => imported === undefined),
  )
}

const isConsoleCall = (expression: ts.Expression): boolean =>
  ts.isCallExpression(expression) &&
  ts.isPropertyAccessExpression(expression.expression) &&
  ts.isIdentifier(expression.expression.expression) &&
  expression.expression.expression.text === 'console'

/** The statement with its evaluation marked pure, or `undefined` where it evaluates nothing. */
function pureStatement(module: SourceModule, statement: ts.Statement): string | undefined {
  if (hasModifier(statement, ts.SyntaxKind.DeclareKeyword)) return undefined
  if (ts.isVariableStatement(statement)) return pureVariables(module, statement)
  if (ts.isClassDeclaration(statement)) return pureClass(module, statement)
  if (ts.isExportAssignment(statement) && !statement.isExportEquals) return pureDefault(module, statement)
  return undefined
}

function pureVariables({ tree }: SourceModule, statement: ts.VariableStatement): string | undefined {
  const { declarations } = statement.declarationList
  if (declarations.some(({ initializer }) => initializer && hasTopLevelAwait(initializer))) return undefined
  const exported = hasModifier(statement, ts.SyntaxKind.ExportKeyword) ? 'export ' : ''
  const keyword = `${exported}${isConst(statement) ? 'const' : 'let'}`
  return declarations.map((declaration) => pureVariable(tree, keyword, declaration)).join('; ') + ';'
}

function pureVariable(
  tree: ts.SourceFile,
  keyword: string,
  { name, type, initializer }: ts.VariableDeclaration,
): string {
  const typed = type ? `: ${type.getText(tree)}` : ''
  if (!initializer) return `${keyword} ${name.getText(tree)}${typed}`
  const value = initializer.getText(tree)
  if (ts.isIdentifier(name)) return `${keyword} ${name.text}${typed} = ${isPlain(initializer) ? value : pure(value)}`
  return pureDestructuring(keyword, name, name.getText(tree), value)
}

/** `const { a, b } = load()` becomes a pure whole and a pure part for each name, so that each can go alone. */
function pureDestructuring(keyword: string, name: ts.BindingName, pattern: string, value: string): string {
  const names = bindingNames(name)
  const whole = `__parts_${name.pos}`
  const make = `/* @__PURE__ */ (() => { const ${pattern} = ${value}; return { ${names.join(', ')} } })()`
  return [`const ${whole} = ${make}`, ...names.map((part) => `${keyword} ${part} = ${pure(`${whole}.${part}`)}`)].join(
    '; ',
  )
}

/** A class runs code when it is declared where it extends, or has statics or decorators. */
function pureClass({ tree }: SourceModule, statement: ts.ClassDeclaration): string | undefined {
  const runsCode =
    (statement.heritageClauses?.length ?? 0) > 0 ||
    (ts.getDecorators(statement)?.length ?? 0) > 0 ||
    statement.members.some(
      (member) => ts.isClassStaticBlockDeclaration(member) || hasModifier(member, ts.SyntaxKind.StaticKeyword),
    )
  if (!runsCode || !statement.name) return undefined
  const { text: name } = statement.name
  const isDefault = hasModifier(statement, ts.SyntaxKind.DefaultKeyword)
  const exported = hasModifier(statement, ts.SyntaxKind.ExportKeyword) && !isDefault ? 'export ' : ''
  const body = statement.getText(tree).replace(/\bexport\s+(?:default\s+)?/, '')
  const declared = `${exported}const ${name} = /* @__PURE__ */ (() => { ${body}; return ${name} })();`
  return isDefault ? `${declared} export default ${name};` : declared
}

function pureDefault({ tree }: SourceModule, { expression }: ts.ExportAssignment): string | undefined {
  if (isPlain(expression) || hasTopLevelAwait(expression)) return undefined
  return `const __default = ${pure(expression.getText(tree))}; export default __default;`
}

const pure = (expression: string): string => `/* @__PURE__ */ (() => (${expression}))()`

const isPlain = (expression: ts.Expression): boolean =>
  ts.isArrowFunction(expression) ||
  ts.isFunctionExpression(expression) ||
  ts.isLiteralExpression(expression) ||
  ts.isIdentifier(expression) ||
  expression.kind === ts.SyntaxKind.TrueKeyword ||
  expression.kind === ts.SyntaxKind.FalseKeyword ||
  expression.kind === ts.SyntaxKind.NullKeyword

const replace = ({ tree }: SourceModule, statement: ts.Statement, text: string): Edit => ({
  start: statement.getStart(tree),
  end: statement.end,
  text,
})

function apply(text: string, edits: readonly Edit[]): string {
  let at = 0
  let out = ''
  for (const edit of edits) {
    // lines the edit takes away come back behind it, so that what follows keeps its line
    const lost = countLines(text.slice(edit.start, edit.end)) - countLines(edit.text)
    out += text.slice(at, edit.start) + edit.text + '\n'.repeat(Math.max(0, lost))
    at = edit.end
  }
  return out + text.slice(at)
}

const countLines = (text: string): number => text.split('\n').length - 1
