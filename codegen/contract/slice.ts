/**
 * Cuts the contract out of a worker's module: `run`, and what only `run` needs, go; schemas, policies, key functions
 * and what they need stay.
 *
 *   options without run → names they use → declarations of those names → names these use → …   the rest is dropped
 *
 * The cut is purely syntactic (no type checker: 0.7 s instead of 14 s for a thousand modules) and is kept as ranges to
 * blank out. The kept text is therefore where it was, and a place in the contract is the same place in the module.
 */
import { ts } from 'ts-morph'
import type { ContractOptions } from '../../core/job/contract.js'
import { freeIdentifiers, hasTopLevelAwait } from './freeIdentifiers.js'
import { findJobDefinition, Refusal, type JobDefinition } from './jobDefinition.js'
import { formatProblem, type Problem } from '../check/problems.js'
import { isConst, isEffect, problemAt, specifierOf, syntaxProblems, type SourceModule } from './sourceModule.js'

export type Range = readonly [start: number, end: number]

/** Parts the type checker need not see to tell what `run` returns: policies, and the schema if its type is known. */
export interface Focus {
  /** The option `args`, its name included. */
  args: Range
  /** All options but `args` and `run`. */
  dropped: Range[]
}

interface Slice {
  /** The ranges blanked out, in order. */
  dropped: Range[]
  /** Whether there is a `result` schema; without one the result's type is what `run` returns. */
  hasResult: boolean
  /**
   * Set where the type of the result is to be asked, and the module is written so that the question can be put briefly.
   */
  focus?: Focus
  warnings: string[]
}

/** Option by option, the way to each name the contract uses: `stripe` → `['throttle.key', 'client', 'stripe']`. */
export type Chains = ReadonlyMap<string, readonly string[]>

export type SliceOutcome =
  | { kind: 'slice'; slice: Slice; definition: JobDefinition; chains: Chains }
  | { kind: 're-export'; from: string; problemAt(message: string): Problem }
  | { kind: 'refused'; problems: Problem[] }

/** Every option a contract keeps. The type makes a new option fail here first. */
const contractOptions: Record<keyof ContractOptions, true> = {
  args: true,
  version: true,
  migrate: true,
  result: true,
  retry: true,
  timeout: true,
  maxRuntime: true,
  throttle: true,
  concurrency: true,
  unique: true,
  priority: true,
  schedule: true,
  keep: true,
  limits: true,
  jobsPerCall: true,
  receipt: true,
  redact: true,
  deployment: true,
}

export const knownOptions: readonly string[] = [...Object.keys(contractOptions), 'run']

export function slice(module: SourceModule): SliceOutcome {
  const syntax = syntaxProblems(module)
  if (syntax.length > 0) return { kind: 'refused', problems: syntax }
  try {
    const definition = findJobDefinition(module)
    return definition.kind === 're-export' ? definition : sliceDefinition(definition)
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', problems: [error.problem] }
    throw error
  }
}

function sliceDefinition(definition: JobDefinition): SliceOutcome {
  const options = readOptions(definition)
  const reached = reach(definition, options.kept)
  const effects = weighEffects(definition, reached)
  const problems = [...options.problems, ...awaitProblems(definition, reached), ...effects.problems]
  if (problems.length > 0) return { kind: 'refused', problems }
  const slice: Slice = {
    dropped: dropRest(definition, options.kept, reached),
    hasResult: options.kept.some((option) => optionName(option) === 'result'),
    ...focusOf(definition),
    warnings: [...effects.warnings, ...mutableState(definition, reached)],
  }
  return { kind: 'slice', slice, definition, chains: reached.chains }
}

/** The text with what was dropped turned into blanks; lines and columns stay as they were. */
export const contractText = (text: string, dropped: readonly Range[]): string =>
  rewrite(text, dropped, (part) => part.replaceAll(/[^\r\n]/g, ' '))

/** The text in focus: `run` takes args of the type `taken`, which `declarations` declare. */
export function focusedText(
  text: string,
  { args: [start, end], dropped }: Focus,
  taken: string,
  declarations: string,
): string {
  const schema = `undefined as unknown as import('errand').ArgsSchema & { _zod: { input: object; output: ${taken} } }`
  const ranges = [...dropped, [start, end] as const].toSorted((a, b) => a[0] - b[0])
  return `${rewrite(text, ranges, (_, from) => (from === start ? `args: ${schema}` : ''))}\n${declarations}\n`
}

/** The rest of the text: two modules that differ only in `run` are equal in this. */
export const contractKey = (text: string, dropped: readonly Range[]): string => rewrite(text, dropped, () => '')

