/**
 * Loads contracts in a clean child process, so that a contract which needs the job's environment is found here and not
 * in production.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { PolicyProblem } from '../../core/job/contract.js'
import { programFile } from '../program.js'
import type { StandaloneType } from '../types/typeModel.js'

export interface InspectWorker {
  worker: string
  /** The prefix of its printed types' names: `MailSend`. */
  typeName: string
}

/** The order that the child reads. */
export interface InspectOrder {
  contracts: string
  workers: InspectWorker[]
}

/** The messages of the child, a line each. */
export type InspectReport = { started: string } | { finished: string; inspection: Inspection }

export type Inspection =
  | {
      kind: 'sound'
      args: StandaloneType
      result?: StandaloneType
      /** The args that `run` is given, where there is no result schema and the args schema tells all of it. */
      taken?: StandaloneType
      receipt: 'answered' | 'posted'
      scheduled: boolean
    }
  | { kind: 'refused'; problems: PolicyProblem[] }
  /** Could not be loaded, or broke while it was looked at. Places in `stack` are those of the modules as written. */
  | { kind: 'failed'; message: string; stack: string }

/** How long one contract may take to load. It has nothing to wait for, so this is far more than enough. */
const timeoutMs = 10_000

export interface Inspector {
  inspect(bundle: { code: string; map: string }, workers: readonly InspectWorker[]): Promise<Map<string, Inspection>>
  /** Ends what it keeps ready. */
  close(): Promise<void>
}

/**
 * With `ready` the next child is started when one is done, and has loaded its program by the time it is needed: a
 * watcher then waits for the contracts alone. Each child is used once.
 */
export function openInspector({ ready = false } = {}): Inspector {
  let folder: Promise<string> | undefined
  let spare: Promise<ChildProcess> | undefined
  let runs = 0

  const start = async (): Promise<ChildProcess> => {
    folder ??= mkdtemp(join(tmpdir(), 'errand-contracts-'))
    return startChild(await programFile('check/inspectProgram', await folder), await folder)
  }
  const take = async (): Promise<ChildProcess> => {
    const child = await spare?.catch(() => undefined)
    spare = undefined
    // what ended while it waited has nothing to do with the contracts
    return child?.exitCode === null && child.signalCode === null ? child : start()
  }
  const close = async (): Promise<void> => {
    const [last, made] = [spare, folder]
    spare = folder = undefined
    await last?.then((child) => child.kill()).catch(() => {})
    if (made) await rm(await made, { recursive: true, force: true })
  }

  return {
    async inspect(bundle, workers) {
      const found = new Map<string, Inspection>()
      if (workers.length === 0) return found
      try {
        folder ??= mkdtemp(join(tmpdir(), 'errand-contracts-'))
        // another one each time, for a child that is slow to end
        const contracts = join(await folder, `contracts${runs++}.mjs`)
        await writeFile(contracts, `${bundle.code}\n//# sourceMappingURL=${basename(contracts)}.map\n`)
        await writeFile(`${contracts}.map`, bundle.map)
        let rest = [...workers]
        while (rest.length > 0) {
          await runChild(await take(), { contracts, workers: rest }, found)
          rest = rest.filter(({ worker }) => !found.has(worker))
        }
        await Promise.all([rm(contracts), rm(`${contracts}.map`)])
        if (ready) {
          spare = start()
          // one that cannot be started is told where it is needed
          spare.catch(() => {})
        }
      } finally {
        if (!ready) await close()
      }
      return found
    },
    close,
  }
}

function startChild(program: string, folder: string): ChildProcess {
  const child = spawn(process.execPath, ['--enable-source-maps', '--no-warnings', program], {
    cwd: folder,
    env: {},
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  })
  // it may end before it has its order
  child.stdin!.on('error', () => {})
  return child
}

/**
 * One child. It reports on at least one worker: the one it was at when it died or fell silent is reported as failed.
 */
async function runChild(child: ChildProcess, order: InspectOrder, found: Map<string, Inspection>): Promise<void> {
  let current = order.workers[0]!.worker
  let timedOut = false
  let errors = ''
  const watchdog = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, timeoutMs)
  child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const lines = createInterface({ input: child.stdio[3] as Readable })
  lines.on('line', (line) => {
    watchdog.refresh()
    const report = JSON.parse(line) as InspectReport
    if ('started' in report) current = report.started
    else found.set(report.finished, report.inspection)
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  child.stdin!.end(JSON.stringify(order))
  await Promise.all([ended, new Promise((resolve) => lines.once('close', resolve))])
  clearTimeout(watchdog)
  const missing = order.workers.find(({ worker }) => !found.has(worker))
  if (missing) found.set(missingName(found, current, missing.worker), failure(timedOut, errors))
}

const missingName = (found: ReadonlyMap<string, Inspection>, current: string, first: string): string =>
  found.has(current) ? first : current

function failure(timedOut: boolean, errors: string): Inspection {
  if (timedOut) return { kind: 'failed', message: `it takes longer than ${timeoutMs / 1_000} seconds`, stack: '' }
  const message = /^\w*Error: (.+)$/m.exec(errors)?.[1] ?? 'it ended the process that loaded it'
  return { kind: 'failed', message, stack: errors }
}
