/** `import … from 'errand/codegen'`: makes the registry, the contracts and the functions of a project out of its jobs/ folder. */
export { generate } from './generate.js'
export { watch } from './watch.js'
export type { WatchOptions } from './watch.js'
export type { CodegenReport, GenerateOptions } from './generate.js'
export { CodegenError, formatProblem } from './problems.js'
export type { Problem } from './problems.js'
export type { WorkerFile } from './scan.js'
export type { Manifest, ManifestWorker } from './manifest.js'