function rewrite(text: string, ranges: readonly Range[], replace: (part: string, from: number) => string): string {
  let at = 0
  let out = ''
  for (const [start, end] of ranges) {
    if (end <= at) continue
    const from = Math.max(at, start)
    out += text.slice(at, from) + replace(text.slice(from, end), from)
    at = end
  }
  return out + text.slice(at)
}

function readOptions({ module, options }: JobDefinition) {
  const kept: ts.ObjectLiteralElementLike[] = []
  const problems: Problem[] = []
  const names = new Set<string>()
  for (const option of options.properties) {
    const problem = shapeProblem(module, option)
    if (problem) {
      problems.push(problem)
      continue
    }
    const name = optionName(option)
    names.add(name)
    if (name in contractOptions) kept.push(option)
    else if (name !== 'run') problems.push(unknownOption(module, option, name))
  }
  if (problems.length === 0) problems.push(...missingOptions(module, options, names))
  return { kept, problems }
}

function shapeProblem(module: SourceModule, option: ts.ObjectLiteralElementLike): Problem | undefined {
  const text = (node: ts.Node): string => node.getText(module.tree)
  if (ts.isSpreadAssignment(option)) {
    const message = `The spread \`${text(option)}\` hides which options it holds, so the contract cannot be cut. Write the options out.`
    return problemAt(module, option, message)
  }
  if (ts.isComputedPropertyName(option.name)) {
    return problemAt(
      module,
      option,
      `The computed option ${text(option.name)} cannot be read. Write the option's name out.`,
    )
  }
  return undefined
}

const unknownOption = (module: SourceModule, option: ts.Node, name: string): Problem =>
  problemAt(module, option, `${name} is no option. Known here: ${knownOptions.join(', ')}.`)

function missingOptions(module: SourceModule, options: ts.Node, names: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = []
  if (!names.has('args')) {
    const message =
      'The args schema is missing. Give the worker one, such as args: z.object({ … }); z.object({}) takes none.'
    problems.push(problemAt(module, options, message))
  }
  if (!names.has('run'))
    problems.push(problemAt(module, options, 'run is missing. Give the worker its work: run(args, ctx) { … }.'))
  return problems
}

/** Only called on options that passed `shapeProblem`. */
const optionName = (option: ts.ObjectLiteralElementLike): string =>
  (option.name as ts.Identifier | ts.StringLiteral | ts.NumericLiteral).text

interface Reached {
  /** Declarations the contract needs: variable declarations, functions, classes, enums, import specifiers. */
  nodes: Set<ts.Node>
  statements: Set<ts.Statement>
  chains: Map<string, string[]>
}

function reach({ declarations }: JobDefinition, options: readonly ts.ObjectLiteralElementLike[]): Reached {
  const reached: Reached = { nodes: new Set(), statements: new Set(), chains: new Map() }
  const queue = options
    .flatMap((option) => leavesOf(option, [optionName(option)]))
    .flatMap(({ node, path }) => [...freeIdentifiers(node)].map((name) => ({ name, chain: [path.join('.')] })))
  for (const { name, chain } of queue) {
    if (reached.chains.has(name)) continue
    const whole = [...chain, name]
    reached.chains.set(name, whole)
    for (const { node, statement, imported } of declarations.get(name) ?? []) {
      reached.nodes.add(node)
      reached.statements.add(statement)
      if (!imported) for (const next of freeIdentifiers(node)) queue.push({ name: next, chain: whole })
    }
  }
  return reached
}

/** `throttle: { key: … }` is told as `throttle.key`. */
function leavesOf(option: ts.ObjectLiteralElementLike, path: string[]): { node: ts.Node; path: string[] }[] {
  const value = ts.isPropertyAssignment(option) ? unwrapObject(option.initializer) : undefined
  if (!value || value.properties.some((inner) => !inner.name || ts.isComputedPropertyName(inner.name))) {
    return [{ node: option, path }]
  }
  return value.properties.flatMap((inner) => leavesOf(inner, [...path, optionName(inner)]))
}

const unwrapObject = (node: ts.Expression): ts.ObjectLiteralExpression | undefined =>
  ts.isObjectLiteralExpression(node) ? node : undefined

function awaitProblems({ module }: JobDefinition, { nodes, chains }: Reached): Problem[] {
  return [...nodes].filter(hasTopLevelAwait).map((node) => {
    const chain = [...chains.values()].find((names) => names.at(-1) === nameOf(node)) ?? []
    const message = `The contract needs a value that this module awaits (${chain.join(' → ')}). The coordinator reads contracts without your job's environment: make the value without await, or use it in run only.`
    return problemAt(module, node, message)
  })
}

