/** The messages between `errand dev` and the process of its functions. */

export interface Serve {
  kind: 'serve'
  /** The folder with `manifest.json`. */
  dir: string
  keys: readonly string[]
  host: string
  port: number
}

export type ToFunctions = Serve | { kind: 'reload' } | { kind: 'stop' }

export type FromFunctions =
  | { kind: 'ready'; url: string }
  /** The last request could not be done. */
  | { kind: 'failed'; message: string }
  | { kind: 'reloaded' }
