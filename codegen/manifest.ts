/** .errand/manifest.json: lists what was made, for those who serve, deploy or call it. */

export interface ManifestWorker {
  /** Relative to the project's root. */
  file: string
  /** SHA-256 as hex of the function's bundle and the contract: it changes when either does. */
  hash: string
  /** Relative to .errand/. */
  function: string
  /** Size of the function, without its source map. */
  bytes: number
  receipt: 'answered' | 'posted'
  /** Whether the worker has a schedule in code. */
  scheduled: boolean
}

export interface Manifest {
  version: 1
  /** Absent where package.json has no name. */
  project?: string
  workers: Record<string, ManifestWorker>
}

export const manifestFile = '.errand/manifest.json'
export const contractsFile = '.errand/contracts.mjs'

/** Relative to .errand/. */
export const functionFile = (worker: string): string => `functions/${worker}/index.mjs`

export const printManifest = (project: string | undefined, workers: Record<string, ManifestWorker>): string =>
  `${JSON.stringify({ version: 1, ...(project === undefined ? {} : { project }), workers } satisfies Manifest, null, 2)}\n`
