/**
 * `import … from 'errand/codegen'`: makes the registry, the contracts and the functions of a project out of its jobs/
 * folder.
 */
export { generate } from './generate.js'
export { checkCompat } from './compat/check.js'
export type { CompatOptions, CompatReport, Waiting } from './compat/check.js'
export type { CompatProblem } from './compat/counts.js'
export { watch } from './watch/watch.js'
export type { WatchOptions } from './watch/watch.js'
export type { CodegenReport, GenerateOptions } from './generate.js'
export { CodegenError, formatProblem } from './check/problems.js'
export type { Problem } from './check/problems.js'
export type { Manifest, ManifestWorker } from './manifest.js'
import type { BuildOptions, BuildReport } from './build.js'
export type { BuildOptions, BuildReport, BuiltTarget, BuiltWorker } from './build.js'
export { targetNames, type TargetName } from '../core/targets.js'

/** `errand build`. Loaded when it is called, because codegen itself runs on every edit and needs none of it. */
export const build = async (options: BuildOptions): Promise<BuildReport> => (await import('./build.js')).build(options)

export type { WorkerFile } from './run.js'
