/**
 * `mongodb-memory-server` on a folder that stays: MongoDB's own server, which that package downloads for machines that
 * the embedded engine does not know. Despite its name nothing lives in memory only.
 *
 * Its files lie in a folder of their own inside the data folder, because the two engines are of different versions and
 * must not open each other's. It listens on loopback, on a free port and without a password: fit for development.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { ErrandError } from '../../core/errors.js'
import { EngineUnavailable, type Engine, type EngineOptions } from './engine.js'
import { folderHeld, readHolder } from './folder.js'

type MemoryServer = InstanceType<(typeof import('mongodb-memory-server'))['MongoMemoryServer']>

/** Throws `EngineUnavailable` when the package is missing or its server cannot be downloaded or run here. */
export const startMemoryServer = async (options: EngineOptions): Promise<Engine> => {
  const packagePath = findPackage()
  const systemBinary = await findServer(packagePath, options.onProgress)
  const dbPath = join(options.dataDir, 'mongod')
  await mkdir(dbPath, { recursive: true })
  try {
    const { MongoMemoryServer } = await import('mongodb-memory-server')
    const server = await MongoMemoryServer.create({
      binary: { systemBinary },
      instance: { dbPath, storageEngine: 'wiredTiger', ip: '127.0.0.1' },
      spawn: { detached: true }, // so that Ctrl-C reaches us and not the database
    })
    return engineOf(server)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (/DBPathInUse|already running/.test(reason)) throw folderHeld(options.dataDir, await readHolder(dbPath))
    throw new EngineUnavailable(gist(reason))
  }
}

const findPackage = (): string => {
  try {
    return createRequire(import.meta.url).resolve('mongodb-memory-server')
  } catch {
    throw new EngineUnavailable('the optional package is not installed')
  }
}

const findProgram = `
require(process.argv[1]).MongoBinary.getPath().then(
  (path) => console.log('found ' + path),
  (error) => { console.error(error.message); process.exitCode = 1 },
)`

/**
 * The server's path, downloaded if need be; in a process of its own, because the package prints its progress on
 * standard output.
 */
const findServer = async (packagePath: string, onProgress: EngineOptions['onProgress']): Promise<string> => {
  const { NODE_OPTIONS: _options, ...env } = process.env
  const child = spawn(process.execPath, ['-e', findProgram, packagePath], { stdio: ['ignore', 'pipe', 'pipe'], env })
  const complaint = text(child.stderr)
  const exited = once(child, 'exit')
  let found: string | undefined
  for await (const line of createInterface(child.stdout)) {
    found = /^found (.+)/.exec(line)?.[1] ?? found
    const progress = /^Downloading MongoDB.*/.exec(line)?.[0]
    if (progress !== undefined) onProgress?.(progress.trim())
  }
  await exited
  if (found === undefined) throw new EngineUnavailable(gist(await complaint))
  return found
}

/** The package's messages say what failed in their first line and why in the second. */
const gist = (message: string): string => message.trim().split('\n').slice(0, 2).join(' ').replace(/\.$/, '')

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
