/**
 * Step: asks the type checker for what schemas do not tell, for workers whose modules, or the types they import,
 * changed.
 */
import { isUnchanged, type CachedContract, type CachedInference } from '../cache.js'
import type { Inference } from './inference.js'
import { printType } from './printType.js'
import type { Cut, Run } from '../run.js'
import { takenName } from './typeNames.js'

/**
 * By worker; those whose schemas tell everything are missing. `open` gives the checker, which takes half a second to
 * load.
 */
export async function inferTypes(
  run: Run,
  cuts: readonly Cut[],
  contracts: ReadonlyMap<string, CachedContract>,
  open: () => Promise<Inference>,
): Promise<Map<string, CachedInference>> {
  const inferred = new Map<string, CachedInference>()
  const stale: Cut[] = []
  for (const cut of cuts) {
    const contract = contracts.get(cut.worker.name)
    if (!contract || !isNeeded(contract)) continue
    const cached = cachedInference(run, cut, contract)
    if (cached) inferred.set(cut.worker.name, cached)
    else stale.push(cut)
  }
  if (stale.length === 0) return inferred
  run.progress(
    `Reading what ${stale.length === 1 ? stale[0]!.worker.name : `${stale.length} workers`} return${stale.length === 1 ? 's' : ''}`,
  )
  const inference = await open()
  const { focusedText } = await import('../contract/slice.js')
  const orders = stale.map(({ worker: { name, file }, typeName, slice: { focus, module } }) => {
    const { taken, ...contract } = contracts.get(name)!
    const { args } = needs(contract)
    const original = run.files.text(file)
    const isFocused = !args && focus !== undefined && taken !== undefined && module === file
    const text = isFocused ? focusedText(original, focus, takenName(typeName), taken.text) : original
    return { file, text, original, typeName, args }
  })
  const types = inference.infer(orders)
  for (const { worker, typeName } of stale) {
    const { result } = needs(contracts.get(worker.name)!)
    const found = types.get(worker.file)!
    inferred.set(worker.name, {
      inputs: found.inputs,
      typeName,
      ...(result && { result: printType(`${typeName}Result`, found.result) }),
      ...(found.args && { args: printType(`${typeName}Args`, found.args) }),
    })
  }
  return inferred
}

const needs = ({ args, result }: CachedContract) => ({
  args: args.opaque.length > 0,
  result: result === undefined || result.opaque.length > 0,
})

const isNeeded = (contract: CachedContract): boolean => {
  const { args, result } = needs(contract)
  return args || result
}

function cachedInference(
  { cache, files }: Run,
  { worker, typeName }: Cut,
  contract: CachedContract,
): CachedInference | undefined {
  const cached = cache.workers[worker.name]
  const inference = cached?.inference
  if (cached?.file !== worker.file || inference?.typeName !== typeName) return undefined
  const { args, result } = needs(contract)
  const hasAll = (!args || inference.args !== undefined) && (!result || inference.result !== undefined)
  return hasAll && isUnchanged(cache, files, inference.inputs) ? inference : undefined
}
