import type { ErrandError } from '../../core/errors.js'

export interface EngineOptions {
  /** The folder of the data (`ERRAND_DATA`); made when it is missing. One engine holds it at a time. */
  dataDir: string
  /** Told what takes time, one line at a time; each line replaces the one before it. */
  onProgress?: (line: string) => void
  /** Told what an operator should know of the folder, such as that others could read it. */
  tell?: (line: string) => void
}

/** A MongoDB of our own, in a process of its own: its end does not end us. */
export interface Engine {
  /** A `mongodb://` address that the driver in any process of this user can connect to. */
  readonly uri: string
  readonly pid: number
  /** Settles only when the engine ended although no caller called `stop`, with the reason. */
  readonly lost: Promise<ErrandError>
  /** Closes the engine and resolves when its process is gone. May be called again, by any caller. */
  stop(): Promise<void>
}

/** This machine cannot run this kind of engine, so another kind may be tried. The message says why, as a clause. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable'
}
