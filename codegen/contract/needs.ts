/**
 * Tells why a contract needs a package: the way from the option over names and modules to the import. Only walked when
 * something is wrong.
 */
import { readFileSync } from 'node:fs'
import type { Metafile } from 'esbuild'
import { ts } from 'ts-morph'
import { freeIdentifiers } from './freeIdentifiers.js'
import { absoluteFrom, isVirtual, stripSuffix } from './moduleGraph.js'
import type { Chains } from './slice.js'
import { declarationsOf, hasModifier, parseModule, specifierOf, type SourceModule } from './sourceModule.js'

interface Step {
  /** A key of the metafile. */
  module: string
  /** A name in that module, by which it declares or imports something. */
  name: string
  chain: readonly string[]
}

/** `['throttle.key', 'stripe']`, ending at the name the package is imported by; empty where no way is found. */
export function chainTo(
  target: string,
  root: string,
  metafile: Metafile,
  start: SourceModule,
  startKey: string,
  chains: Chains,
): readonly string[] {
  const modules = new Map([[startKey, start]])
  const moduleOf = (key: string): SourceModule => {
    const known = modules.get(key) ?? parseModule(key, readFileSync(absoluteFrom(root, stripSuffix(key)), 'utf8'))
    modules.set(key, known)
    return known
  }
  const queue: Step[] = [...chains].map(([name, chain]) => ({ module: startKey, name, chain }))
  const seen = new Set<string>()
  for (const step of queue) {
    const id = `${step.module}\n${step.name}`
    if (seen.has(id)) continue
    seen.add(id)
    for (const { from, name } of importsOf(moduleOf(step.module), step.name)) {
      const imported = metafile.inputs[step.module]?.imports.find((one) => one.original === from || one.path === from)
      if (imported?.external && imported.path === target) return step.chain
      if (!imported || imported.external || isVirtual(imported.path) || !(imported.path in metafile.inputs)) continue
      queue.push({ module: imported.path, name, chain: [...step.chain, `${imported.path}#${name}`] })
    }
    if (step.module !== startKey) queue.push(...localSteps(moduleOf(step.module), step))
  }
  return []
}

/** The imports and re-exports that stand behind a name. */
function importsOf(module: SourceModule, name: string): { from: string; name: string }[] {
  const imported = (declarationsOf(module).get(name) ?? []).flatMap((one) => (one.imported ? [one.imported] : []))
  return [...imported, ...module.tree.statements.filter(ts.isExportDeclaration).flatMap((one) => reExport(one, name))]
}

function reExport(statement: ts.ExportDeclaration, name: string): { from: string; name: string }[] {
  const from = specifierOf(statement)
  if (from === undefined) return []
  const clause = statement.exportClause
  if (!clause) return [{ from, name }]
  if (!ts.isNamedExports(clause)) return clause.name.text === name ? [{ from, name: '*' }] : []
  return clause.elements
    .filter((element) => element.name.text === name)
    .map((element) => ({ from, name: (element.propertyName ?? element.name).text }))
}

/** From a name to the names its declaration uses. `*` is every name the module exports. */
function localSteps(module: SourceModule, { module: key, name, chain }: Step): Step[] {
  const declarations = declarationsOf(module)
  const step = (next: string): Step => ({ module: key, name: next, chain: [...chain, next] })
  if (name === '*') {
    const exported = [...declarations.values()]
      .flat()
      .filter(({ statement }) => hasModifier(statement, ts.SyntaxKind.ExportKeyword))
    return exported.map((declaration) => step(declaration.name))
  }
  if (name === 'default') {
    const statement = module.tree.statements.find(ts.isExportAssignment)
    return statement ? [...freeIdentifiers(statement.expression)].map(step) : []
  }
  const nodes = (declarations.get(name) ?? []).filter(({ imported }) => !imported).map(({ node }) => node)
  return nodes.flatMap((node) => [...freeIdentifiers(node)]).map(step)
}
