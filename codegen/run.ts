/** The state that the steps of one run share. */
import type { Project } from './link/bundling.js'
import type { Cache, CachedSlice } from './cache.js'
import type { Files } from './files.js'
import type { Inspector } from './check/inspect.js'
import type { Output } from './output.js'
import type { Problem } from './check/problems.js'
import type { SharedPackages } from './link/sharedPackages.js'
import type { ContractShards } from './contract/contractShards.js'
import type { SliceOutcome } from './contract/slice.js'

export interface Run {
  project: Project
  /** The findings of the last good run. */
  cache: Cache
  files: Files
  output: Output
  /**
   * Grows step by step; a worker with a problem is left out of later steps, all others go on, so that one run tells
   * everything.
   */
  problems: Problem[]
  /**
   * Files that were come upon, relative to the root: what to watch where the run fails. A missing module counts as
   * well.
   */
  seen: Set<string>
  progress(line: string): void
  /** The packages that functions share; made when the first function is built. */
  shared(): Promise<SharedPackages>
  /** All contracts, as far as they are linked; opened when the first one is. */
  contractShards(): Promise<ContractShards>
  /** Looks at contracts in a clean process. */
  inspector(): Promise<Inspector>
  /** Keeps for a watcher's next run what is good for that too. */
  remember(): void
  /**
   * The module cut afresh; only asked for what changed, and to tell places. Not kept, since a thousand syntax trees
   * fill the memory.
   */
  sliceOf(module: string): Promise<SliceOutcome>
}

/** A worker whose contract was cut out of its module. */
export interface Cut {
  worker: WorkerFile
  typeName: string
  slice: CachedSlice
}

export interface WorkerFile {
  name: string
  /** Relative to the project's root, with `/`: `jobs/mail/send.ts`. */
  file: string
}
