/**
 * Starts a MongoDB for those who have none: the embedded engine where it runs, else `mongodb-memory-server` on a folder
 * that stays, else one message that says what to set.
 *
 *     openFolder ─ startEmbedded ─ ready
 *                      │ EngineUnavailable: Windows, musl, macOS on Intel, package missing, no newer glibc to be had
 *                  startMemoryServer ─ ready
 *                      │ EngineUnavailable: package missing, download refused
 *                  CONFIG error: set MONGODB_URI
 */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { configError } from '../../core/errors.js'
import { startEmbedded } from './embedded.js'
import { EngineUnavailable, type Engine, type EngineOptions } from './engine.js'
import { openFolder } from './folder.js'
import { startMemoryServer } from './memoryServer.js'

export type { Engine, EngineOptions } from './engine.js'

/** Throws a `CONFIG` error that names the setting to change; no other kind of failure is expected. */
export const startEngine = async (options: EngineOptions): Promise<Engine> => {
  const dataDir = await openFolder(options.dataDir, options.tell ?? (() => {}))
  try {
    return await startEmbedded({ ...options, dataDir })
  } catch (embedded) {
    if (!(embedded instanceof EngineUnavailable)) throw embedded
    if (await hasEmbeddedData(dataDir)) throw cannotServe(dataDir, embedded)
    return await startInstead({ ...options, dataDir }, embedded)
  }
}

/** The other server would start on empty files beside these, and the jobs in them would seem lost. */
const hasEmbeddedData = (dataDir: string): Promise<boolean> =>
  access(join(dataDir, 'WiredTiger')).then(
    () => true,
    () => false,
  )

const cannotServe = (dataDir: string, embedded: EngineUnavailable): Error =>
  configError(
    `The data folder ${dataDir} was made by the embedded database, which does not start on it: ${embedded.message}. ` +
      'Set ERRAND_DATA to another folder to begin anew, or MONGODB_URI to a MongoDB server.',
    embedded,
  )

const startInstead = async (options: EngineOptions, embedded: EngineUnavailable): Promise<Engine> => {
  try {
    return await startMemoryServer(options)
  } catch (memoryServer) {
    if (!(memoryServer instanceof EngineUnavailable)) throw memoryServer
    throw configError(
      'No MongoDB can be started on this machine. ' +
        'Set MONGODB_URI to a MongoDB server, for example MONGODB_URI=mongodb://127.0.0.1:27017/errand. ' +
        `(Embedded engine: ${embedded.message}. mongodb-memory-server: ${memoryServer.message}.)`,
      memoryServer,
    )
  }
}
