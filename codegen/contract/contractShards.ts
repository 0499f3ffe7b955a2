/**
 * Bundles the contracts of all workers into one file that loads without any package.
 *
 *   const require = …                                     only where contracts use modules of Node
 *   var __errandPackages = …                              the parts of zod and errand they take
 *   var __errandContracts0 = … , __errandContracts1 = …   shards: some workers each, linked on their own
 *   export default { 'mail.send': () => …, … }
 *
 * In shards, because a watcher has to link one of them after an edit, and not a thousand contracts. Which worker is in
 * which depends on the names of all workers alone, so the bytes do.
 */
import type { Metafile } from 'esbuild'
import {
  contractKeyOf,
  linkContracts,
  type ContractLinking,
  type ContractSource,
  type LinkedContracts,
} from './contracts.js'
import type { Project } from '../link/bundling.js'
import { sha256 } from '../files.js'
import { inputFiles, reachable } from './moduleGraph.js'
import type { Problem } from '../check/problems.js'
import type { Prelude, SharedPackages } from '../link/sharedPackages.js'
import { endOf, joinMaps, type MappedPart } from '../link/sourceMaps.js'

export interface ContractBundle {
  code: string
  metafile: Metafile
  warnings: string[]
  /** Files relative to the root that what all contracts share was made from. */
  inputs: string[]
  /** As much of the bundle as these workers need, with its map as JSON. */
  partFor(workers: readonly string[]): { code: string; map: string }
}

export interface ContractShards {
  /** `hashOf` tells of a file relative to the root whether it is as it was. */
  bundle(
    sources: readonly ContractSource[],
    hashOf: (file: string) => string,
  ): Promise<ContractBundle | { problems: Problem[] }>
}

/** A link takes its time for each contract, and some for itself. */
const shardSize = 16

interface Shard {
  name: string
  sources: readonly ContractSource[]
  linked: LinkedContracts
}

/** A shard of an earlier run, and the hashes of what it was made from. */
interface Known {
  key: string
  hashes: ReadonlyMap<string, string>
  linked: LinkedContracts
}

/** Keeps shards for a watcher's next run, as `shared` is kept. */
export function openContractShards(project: Project, shared: SharedPackages): ContractShards {
  const linking: ContractLinking = { project, shared, purified: new Map() }
  const known = new Map<string, Known>()

  const link = async (
    name: string,
    sources: readonly ContractSource[],
    hashOf: (file: string) => string,
  ): Promise<Shard | { problems: Problem[] }> => {
    const key = JSON.stringify(sources.map(({ worker, module, key }) => [worker, module, key]))
    const before = known.get(name)
    if (before?.key === key && [...before.hashes].every(([file, hash]) => hashOf(file) === hash)) {
      return { name, sources, linked: before.linked }
    }
    const linked = await linkContracts(linking, sources, name)
    if ('problems' in linked) return linked
    const cut = new Set(sources.map(({ module }) => contractKeyOf(module)))
    const inputs = inputFiles(Object.keys(linked.metafile.inputs).filter((input) => !cut.has(input)))
    known.set(name, { key, hashes: new Map(inputs.map((file) => [file, hashOf(file)])), linked })
    return { name, sources, linked }
  }

  return {
    async bundle(sources, hashOf) {
      const groups = [...splitIntoShards(sources)]
      const linked: (Shard | { problems: Problem[] })[] = []
      const lane = async (): Promise<void> => {
        for (let group = groups.pop(); group; group = groups.pop()) linked.push(await link(...group, hashOf))
      }
      await Promise.all([lane(), lane()])
      const problems = linked.flatMap((one) => ('problems' in one ? one.problems : []))
      if (problems.length > 0) return { problems }
      const shards = (linked as Shard[]).toSorted((a, b) => (a.name < b.name ? -1 : 1))
      const prelude = await shared.preludeFor(shards.map(({ linked }) => linked.code).join('\n'))
      return {
        code: textOf(prelude, shards),
        metafile: merged(shards),
        warnings: [...new Set(shards.flatMap(({ linked }) => linked.warnings))].toSorted(),
        inputs: prelude.inputs,
        partFor(workers) {
          const wanted = new Set(workers)
          const part = shards.filter(({ sources }) => sources.some(({ worker }) => wanted.has(worker)))
          return { code: textOf(prelude, part), map: JSON.stringify({ version: 3, ...mapOf(prelude, part) }) }
        },
      }
    },
  }
}

/** A worker stays in its shard when others come and go, until there are twice as many. */
function* splitIntoShards(sources: readonly ContractSource[]): Generator<[name: string, ContractSource[]]> {
  const count = 2 ** Math.max(0, Math.ceil(Math.log2(sources.length / shardSize)))
  const shards = new Map<number, ContractSource[]>()
  for (const source of sources) {
    const index = Number.parseInt(sha256(source.worker).slice(0, 8), 16) % count
    const shard = shards.get(index)
    if (shard) shard.push(source)
    else shards.set(index, [source])
  }
  for (const [index, inShard] of shards) yield [`__errandContracts${index}`, inShard]
}

/** esbuild's own word for a module of Node in a script. */
const usesRequire = (shards: readonly Shard[]): boolean =>
  shards.some(({ linked }) => linked.code.includes('__require('))

/** A module that is loaded from a text has no place that `createRequire` could begin at. */
const requireLine = 'const require = (name) => process.getBuiltinModule(name);\n'

function textOf(prelude: Prelude, shards: readonly Shard[]): string {
  const loaders = shards
    .flatMap(({ name, sources }) => sources.map(({ worker }) => [worker, name] as const))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([worker, name]) => `  ${JSON.stringify(worker)}: ${name}.default[${JSON.stringify(worker)}],\n`)
  return [
    usesRequire(shards) ? requireLine : '',
    prelude.code.toString(),
    ...shards.map(({ linked }) => linked.code),
    `export default {\n${loaders.join('')}};\n`,
  ].join('')
}

function mapOf(prelude: Prelude, shards: readonly Shard[]) {
  const nothing = { sources: [], names: [], mappings: '' }
  const first: MappedPart[] = usesRequire(shards) ? [{ map: nothing, end: endOf(nothing), lines: 1 }] : []
  const { map, mapEnd, lines } = prelude
  return joinMaps([
    ...first,
    { map, end: mapEnd, lines },
    ...shards.map(({ linked }) => ({ map: linked.map, end: linked.mapEnd, lines: linked.lines })),
  ])
}

function merged(shards: readonly Shard[]): Metafile {
  const inputs = Object.assign({}, ...shards.map(({ linked }) => linked.metafile.inputs)) as Metafile['inputs']
  const outputs = shards.flatMap(({ name, linked }) =>
    Object.entries(linked.metafile.outputs).map(([path, output]) => [`${name}/${path}`, output] as const),
  )
  return { inputs, outputs: Object.fromEntries(outputs) }
}

/** The files a contract was made from, beside the module it was cut from. */
export function contractInputs(
  { metafile, inputs }: ContractBundle,
  { module }: Pick<ContractSource, 'module'>,
): string[] {
  const own = inputFiles([...reachable(metafile, [contractKeyOf(module)]), ...inputs])
  return own.filter((file) => file !== module)
}