const nameOf = (node: ts.Node): string | undefined => {
  const { name } = node as { name?: ts.Node }
  return name && ts.isIdentifier(name) ? name.text : undefined
}

/**
 * Statements that only do something are dropped; one that touches what the contract uses may change it, so it cannot
 * be.
 */
function weighEffects({ module, declarations }: JobDefinition, { chains }: Reached) {
  const problems: Problem[] = []
  const warnings: string[] = []
  for (const statement of module.tree.statements.filter(isEffect)) {
    const touched = ts.isImportDeclaration(statement)
      ? undefined
      : [...freeIdentifiers(statement)].find((name) => chains.has(name) && isLocal(declarations.get(name)))
    if (touched === undefined) {
      warnings.push(formatProblem(problemAt(module, statement, droppedEffect(statement, module))))
      continue
    }
    const message = `This statement touches "${touched}", which the contract uses (${chains.get(touched)!.join(' → ')}). Build the value in one expression.`
    problems.push(problemAt(module, statement, message))
  }
  return { problems, warnings }
}

const isLocal = (declarations: readonly { imported?: unknown }[] | undefined): boolean =>
  declarations?.some(({ imported }) => imported === undefined) ?? false

const droppedEffect = (statement: ts.Statement, { tree }: SourceModule): string =>
  ts.isImportDeclaration(statement)
    ? `The import of '${specifierOf(statement)}' runs in the function, not in the coordinator.`
    : `\`${oneLine(statement.getText(tree))}\` runs in the function, not in the coordinator.`

const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}

function mutableState({ module }: JobDefinition, { statements, chains }: Reached): string[] {
  const variables = [...statements].filter(ts.isVariableStatement).filter((statement) => !isConst(statement))
  const warnings = variables.map((statement) =>
    formatProblem(
      problemAt(
        module,
        statement,
        'The contract uses this variable, and the coordinator has a copy of its own. Make it a const.',
      ),
    ),
  )
  const environment = chains.get('process')
  if (environment) {
    const message = `The contract reads process (${environment.join(' → ')}) in the coordinator's environment, not in the function's.`
    warnings.push(`${module.file}:1:1 ${message}`)
  }
  return warnings
}

/** All that the contract does not need, and `defineJob` itself, so that the contract is the plain object. */
function dropRest(definition: JobDefinition, kept: readonly ts.Node[], { nodes, statements }: Reached): Range[] {
  const { module, call, options, holders } = definition
  const { tree } = module
  const stays = (node: ts.Node): boolean => nodes.has(node) || holders.has(node)
  const dropped: Range[] = [[call.expression.getStart(tree), call.arguments.pos - 1]]
  dropped.push(...dropItems(tree, options.properties, (option) => kept.includes(option)))
  for (const statement of tree.statements) {
    if (holders.has(statement) && ts.isExportDeclaration(statement)) {
      const named = statement.exportClause as ts.NamedExports
      dropped.push(...dropItems(tree, named.elements, (element) => element.name.text === 'default'))
    } else if (ts.isVariableStatement(statement) && (statements.has(statement) || holders.has(statement))) {
      dropped.push(...dropItems(tree, statement.declarationList.declarations, stays))
    } else if (isDroppable(statement) && !statements.has(statement) && !holders.has(statement)) {
      dropped.push([statement.getStart(tree), statement.end])
    }
  }
  return dropped.toSorted((a, b) => a[0] - b[0])
}

function focusOf({ module: { tree }, call, options }: JobDefinition): { focus?: Focus } {
  // options that stand elsewhere have a type of their own, and types that are written out are those of the schema
  if (call.arguments[0] !== options || call.typeArguments !== undefined) return {}
  const named = (name: string) => options.properties.find((option) => optionName(option) === name)
  const [args, run] = [named('args'), named('run')]
  if (!args || !run || named('result')) return {}
  const dropped = dropItems(tree, options.properties, (option) => option === args || option === run)
  return { focus: { args: [args.getStart(tree), args.end], dropped } }
}

/** Types stay: they cost nothing, and what stays may name them. */
const isDroppable = (statement: ts.Statement): boolean =>
  !ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)

/** Drops items of a list that is separated by commas, so that what stays is still a list. */
function dropItems<Item extends ts.Node>(
  tree: ts.SourceFile,
  items: ts.NodeArray<Item>,
  stays: (item: Item) => boolean,
): Range[] {
  if (!items.some(stays)) return [[items.pos, items.end]]
  const lastKept = items.findLastIndex(stays)
  return items.flatMap((item, index): Range[] => {
    if (stays(item)) return []
    if (index < lastKept) return [[item.getStart(tree), items[index + 1]!.getStart(tree)]]
    return [[items[index - 1]!.end, item.end]]
  })
}
