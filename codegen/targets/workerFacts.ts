/** Gathers the facts that a deployment needs of each worker's contract. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readContract, type ContractOptions } from '../../core/job/contract.js'
import { contractsFile, type Manifest } from '../manifest.js'
import { manifestFile } from '../manifest.js'

export interface WorkerFacts {
  name: string
  /** Relative to the project's root. */
  file: string
  /** Of the function and the contract: it changes when either does. */
  hash: string
  timeoutMs: number
  receipt: 'answered' | 'posted'
  /** How many jobs one call may carry. */
  jobsPerCall: number
  /** The worker's own limits of args and result, in bytes. */
  maxArgsBytes: number | undefined
  maxResultBytes: number | undefined
}

/** From codegen's output, sorted by name. */
export async function readWorkerFacts(root: string): Promise<WorkerFacts[]> {
  const { workers } = JSON.parse(await readFile(join(root, manifestFile), 'utf8')) as Manifest
  const url = pathToFileURL(join(root, contractsFile))
  // Node keeps each module for good by its URL; another build needs another one
  url.search = Object.values(workers)
    .map(({ hash }) => hash.slice(0, 8))
    .join('')
    .slice(0, 2_000)
  const contracts = (
    (await import(/* @vite-ignore */ url.href)) as { default: Record<string, () => Promise<ContractOptions>> }
  ).default
  return Promise.all(
    Object.entries(workers).map(async ([name, { file, hash }]) => {
      const { timeoutMs, receipt, jobsPerCall, maxArgsBytes, maxResultBytes } = readContract(
        name,
        await contracts[name]!(),
      )
      return { name, file, hash, timeoutMs, receipt, jobsPerCall, maxArgsBytes, maxResultBytes }
    }),
  )
}
