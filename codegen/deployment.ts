/**
 * Gathers what `errand deploy` registers: the contracts of codegen's last run, and where the functions are that were
 * built from the same.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { configError } from '../core/errors.js'
import { contractsFile, manifestFile, type Manifest } from './manifest.js'
import { compare } from './check/problems.js'
import type { TargetName } from '../core/targets.js'

interface DeployedBuild {
  /** Default: all functions, as codegen made them (`errand functions`). */
  target?: TargetName
  /** Where its functions are, in one of the forms of ERRAND_FUNCTIONS_URL. */
  url: string
}

export interface DeploymentOptions {
  /** The project: the folder that holds jobs/. */
  root: string
  builds: readonly DeployedBuild[]
  /** Where `errand build` put them. Default `<root>/.errand/build`. */
  out?: string
}

export interface DeploymentParts {
  /** In the form of ERRAND_FUNCTIONS_URL. */
  functions: string
  workers: { name: string; hash: string; build?: string }[]
  /** One module that needs no other. */
  contracts: string
  targets: TargetName[]
}

/** Throws `CONFIG` where a build is missing, is older than the contracts, or none has one of the workers. */
export async function readDeployment({ root, builds, out }: DeploymentOptions): Promise<DeploymentParts> {
  const { workers } = await readJson<Manifest>(
    join(root, manifestFile),
    'Run `errand build` or `errand codegen` first.',
  )
  const names = Object.keys(workers)
  if (names.length === 0) throw configError('There are no workers in jobs/ yet, so there is nothing to deploy.')
  const folder = resolve(root, out ?? '.errand/build')
  const places = await Promise.all(
    builds.map(async ({ target, url }) => ({
      url,
      built: target === undefined ? new Map(names.map((name) => [name, {}])) : await builtFor(folder, target, workers),
    })),
  )
  const without = names.filter((name) => placeOf(places, name) === undefined)
  if (without.length > 0) {
    throw configError(
      `No build that was named has ${listed(without)}. Build them too, or name with another --target and --url where they are.`,
    )
  }
  return {
    functions: functionsOf(names, places),
    workers: names.map((name) => ({ name, hash: workers[name]!.hash, ...placeOf(places, name)!.built.get(name) })),
    contracts: await minified(await readFile(join(root, contractsFile), 'utf8')),
    targets: [...new Set(builds.flatMap(({ target }) => target ?? []))],
  }
}

interface Place {
  url: string
  /** The workers whose functions are there, with what they answer to a ping, where that is known. */
  built: Map<string, { build?: string }>
}

/** Where the last build is that has it, as the last `--target` of two wins. */
const placeOf = (places: readonly Place[], name: string): Place | undefined =>
  places.findLast(({ built }) => built.has(name))

function functionsOf(names: readonly string[], places: readonly Place[]): string {
  const [only, ...more] = places
  if (more.length === 0) return only!.url
  const pairs = places.find(({ url }) => /^\s*[^:/=]+=/.test(url))
  if (pairs) {
    throw configError(
      `--url ${pairs.url.split('=')[0]}=… names addresses worker by worker, so it goes without a second one. Put all pairs into it.`,
    )
  }
  return names.map((name) => `${name}=${placeOf(places, name)!.url}`).join(',')
}

async function builtFor(out: string, target: TargetName, workers: Manifest['workers']): Promise<Place['built']> {
  const again = `Run \`errand build --target ${target}\` and deploy what it makes there, then this.`
  const built = await readJson<{ workers: Record<string, { hash?: string; build?: string }> }>(
    join(out, target, 'manifest.json'),
    again,
  )
  const names = Object.keys(built.workers).filter((name) => Object.hasOwn(workers, name))
  const stale = names.filter((name) => built.workers[name]!.hash !== workers[name]!.hash)
  if (stale.length > 0) {
    throw configError(`jobs/ has changed since it was built for ${target}: ${listed(stale)}. ${again}`)
  }
  return new Map(
    names.map((name) => {
      const { build } = built.workers[name]!
      return [name, build === undefined ? {} : { build }]
    }),
  )
}

async function readJson<T>(file: string, otherwise: string): Promise<T> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T
  } catch (error) {
    throw configError(`There is no build at ${file}. ${otherwise}`, error)
  }
}

/** Coordinators keep the text, and no person reads it. */
async function minified(code: string): Promise<string> {
  const { transform } = await import('esbuild')
  const options = { format: 'esm', target: 'node20', minify: true, charset: 'utf8', legalComments: 'none' } as const
  return (await transform(code, options)).code
}

const listed = (names: readonly string[]): string => {
  const some = names.toSorted(compare).slice(0, 5).join(', ')
  return names.length > 5 ? `${some} and ${names.length - 5} more` : some
}
