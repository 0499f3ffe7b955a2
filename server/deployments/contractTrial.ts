/**
 * Contracts of a deployment are code, and run in the coordinator's own thread. The trial finds out what they do when
 * they are loaded, in another one, which can be ended:
 *
 *   text ──▶ thread: import ─▶ load each contract ─▶ quiet for a moment ──▶ they may be loaded here
 *                      └─ throws, takes too long, ends its thread, takes too much memory ──▶ `BAD_REQUEST`: which, what, and what to do
 *
 * It finds mistakes, not malice: a caller that may deploy may run code here. What it cannot find is left to those who
 * load: a contract that behaves otherwise there, or throws much later (endureContracts).
 */
import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { systemClock, type Clock } from '../../core/time/clock.js'
import { formatDuration } from '../../core/time/duration.js'
import { ErrandError } from '../../core/errors.js'
import { look, messageOfThrown } from '../../core/thrown.js'
import { contractsUrl } from './contractsUrl.js'
import type { Deps, ContractTrial } from '../deps.js'

export interface ContractTrialOptions {
  /** How long import and loading may take, in milliseconds. Default 10,000: a contract has nothing to wait for. */
  limitMs?: number
  /** For how long a thread that does not end by itself is watched for late errors, in milliseconds. Default 1,000. */
  quietMs?: number
  /** How much memory the contracts may take. Default 512. */
  limitMb?: number
  clock?: Clock
  /** Default: Node's. */
  Thread?: typeof Worker
}

/** So many texts are not tried again. */
const remembered = 50

/**
 * One that failed is not tried for so long: coordinators look every few seconds, and a trial may take ten and a
 * processor.
 */
const refusedMs = 60_000

export function createContractTrial(options: ContractTrialOptions = {}): ContractTrial {
  const { clock = systemClock } = options
  const tried = new Map<string, { problem: ErrandError | undefined; at: number }>()
  return async (text) => {
    const now = clock.now().getTime()
    const hash = createHash('sha256').update(text).digest('hex')
    const last = tried.get(hash)
    const isKnown = last && (last.problem === undefined || now - last.at < refusedMs)
    const problem = isKnown ? last.problem : await problemOf(text, options)
    if (!isKnown) tried.set(hash, { problem, at: now })
    if (tried.size > remembered) tried.delete([...tried.keys()][0]!)
    if (problem) throw problem
  }
}

/** A message of the thread: the worker whose contract it loads, that all are loaded, or why it goes no further. */
type Said = { loading: string } | 'loaded' | { problem: string }

/**
 * The same for contracts that another coordinator has registered, and so tried, before: a coordinator that can start no
 * thread loads them all the same, and says so. Throws `BAD_REQUEST`.
 */
export async function tryAgain({ tryContracts, log }: Pick<Deps, 'tryContracts' | 'log'>, text: string): Promise<void> {
  try {
    await tryContracts(text)
  } catch (error) {
    if (!(error instanceof ErrandError) || error.code !== 'UNAVAILABLE') throw error
    log('warn', 'contracts are loaded that were not tried here first', { error })
  }
}

function problemOf(text: string, options: ContractTrialOptions): Promise<ErrandError | undefined> {
  const { limitMs = 10_000, quietMs = 1_000, limitMb = 512, clock = systemClock, Thread = Worker } = options
  const thread = startThread(Thread, text, limitMb)
  let worker: string | undefined
  let isLoaded = false
  return new Promise((resolve) => {
    const end = (problem?: ErrandError) => {
      cancelAlarm()
      void thread.terminate()
      resolve(problem)
    }
    const refuse = (problem: string) => end(cannotLoad(isLoaded ? undefined : worker, problem))
    const limit = () =>
      clock.alarm(limitMs, () =>
        refuse(`it is not done within ${formatDuration(limitMs)}, because it loops or waits for what never comes`),
      )
    let cancelAlarm = limit()
    // what a busy machine takes to start a thread is not the contracts' time
    thread.once('online', () => {
      cancelAlarm()
      cancelAlarm = limit()
    })
    thread.on('message', (said: Said) => {
      if (said === 'loaded') {
        isLoaded = true
        cancelAlarm()
        cancelAlarm = clock.alarm(quietMs, () => end())
      } else if ('loading' in said) worker = said.loading
      else refuse(said.problem)
    })
    thread.on('error', (error: unknown) => {
      const code = codeOf(error)
      if (code === 'ERR_WORKER_INIT_FAILED') end(noThread(error))
      else if (code === 'ERR_WORKER_OUT_OF_MEMORY') refuse(`it takes more than ${limitMb} MB of memory`)
      else refuse(textOfThrown(error))
    })
    thread.on('exit', (code) => {
      if (isLoaded && code === 0) end()
      else refuse(code === neverComes ? 'it waits for what never comes' : `it ends its thread with code ${code}`)
    })
  })
}

/** Node's own exit code where a module awaits what nothing can bring any more. */
const neverComes = 13

function startThread(Thread: typeof Worker, text: string, limitMb: number): Worker {
  try {
    const thread = new Thread(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
      workerData: contractsUrl(text),
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limitMb },
      // what they print goes nowhere
      stdout: true,
      stderr: true,
    })
    thread.stdout.resume()
    thread.stderr.resume()
    return thread
  } catch (cause) {
    throw noThread(cause)
  }
}

const noThread = (cause: unknown): ErrandError =>
  new ErrandError(
    'UNAVAILABLE',
    `Contracts are tried in a thread before they are loaded, and none can be started here (${codeOf(cause) ?? textOfThrown(cause)}). Register the deployment with a coordinator that can.`,
    { cause },
  )

const cannotLoad = (worker: string | undefined, problem: string): ErrandError => {
  const what = problem
    .replaceAll(/data:[\w/;,+=]+/g, 'the contracts')
    .slice(0, 300)
    .replace(/\.$/, '')
  return new ErrandError(
    'BAD_REQUEST',
    `${worker === undefined ? 'The contracts' : `The contract of ${worker}`} cannot be loaded: ${what}. A contract only defines; mend it, and build it anew with \`errand codegen\`.`,
    worker === undefined ? {} : { details: { worker } },
  )
}

const codeOf = (error: unknown): string | undefined => look(() => (error as { code?: string }).code)
const textOfThrown = (error: unknown): string => messageOfThrown(error) ?? 'what it threw is no error'

/** Text and no module, for the reason that engine/program gives, and because a bundled coordinator is one file. */
const program = /* js */ `
import { parentPort, workerData } from 'node:worker_threads'

const say = (said) => parentPort.postMessage(said)
const messageOf = (thrown) => {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'what it threw cannot be read'
  }
}
const { exit } = process
process.exit = () => {
  say({ problem: 'it calls process.exit' })
  exit.call(process)
}
let isLoaded = false
process.on('uncaughtException', (thrown) =>
  say({ problem: (isLoaded ? 'they threw after they were loaded: ' : '') + messageOf(thrown) }),
)
try {
  const { default: loaders } = await import(workerData)
  for (const [worker, load] of Object.entries(loaders)) {
    say({ loading: worker })
    await load()
  }
  isLoaded = true
  say('loaded')
} catch (thrown) {
  say({ problem: messageOf(thrown) })
}
`
