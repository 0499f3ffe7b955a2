/**
 * Makes the data folder, and says who holds it. The lock itself is the engine's (see program.ts); here is only the
 * message for a person when it is taken.
 */
import { constants } from 'node:fs'
import { access, chmod, mkdir, readFile, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { configError, type ErrandError } from '../../core/errors.js'
import { keepForOwner } from './ownerOnly.js'

/**
 * Makes the folder if it is missing, for its owner alone, and returns its one true path. Throws a `CONFIG` error where
 * it cannot be written.
 */
export const openFolder = async (dataDir: string, tell: (line: string) => void): Promise<string> => {
  const path = resolve(dataDir)
  try {
    const isNew = (await mkdir(path, { recursive: true })) !== undefined
    // not by the mode of `mkdir`, which holds for the folders around it too
    if (isNew) await chmod(path, 0o700)
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
    const real = await realpath(path)
    if (!isNew) await keepForOwner(real, tell)
    return real
  } catch (error) {
    throw folderNotWritable(path, error)
  }
}

const folderNotWritable = (path: string, cause: unknown): ErrandError =>
  configError(
    `The data folder ${path} cannot be written (${reasonOf(cause)}). ` +
      'Set ERRAND_DATA to a folder that this user can write, or MONGODB_URI to a MongoDB server.',
    cause,
  )

const reasonOf = (error: unknown): string =>
  error instanceof Error && 'code' in error
    ? String(error.code)
    : error instanceof Error
      ? error.message
      : String(error)

export interface Holder {
  /** The process to name: the one that started the engine if that is known, else the engine. */
  pid: number
  /** The engine is closing, or its owner is gone and it is about to: the folder will be free in a moment. */
  leaving: boolean
}

/**
 * Who holds the folder, as far as its files tell; `undefined` for the moment in which a new holder has not written its
 * name yet, or the last one has removed it. `holder.json` comes a moment after the lock file and outlives it, so it
 * counts only when it speaks of the same engine.
 */
export const readHolder = async (dataDir: string): Promise<Holder | undefined> => {
  const engine = Number.parseInt(await readFile(join(dataDir, 'mongod.lock'), 'utf8').catch(() => ''), 10)
  if (!(engine > 0)) return undefined
  const note = await readNote(dataDir)
  if (note === undefined || note.engine !== engine) return { pid: engine, leaving: false }
  return { pid: note.owner, leaving: note.leaving || !isAlive(note.owner) }
}

/** As program.ts writes it. */
interface Note {
  owner: number
  engine: number
  leaving: boolean
}

const readNote = async (dataDir: string): Promise<Note | undefined> => {
  try {
    return JSON.parse(await readFile(join(dataDir, 'holder.json'), 'utf8')) as Note
  } catch {
    return undefined
  }
}

/** A process that is not ours to signal is alive too (EPERM). */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

export const folderHeld = (dataDir: string, holder: Holder | undefined): ErrandError =>
  configError(
    `The data folder ${dataDir} is held by ${holder === undefined ? 'another process' : `process ${holder.pid}`}, ` +
      'and an embedded database serves one process only. Stop that process, set ERRAND_DATA to another folder, ' +
      'or set MONGODB_URI to a MongoDB server that both can use.',
  )
