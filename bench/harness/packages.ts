/** Packages: those of the repository, and the peers', which bench/package.json pins and the bench alone installs. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installByNpm } from './npm.js'
import { benchFolder, repository } from './repository.js'

/** `mongodb 7.9.0`: of the installed one, or the one that is pinned. */
export function packageVersion(name: string, folder = repository): string {
  const own = readJson(join(folder, 'package.json'))
  if (own.name === name) return `${name} ${own.version}`
  const pinned = { ...own.optionalDependencies, ...own.dependencies }[name]
  return `${name} ${installedVersion(name, folder) ?? pinned ?? '(not installed)'}`
}

function installedVersion(name: string, folder: string): string | undefined {
  const path = join(folder, 'node_modules', name, 'package.json')
  return existsSync(path) ? readJson(path).version : undefined
}

interface PackageJson {
  name?: string
  version?: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

const readJson = (path: string): PackageJson => JSON.parse(readFileSync(path, 'utf8')) as PackageJson

export const peerVersion = (name: string): string => packageVersion(name, benchFolder)

/**
 * From bench/node_modules. What is used of it, its caller says in a type of its own, so that the repository is checked
 * without the peers.
 */
export async function importPeer<Used>(name: string): Promise<Used> {
  const path = createRequire(join(benchFolder, 'package.json')).resolve(name)
  const imported = (await import(pathToFileURL(path).href)) as { default?: unknown }
  // a CommonJS module has its exports there
  return (typeof imported.default === 'object' ? { ...imported.default, ...imported } : imported) as Used
}

/** A path inside a peer's package. */
export const peerFile = (name: string, file: string): string => join(benchFolder, 'node_modules', name, file)

let installing: Promise<void> | undefined

/** Once for a process, and not at all where the peers are there, in the versions that are pinned. */
export const installPeers = (): Promise<void> => (installing ??= install())

async function install(): Promise<void> {
  if (arePeersThere()) return
  console.error('Installing the peers into bench/node_modules (npm install) …')
  await installByNpm({
    // takes the versions of the lock file, as `npm ci` does, which refuses it as soon as a package for another platform has
    // appeared since
    args: ['install', '--no-save'],
    cwd: benchFolder,
    failing: 'The peers could not be installed into bench/node_modules',
    advice:
      'Only --peer needs them. Mend what npm names (versions are pinned in bench/package.json) and run the bench again.',
  })
}

function arePeersThere(): boolean {
  // npm writes it last
  if (!existsSync(join(benchFolder, 'node_modules', '.package-lock.json'))) return false
  const { dependencies = {} } = readJson(join(benchFolder, 'package.json'))
  return Object.entries(dependencies).every(([name, pinned]) => installedVersion(name, benchFolder) === pinned)
}

/** A Node of version 22 or newer, which some peers need: ours, or the one among the peers. */
export function newerNode(): string {
  const [major = 0] = process.versions.node.split('.').map(Number)
  return major >= 22 ? process.execPath : peerFile(`node-linux-${process.arch}`, join('bin', 'node'))
}
