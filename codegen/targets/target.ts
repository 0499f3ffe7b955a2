/** The common interface of the platforms' builds: their input, and their output. */
import type { Project } from '../link/bundling.js'
import { artefactName, type Artefact } from './artefact.js'
import type { TargetOptions } from './options.js'

export interface TargetInput {
  project: Project
  /** Sorted by worker. */
  artefacts: readonly Artefact[]
  options: TargetOptions
  minify: boolean
  /** Whether the coordinator goes with the functions. */
  coordinator: boolean
}

export interface TargetFile {
  /** Relative to the target's folder, with `/`. */
  path: string
  content: string | Uint8Array
}

export interface TargetBuild {
  files: TargetFile[]
  /** By worker: what is deployed for it, a file or a folder relative to the target's folder. */
  functions: Record<string, string>
  /**
   * The files that a new build replaces, relative to the target's folder; the rest of it is the user's. Default: all of
   * it.
   */
  replaces?: readonly string[]
}

export type BuildTarget = (input: TargetInput) => Promise<TargetBuild>

export const jsonFile = (path: string, value: unknown): TargetFile => ({
  path,
  content: `${JSON.stringify(value, null, 2)}\n`,
})

/** A worker's core artefact and its map, in a folder. */
export const artefactFiles = ({ code, map }: Artefact, folder: string): TargetFile[] => [
  { path: `${folder}${artefactName}`, content: code },
  { path: `${folder}${artefactName}.map`, content: map },
]
