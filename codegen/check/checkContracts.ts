/** Step: bundles the contracts, and loads every one that changed in a clean process to see whether it works there. */
import type { PolicyProblem } from '../../core/job/contract.js'
import { isUnchanged, type Cache, type CachedContract } from '../cache.js'
import type { ContractSource } from '../contract/contracts.js'
import type { ContractBundle } from '../contract/contractShards.js'
import { sha256 } from '../files.js'
import type { Inspection } from './inspect.js'
import { contractsFile } from '../manifest.js'
import { relativeTo, stripSuffix } from '../contract/moduleGraph.js'
import { printType } from '../types/printType.js'
import type { Problem } from './problems.js'
import type { Cut, Run } from '../run.js'
import { takenName } from '../types/typeNames.js'

export interface CheckedContracts {
  /** By worker; those that cannot work are missing, and tell why among the run's problems. */
  contracts: Map<string, CachedContract>
  bundle: Cache['contracts']
}

export async function checkContracts(run: Run, cuts: readonly Cut[]): Promise<CheckedContracts> {
  const contracts = new Map<string, CachedContract>()
  for (const cut of cuts) {
    const cached = cachedContract(run, cut)
    if (cached) contracts.set(cut.worker.name, cached)
  }
  const stale = cuts.filter(({ worker }) => !contracts.has(worker.name))
  if (stale.length === 0 && isBundleCurrent(run, cuts)) return { contracts, bundle: run.cache.contracts }
  const bundle = await bundleGood(run, cuts)
  if (!bundle) return { contracts, bundle: run.cache.contracts }
  await run.output.put(contractsFile, bundle.code)
  await inspectStale(run, bundle, stale, contracts)
  return { contracts, bundle: { hash: sha256(bundle.code), warnings: bundle.warnings } }
}

function cachedContract({ cache, files }: Run, { worker, typeName, slice }: Cut): CachedContract | undefined {
  const cached = cache.workers[worker.name]?.contract
  const isSame = cached?.key === slice.key && cached.typeName === typeName
  return isSame && isUnchanged(cache, files, cached.inputs) ? cached : undefined
}

/** The same workers from the same modules, and the file is as it was written. */
function isBundleCurrent({ cache, files }: Run, cuts: readonly Cut[]): boolean {
  const isSame =
    cuts.length === Object.keys(cache.workers).length &&
    cuts.every(({ worker, slice }) => cache.workers[worker.name]?.slice.module === slice.module)
  return isSame && cache.contracts.hash !== '' && files.hash(contractsFile) === cache.contracts.hash
}

/** One bundle of all contracts, or `undefined` where some need what they must not, which is then told. */
async function bundleGood(run: Run, cuts: readonly Cut[]): Promise<ContractBundle | undefined> {
  if (cuts.length === 0) return emptyBundle
  const { forbiddenImports } = await import('../contract/contracts.js')
  const shards = await run.contractShards()
  const bundle = await shards.bundle(cuts.map(sourceOf), (file) => run.files.hash(file))
  if ('problems' in bundle) {
    run.problems.push(...bundle.problems)
    return undefined
  }
  const forbidden = forbiddenImports(bundle.metafile)
  if (forbidden.length === 0) return bundle
  const guilty = await blame(run, bundle, cuts, forbidden)
  // what is wrong with the others is told in this run as well
  return bundleGood(
    run,
    cuts.filter((cut) => !guilty.has(cut)),
  )
}

const emptyBundle: ContractBundle = {
  code: 'export default {}\n',
  metafile: { inputs: {}, outputs: {} },
  warnings: [],
  inputs: [],
  partFor: () => ({ code: 'export default {}\n', map: '{"version":3,"sources":[],"mappings":""}' }),
}

const sourceOf = ({ worker, slice }: Cut): ContractSource => ({
  worker: worker.name,
  module: slice.module,
  dropped: slice.dropped,
  key: slice.key,
})

/** Whose contract it is that needs a forbidden package: each that may be is bundled alone to see. */
async function blame(
  run: Run,
  bundle: ContractBundle,
  cuts: readonly Cut[],
  forbidden: readonly string[],
): Promise<Set<Cut>> {
  const { contractKeyOf, forbiddenImports, linkContracts } = await import('../contract/contracts.js')
  const linking = { project: run.project, shared: await run.shared(), purified: new Map() }
  const { reachable } = await import('../contract/moduleGraph.js')
  const guilty = new Set<Cut>()
  for (const cut of cuts) {
    const modules = reachable(bundle.metafile, [contractKeyOf(cut.slice.module)])
    const imports = [...modules].flatMap((module) => bundle.metafile.inputs[module]?.imports ?? [])
    if (!imports.some(({ path, external }) => external && forbidden.includes(path))) continue
    const alone = await linkContracts(linking, [sourceOf(cut)], '__errandContracts')
    if ('problems' in alone) continue
    for (const target of forbiddenImports(alone.metafile)) {
      guilty.add(cut)
      run.problems.push(await tellNeed(run, alone, cut, target))
    }
  }
  return guilty
}

