/**
 * A process of the house: started, ended and stopped at will, and started again when it ends by itself, as a service
 * manager would.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from '../ledger/ledger.js'

export interface ServiceOptions {
  name: string
  /** The arguments of `node`. */
  args: readonly string[]
  cwd: string
  /** For each start anew, because each process has files of its own. */
  env: (start: string) => Record<string, string>
  folder: string
  ledger: Ledger
}

export interface Service {
  readonly name: string
  /** `undefined` where it does not run. */
  readonly pid: number | undefined
  readonly stopped: boolean
  start(): void
  /** Resolves when it says that it is ready. */
  ready(): Promise<void>
  /** SIGKILL; resolves when it is gone. It stays so until `start`. */
  kill(): Promise<void>
  /** SIGTERM, and once more after `hurryMs` where that is given; kills it where it has not ended within `limitMs`. */
  end(limitMs: number, hurryMs?: number): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
}

/** A moment, so that one that cannot start does not try in a busy loop. */
const restartMs = 500

export function createService({ name, args, cwd, env, folder, ledger }: ServiceOptions): Service {
  const log = createWriteStream(join(folder, 'logs', `${name}.log`), { flags: 'a' })
  let child: ChildProcess | undefined
  let isWanted = false
  let isStopped = false
  let starts = 0
  let becameReady: (() => void)[] = []
  let isReady = false

  const readLines = (stream: NodeJS.ReadableStream | null, isLog: boolean) => {
    if (!stream) return
    createInterface({ input: stream }).on('line', (line) => {
      log.write(`${line}\n`)
      if (isLog) return ledger.logLine(name, line)
      if (!line.startsWith('{"event":"ready"')) return
      isReady = true
      for (const tell of becameReady.splice(0)) tell()
    })
  }

  const start = () => {
    isWanted = true
    if (child) return
    const id = `${name}.${++starts}`
    const own = spawn(process.execPath, args, { cwd, env: env(id), stdio: ['ignore', 'pipe', 'pipe'] })
    child = own
    isStopped = false
    isReady = false
    ledger.add({ kind: 'process', at: Date.now(), id, name, pid: own.pid ?? 0 })
    readLines(own.stdout, false)
    readLines(own.stderr, true)
    own.once('exit', (code, signal) => {
      ledger.add({ kind: 'gone', at: Date.now(), id, name, code, signal, wasReady: isReady, wanted: isWanted })
      child = undefined
      isReady = false
      if (isWanted) void again()
    })
  }

  const again = async () => {
    await sleep(restartMs)
    if (isWanted) start()
  }

  const gone = async () => {
    if (child) await once(child, 'exit')
  }

  const resume = () => {
    child?.kill('SIGCONT')
    isStopped = false
  }

  return {
    name,
    get pid() {
      return child?.pid
    },
    get stopped() {
      return isStopped
    },
    start,
    async ready() {
      if (!isReady) await new Promise<void>((resolve) => becameReady.push(resolve))
    },
    async kill() {
      isWanted = false
      const left = gone()
      child?.kill('SIGKILL')
      await left
    },
    async end(limitMs, hurryMs) {
      isWanted = false
      const left = gone()
      child?.kill('SIGTERM')
      const hurry = hurryMs === undefined ? undefined : setTimeout(() => child?.kill('SIGTERM'), hurryMs)
      const stuck = setTimeout(() => child?.kill('SIGKILL'), limitMs)
      await left
      clearTimeout(hurry)
      clearTimeout(stuck)
    },
    pause() {
      child?.kill('SIGSTOP')
      isStopped = true
    },
    resume,
  }
}
