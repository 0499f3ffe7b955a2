/** Shows the deployed workers: their policies, their args, and how many jobs they have. */
import { matchesWorker } from '../../core/roles.js'
import type { Contract } from '../../core/job/contract.js'
import { messageOfThrown } from '../../core/thrown.js'
import type { WorkerDetails, WorkerList, WorkerPolicies, WorkerView } from '../../core/views/answers.gen.js'
import type { Follower } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { pauseView } from '../flowControl/knownPauses.js'
import { argsSchema, exampleOf, type JsonSchema } from './argsSchema.js'

export async function listWorkers(deps: Deps): Promise<WorkerList> {
  const counts = await countsByWorker(deps)
  return { workers: await Promise.all(deps.contracts.names.map((name) => workerView(deps, name, counts))) }
}

/** Throws `UNKNOWN_WORKER`. */
export async function getWorker(deps: Deps, name: string): Promise<WorkerDetails> {
  const view = await workerView(deps, name, await countsByWorker(deps))
  if (view.problem !== undefined) return view
  return { ...view, ...(await shapesOf(await deps.contracts.get(name))) }
}

/** Of the workers that a caller may enqueue for or look at: for the API's description. */
export async function describedWorkers(deps: Deps, { workers }: Pick<Follower, 'workers'>) {
  const names = deps.contracts.names.filter((name) => matchesWorker(workers, name))
  const described = await Promise.all(
    names.map(async (name) => {
      try {
        const { args, example } = await shapesOf(await deps.contracts.get(name))
        return args === undefined ? [] : [{ name, args, ...(example === undefined ? {} : { example }) }]
      } catch {
        // `GET /workers/:name` says why
        return []
      }
    }),
  )
  return described.flat()
}

async function shapesOf(contract: Contract): Promise<{ args?: JsonSchema; result?: JsonSchema; example?: unknown }> {
  const args = argsSchema(contract.args, 'input')
  const result = contract.result && argsSchema(contract.result, 'output')
  const example = args && (await exampleOf(args, contract.args))
  return {
    ...(args ? { args } : {}),
    ...(result ? { result } : {}),
    ...(example === undefined ? {} : { example }),
  }
}

type Counts = WorkerView['counts']
const none: Counts = { scheduled: 0, queued: 0, blocked: 0, running: 0 }

async function countsByWorker({ store }: Deps): Promise<Map<string, Counts>> {
  const counts = new Map<string, Counts>()
  for (const { worker, state, count } of await store.jobs.countWaiting()) {
    counts.set(worker, { ...none, ...counts.get(worker), [state]: count })
  }
  return counts
}

/** Throws `UNKNOWN_WORKER`. A contract that cannot be loaded is told as such. */
async function workerView(deps: Deps, name: string, counts: ReadonlyMap<string, Counts>): Promise<WorkerView> {
  const { contracts, liveDeployment, pauses } = deps
  const shown = await (contracts.has(name)
    ? contracts.get(name).then(
        (contract) => ({ version: contract.version, policies: policiesOf(contract) }),
        (error: unknown) => ({ version: 1, problem: messageOfThrown(error) ?? 'It cannot be loaded.' }),
      )
    : contracts.get(name).then((contract) => ({ version: contract.version })))
  const { live } = liveDeployment
  const address = liveDeployment.addressOf({ worker: name })
  // of a key of its jobs it is not said, but of all
  const pause = (await pauses.current()).covering({ _id: '', worker: name })
  return {
    name,
    ...shown,
    ...(live === undefined ? {} : { deployment: live }),
    ...(address === undefined ? {} : { address }),
    counts: counts.get(name) ?? none,
    ...(pause === undefined ? {} : { paused: pauseView(pause) }),
  }
}

function policiesOf(contract: Contract): WorkerPolicies {
  const { retryBudget, throttle, concurrency, unique, schedule, redact, maxArgsBytes, maxResultBytes } = contract
  return {
    maxAttempts: contract.maxAttempts,
    backoff: typeof contract.backoff === 'function' ? 'function' : (contract.backoff as WorkerPolicies['backoff']),
    ...(retryBudget ? { retryBudget } : {}),
    timeoutMs: contract.timeoutMs,
    maxRuntimeMs: contract.maxRuntimeMs,
    ...(throttle
      ? { throttle: { intervalMs: throttle.intervalMs, burst: throttle.burst, keyed: throttle.key !== undefined } }
      : {}),
    ...(concurrency ? { concurrency: { limit: concurrency.limit, keyed: concurrency.key !== undefined } } : {}),
    ...(unique ? { unique: { until: unique.until, onConflict: unique.onConflict, maxWaitMs: unique.maxWaitMs } } : {}),
    priority: contract.priority,
    ...(schedule ? { schedule: { ...schedule.rule } } : {}),
    keepMs: contract.keepMs,
    ...(maxArgsBytes === undefined ? {} : { maxArgsBytes }),
    ...(maxResultBytes === undefined ? {} : { maxResultBytes }),
    jobsPerCall: contract.jobsPerCall,
    receipt: contract.receipt,
    ...(redact.length === 0 ? {} : { redact: redact.map((path) => path.join('.')) }),
    ...(contract.pinned ? { pinned: true as const } : {}),
  }
}