async function tellNeed(
  run: Run,
  { metafile }: Pick<ContractBundle, 'metafile'>,
  { slice }: Cut,
  target: string,
): Promise<Problem> {
  const outcome = await run.sliceOf(slice.module)
  if (outcome.kind !== 'slice') throw new Error(`${slice.module} can no longer be cut; it changed while codegen ran.`)
  const [{ chainTo }, { optionNode }, { problemAt }, { contractKeyOf }] = await Promise.all([
    import('../contract/needs.js'),
    import('./optionPlace.js'),
    import('../contract/sourceModule.js'),
    import('../contract/contracts.js'),
  ])
  const { definition, chains } = outcome
  const start = contractKeyOf(slice.module)
  const chain = chainTo(target, run.project.root, metafile, definition.module, start, chains)
  const why = chain.length > 0 ? ` (${chain.join(' → ')})` : ''
  const message = `The contract needs '${target}'${why}, which only run may use: the coordinator evaluates contracts with zod and local modules alone. Use it in run, or compute this from the args.`
  return problemAt(definition.module, optionNode(definition, chain[0]?.split('.') ?? []), message)
}

async function inspectStale(
  run: Run,
  bundle: ContractBundle,
  stale: readonly Cut[],
  contracts: Map<string, CachedContract>,
): Promise<void> {
  run.progress(
    stale.length === 1 ? `Checking the contract of ${stale[0]!.worker.name}` : `Checking ${stale.length} contracts`,
  )
  const inspector = await run.inspector()
  const [{ contractKeyOf }, { contractInputs }] = await Promise.all([
    import('../contract/contracts.js'),
    import('../contract/contractShards.js'),
  ])
  const bundled = stale.filter(({ slice }) => contractKeyOf(slice.module) in bundle.metafile.inputs)
  const { code, map } = bundle.partFor(bundled.map(({ worker }) => worker.name))
  const inspections = await inspector.inspect(
    { code, map: anchoredMap(run.project.root, map) },
    bundled.map(({ worker, typeName }) => ({ worker: worker.name, typeName })),
  )
  for (const cut of bundled) {
    const inspection = inspections.get(cut.worker.name)!
    if (inspection.kind !== 'sound') {
      run.problems.push(...(await tellInspection(run, cut, inspection)))
      continue
    }
    const { args, result, taken, receipt, scheduled } = inspection
    const { slice, typeName } = cut
    contracts.set(cut.worker.name, {
      inputs: contractInputs(bundle, sourceOf(cut)),
      key: slice.key,
      typeName,
      args: printType(`${typeName}Args`, args),
      ...(result && { result: printType(`${typeName}Result`, result) }),
      ...(taken && { taken: printType(takenName(typeName), taken) }),
      receipt,
      scheduled,
    })
  }
}

/** The child reads the bundle from a temporary folder; its map must still lead to the modules as written. */
function anchoredMap(root: string, map: string): string {
  const parsed = JSON.parse(map) as { sources: string[] }
  return JSON.stringify({
    ...parsed,
    sources: parsed.sources.map(stripSuffix),
    sourceRoot: `file://${encodeURI(root)}/.errand/`,
  })
}

async function tellInspection(
  run: Run,
  { slice }: Cut,
  inspection: Exclude<Inspection, { kind: 'sound' }>,
): Promise<Problem[]> {
  const outcome = await run.sliceOf(slice.module)
  if (outcome.kind !== 'slice') throw new Error(`${slice.module} can no longer be cut; it changed while codegen ran.`)
  const [{ optionNode }, { problemAt }] = await Promise.all([
    import('./optionPlace.js'),
    import('../contract/sourceModule.js'),
  ])
  const { definition } = outcome
  const at = (path: readonly string[], message: string): Problem =>
    problemAt(definition.module, optionNode(definition, path), message)
  if (inspection.kind === 'refused')
    return inspection.problems.map(({ path, message }: PolicyProblem) => at(path, message))
  const message = `The contract does not load in the coordinator, which has none of the job's environment: ${inspection.message.replace(/\.?$/, '.')} What only run needs, such as a setting or a client, belongs in run.`
  return [{ ...at([], message), ...placeInStack(run.project.root, inspection.stack) }]
}

/** The first line of a stack that is in the project's own modules. */
function placeInStack(root: string, stack: string): Partial<Problem> {
  for (const [, path, line, column] of stack.matchAll(/(?:\(|at )(?:file:\/\/)?(\/[^\n()]+?):(\d+):(\d+)\)?$/gm)) {
    const file = relativeTo(root, decodeURI(path!))
    if (!file.startsWith('..') && !file.includes('node_modules/'))
      return { file, line: Number(line), column: Number(column) }
  }
  return {}
}
