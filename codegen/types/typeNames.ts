/**
 * Names each worker's types: `shop.syncOrder` is `ShopSyncOrder`, and its types `ShopSyncOrderArgs` and
 * `ShopSyncOrderResult`.
 */
import { compare } from '../check/problems.js'

/** Declared in the worker's own module when the type checker is asked, so it is no name that people give. */
export const takenName = (typeName: string): string => `__${typeName}Taken`

/** No two are the same: `a.b-c` and `a.bC` become `ABC` and `ABC2`, in the order of their names. */
export function typeNames(workers: readonly string[]): Map<string, string> {
  const wanted = workers.toSorted(compare).map((worker) => [worker, pascalCase(worker)] as const)
  const taken = new Set(wanted.map(([, name]) => name))
  const names = new Map<string, string>()
  const used = new Set<string>()
  for (const [worker, name] of wanted) {
    let unique = name
    for (let count = 2; used.has(unique) || (unique !== name && taken.has(unique)); count++) unique = `${name}${count}`
    used.add(unique)
    names.set(worker, unique)
  }
  return names
}

function pascalCase(worker: string): string {
  const words = worker.split(/[._-]+/).filter((word) => word !== '')
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  return /^[A-Za-z]/.test(name) ? name : `Job${name}`
}
