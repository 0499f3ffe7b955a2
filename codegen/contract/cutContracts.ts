/** Step: cuts the contract of every worker whose module changed. */
import { existsSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { isUnchanged, type CachedSlice } from '../cache.js'
import { sha256 } from '../files.js'
import { absoluteFrom } from './moduleGraph.js'
import type { Cut, Run, WorkerFile } from '../run.js'
import { typeNames } from '../types/typeNames.js'

export async function cutContracts(run: Run, workers: readonly WorkerFile[]): Promise<Cut[]> {
  const names = typeNames(workers.map(({ name }) => name))
  const cuts: Cut[] = []
  for (const worker of workers) {
    const slice = cachedSlice(run, worker) ?? (await cutWorker(run, worker))
    if (slice) cuts.push({ worker, typeName: names.get(worker.name)!, slice })
  }
  return cuts
}

function cachedSlice({ cache, files }: Run, { name, file }: WorkerFile): CachedSlice | undefined {
  const cached = cache.workers[name]
  return cached?.file === file && isUnchanged(cache, files, cached.slice.inputs) ? cached.slice : undefined
}

/** `undefined` where the worker was refused; the reasons are then among the run's problems. */
async function cutWorker(run: Run, worker: WorkerFile): Promise<CachedSlice | undefined> {
  const inputs = [worker.file]
  for (;;) {
    const module = inputs.at(-1)!
    const outcome = await run.sliceOf(module)
    if (outcome.kind === 'refused') {
      run.problems.push(...outcome.problems)
      return undefined
    }
    if (outcome.kind === 'slice') {
      const { dropped, hasResult, focus, warnings } = outcome.slice
      const { contractKey } = await import('./slice.js')
      const key = sha256(contractKey(run.files.text(module), dropped))
      return { inputs, module, dropped, hasResult, ...(focus && { focus }), warnings, key }
    }
    const next = resolveRelative(run.project.root, module, outcome.from)
    if (next === undefined || inputs.includes(next)) {
      run.problems.push(
        outcome.problemAt(
          `'${outcome.from}' leads to no module. Re-export a module of this project by its relative path.`,
        ),
      )
      return undefined
    }
    inputs.push(next)
  }
}

/** `./charge.js` stands for charge.ts, as in TypeScript. */
function resolveRelative(root: string, from: string, specifier: string): string | undefined {
  if (!/^\.{1,2}\//.test(specifier)) return undefined
  const path = posix.join(posix.dirname(from), specifier)
  const bare = path.replace(/\.([cm]?)js(x?)$/, '')
  const candidates = [path, ...['.ts', '.tsx', '.mts', '/index.ts'].map((end) => bare + end)]
  return candidates.find((file) => existsSync(absoluteFrom(root, file)) && statSync(absoluteFrom(root, file)).isFile())
}
