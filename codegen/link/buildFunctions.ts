/** Step: bundles the functions of workers whose modules, or anything these import, changed. */
import { statSync } from 'node:fs'
import { isUnchanged, type CachedFunction } from '../cache.js'
import { sha256 } from '../files.js'
import { functionFile } from '../manifest.js'
import type { Cut, Run, WorkerFile } from '../run.js'

/** By worker; those that cannot be bundled are missing, and tell why among the run's problems. */
export async function buildFunctions(run: Run, cuts: readonly Cut[]): Promise<Map<string, CachedFunction>> {
  const functions = new Map<string, CachedFunction>()
  const stale: WorkerFile[] = []
  for (const { worker } of cuts) {
    const cached = cachedFunction(run, worker)
    if (cached) functions.set(worker.name, cached)
    else stale.push(worker)
  }
  if (stale.length > 0) await bundleStale(run, stale, functions)
  return functions
}

async function bundleStale(
  run: Run,
  stale: readonly WorkerFile[],
  functions: Map<string, CachedFunction>,
): Promise<void> {
  const { bundleFunctions } = await import('./functions.js')
  let done = 0
  run.progress(stale.length === 1 ? `Bundling ${stale[0]!.name}` : `Bundling ${stale.length} functions`)
  const failed = await bundleFunctions(
    run.project,
    await run.shared(),
    stale,
    async ({ worker, code, map, inputs }) => {
      const file = `.errand/${functionFile(worker.name)}`
      await run.output.put(file, code)
      await run.output.put(`${file}.map`, map)
      functions.set(worker.name, { inputs, hash: sha256(code), bytes: code.byteLength })
      inputs.forEach((input) => run.seen.add(input))
      if (++done % 50 === 0) run.progress(`Bundled ${done} of ${stale.length} functions`)
    },
  )
  for (const { problems, missing } of failed) {
    run.problems.push(...problems)
    missing.forEach((file) => run.seen.add(file))
  }
}

/** The function that was built before, where it is still there. */
function cachedFunction({ cache, files, project }: Run, { name, file }: WorkerFile): CachedFunction | undefined {
  const cached = cache.workers[name]
  if (cached?.file !== file || !isUnchanged(cache, files, cached.function.inputs)) return undefined
  const built = statSync(`${project.root}/.errand/${functionFile(name)}`, { throwIfNoEntry: false })
  return built?.size === cached.function.bytes ? cached.function : undefined
}
