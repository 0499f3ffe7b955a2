/** Finds a project's errand package, and whether it is this repository with its sources or an installed one. */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface ErrandPackage {
  folder: string
  /** `['@errand/source']` where the sources lie beside package.json, so that nothing needs to be built; else none. */
  conditions: string[]
  /** Whether the project finds it by itself. */
  installed: boolean
  /** Where the types of `errand` are, relative to `folder`. */
  types: string
}

/** The one the project resolves; a project without (a folder of jobs and nothing else) gets the one that runs. */
export function findErrandPackage(root: string): ErrandPackage {
  const own = resolvedFrom(root)
  const folder = realpathSync(own ?? ownFolder())
  const hasSources = existsSync(join(folder, 'core', 'index.ts'))
  return {
    folder,
    conditions: hasSources ? ['@errand/source'] : [],
    installed: own !== undefined,
    types: hasSources ? 'core/index.ts' : 'dist/core/index.d.ts',
  }
}

/** As Node does it: the package one is in first, then node_modules on the way up. */
function resolvedFrom(root: string): string | undefined {
  for (let folder = root; ; folder = dirname(folder)) {
    if (packageName(folder) === 'errand') return folder
    const installed = join(folder, 'node_modules', 'errand')
    if (existsSync(join(installed, 'package.json'))) return installed
    if (dirname(folder) === folder) return undefined
  }
}

function ownFolder(): string {
  let folder = import.meta.dirname
  while (packageName(folder) !== 'errand') folder = dirname(folder)
  return folder
}

function packageName(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name
  } catch {
    return undefined
  }
}
