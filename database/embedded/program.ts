/**
 * The program of the engine's process: `node --input-type=module -e <this> <package> <dataDir> <socketDir> <ownerPid>`.
 *
 * It is text and not a module because Node cannot run our TypeScript sources (tests do), and the compiler copies no
 * other files into dist/. So it stays small, plain JavaScript, and free of imports from this repository.
 *
 * Three rules give it its shape:
 *
 * - **The engine's own lock is the lock.** `Engine.open` takes an operating system lock on the data folder: only one
 *   process can have it, and it ends with the process, however that ends. What is shared by the engines of one data
 *   folder (`holder.json`, the socket folder) is touched only between taking that lock and giving it back.
 * - **It lives as long as its owner.** The channel to the owner closes when the owner dies, by kill -9 too.
 *   Signals that a terminal or a service manager sends to everyone at once are ignored: the owner may still have
 *   results to write, and closes the channel when it has.
 * - **It never hangs around.** `closeLimitMs` after its owner left it ends, closed or not; the journal has every
 *   acknowledged write.
 */
export const engineProgram = /* js */ `
import { createRequire } from 'node:module'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const closeLimitMs = 15000
const [enginePackage, dataDir, socketDir, ownerPid] = process.argv.slice(1)

process.title = 'errand-engine'
process.umask(0o077) // args and results lie in its files
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
const ownerLeft = new Promise((resolve) => process.once('disconnect', resolve))
ownerLeft.then(() => setTimeout(() => process.exit(1), closeLimitMs).unref())
const tell = (message) => new Promise((resolve) => (process.connected ? process.send(message, resolve) : resolve()))

const quit = async (step, error) => {
  await tell({ kind: 'failed', step, message: String(error?.message ?? error) })
  process.exit(1)
}

// What an engine that was killed left behind goes. A folder of that name that we cannot remove is another user's.
const makeSocketDir = () => {
  try {
    rmSync(socketDir, { recursive: true, force: true })
    mkdirSync(socketDir, { mode: 0o700 })
    return socketDir
  } catch {
    return mkdtempSync(socketDir + '-')
  }
}

// Whole or not at all, for whoever reads it at this moment.
const note = (leaving) => {
  const path = join(dataDir, 'holder.json')
  writeFileSync(path + '.new', JSON.stringify({ owner: Number(ownerPid), engine: process.pid, leaving }))
  renameSync(path + '.new', path)
}

const serve = (engine, EmbeddedMongodb) => {
  process.env.TMPDIR = makeSocketDir() // where the package puts its socket
  note(false)
  return new EmbeddedMongodb(engine)
}

const close = async (embedded) => {
  try {
    note(true)
  } catch {} // a full disk, a folder that was removed: no reason not to close
  rmSync(process.env.TMPDIR, { recursive: true, force: true })
  await embedded.close()
}

let parts
try {
  parts = createRequire(enginePackage)(enginePackage)
} catch (error) {
  await quit('load', error)
}
try {
  const embedded = serve(await parts.Engine.open(dataDir), parts.EmbeddedMongodb)
  await tell({ kind: 'ready', uri: embedded.uri })
  await ownerLeft
  await close(embedded)
} catch (error) {
  await quit('open', error)
}
process.exit(0)
`

/** A message of the program to its owner: once, when it serves or when it cannot. */
export type EngineReport =
  | { kind: 'ready'; uri: string }
  /** `load`: the package does not run on this machine. `open`: it does, but not on this folder. */
  | { kind: 'failed'; step: 'load' | 'open'; message: string }
