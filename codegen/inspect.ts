/** Loads contracts in a clean child process, so that a contract which needs the job's environment is found here and not in production. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { PolicyProblem } from '../core/contract.js'
import { programFile } from './program.js'
import type { StandaloneType } from './typeModel.js'

export interface InspectWorker {
  worker: string
  /** What the names of its printed types begin with: `MailSend`. */
  typeName: string
}

/** What the child reads. */
export interface InspectOrder {
  contracts: string
  workers: InspectWorker[]
}

/** What the child says, a line each. */
export type InspectReport = { started: string } | { finished: string; inspection: Inspection }

export type Inspection =
  | {
      kind: 'sound'
      args: StandaloneType
      result?: StandaloneType
      /** What `run` is given, where there is no result schema and the args schema tells all of it. */
      taken?: StandaloneType
      receipt: 'answered' | 'posted'
      scheduled: boolean
    }
  | { kind: 'refused'; problems: PolicyProblem[] }
  /** Could not be loaded, or broke while it was looked at. Places in `stack` are those of the modules as written. */
  | { kind: 'failed'; message: string; stack: string }

/** How long one contract may take to load. It has nothing to wait for, so this is far more than enough. */
const timeoutMs = 10_000

export async function inspectContracts(
  bundle: { code: string; map: string },
  workers: readonly InspectWorker[],
): Promise<Map<string, Inspection>> {
  const found = new Map<string, Inspection>()
  if (workers.length === 0) return found
  const folder = await mkdtemp(join(tmpdir(), 'errand-contracts-'))
  try {
    const contracts = join(folder, 'contracts.mjs')
    await writeFile(contracts, `${bundle.code}\n//# sourceMappingURL=contracts.mjs.map\n`)
    await writeFile(`${contracts}.map`, bundle.map)
    const program = await programFile('inspectProgram', folder)
    let rest = [...workers]
    while (rest.length > 0) {
      await runChild(program, folder, { contracts, workers: rest }, found)
      rest = rest.filter(({ worker }) => !found.has(worker))
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return found
}

/** One child. It reports on at least one worker: the one it was at when it died or fell silent is reported as failed. */
async function runChild(
  program: string,
  folder: string,
  order: InspectOrder,
  found: Map<string, Inspection>,
): Promise<void> {
  const orderFile = join(folder, 'order.json')
  await writeFile(orderFile, JSON.stringify(order))
  const child = spawn(process.execPath, ['--enable-source-maps', '--no-warnings', program, orderFile], {
    cwd: folder,
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
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
