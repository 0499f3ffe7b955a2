/**
 * `mongodb-memory-server` on a folder that stays: MongoDB's own server, which that package downloads for machines that
 * the embedded engine does not know. Despite its name nothing lives in memory only.
 *
 * Its files lie in a folder of their own inside the data folder, because the two engines are of different versions and must not
 * open each other's. It listens on loopback, on a free port and without a password: fit for development.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ErrandError } from '../../core/errors.js'
import { EngineUnavailable, type Engine, type EngineOptions } from './engine.js'
import { folderHeld, readHolder } from './folder.js'

type MemoryServerModule = typeof import('mongodb-memory-server')
type MemoryServer = InstanceType<MemoryServerModule['MongoMemoryServer']>

/** Throws `EngineUnavailable` when the package is missing or its server cannot be downloaded or run here. */
export const startMemoryServer = async (options: EngineOptions): Promise<Engine> => {
  const { MongoMemoryServer } = await loadPackage()
  const dbPath = join(options.dataDir, 'mongod')
  await mkdir(dbPath, { recursive: true })
  options.onProgress?.('Starting MongoDB with mongodb-memory-server (the first time, it downloads about 100 MB)')
  try {
    const server = await MongoMemoryServer.create({
      instance: { dbPath, storageEngine: 'wiredTiger', ip: '127.0.0.1' },
      spawn: { detached: true }, // so that Ctrl-C reaches us and not the database
    })
    return engineOf(server)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (/DBPathInUse|already running/.test(reason)) throw folderHeld(options.dataDir, await readHolder(dbPath))
    throw new EngineUnavailable(reason.split('\n')[0])
  }
}

const loadPackage = async (): Promise<MemoryServerModule> => {
  try {
    return await import('mongodb-memory-server')
  } catch {
    throw new EngineUnavailable('the optional package is not installed')
  }
}

const engineOf = (server: MemoryServer): Engine => {
  const child = server.instanceInfo?.instance.mongodProcess
  let stopping: Promise<void> | undefined
  const lost = new Promise<ErrandError>((resolve) => {
    child?.once('close', (code, signal) => {
      if (stopping !== undefined) return
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`
      resolve(new ErrandError('UNAVAILABLE', `MongoDB ended unexpectedly, ${how}. Start Errand again.`))
    })
  })
  const stop = async (): Promise<void> => void (await server.stop({ doCleanup: false }))
  return { uri: server.getUri(), pid: child?.pid ?? 0, lost, stop: () => (stopping ??= stop()) }
}
