/**
 * Runs in a thread without the environment's settings, as the coordinator has none of the jobs': tries contracts on
 * stored args, message by message.
 */
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import type { StoredArgs } from '../../core/requests/compat.js'
import { readContract, type Contract, type ContractOptions } from '../../core/job/contract.js'
import { withDefaults, type FullScheduleRule } from '../../core/time/scheduleRule.js'
import { incompatibilitiesOf } from './incompatibilities.js'
import { openCounts, type CompatProblem } from './counts.js'

/** The requests to the thread. */
export type Order =
  | { kind: 'names' }
  | { kind: 'try'; stored: (StoredArgs & { job?: string; schedule?: string })[]; renamed: ReadonlyMap<string, string> }
  | { kind: 'report' }

export interface ContractFacts {
  /** In code. */
  schedule?: FullScheduleRule
}

/** The thread's answers, in the order of the requests. */
export interface Answers {
  names: ReadonlyMap<string, ContractFacts>
  try: null
  report: CompatProblem[]
}

const { contracts: file } = workerData as { contracts: string }
const loaders = (
  (await import(pathToFileURL(file).href)) as { default: Record<string, () => Promise<ContractOptions>> }
).default
const contracts = new Map<string, Contract>()
for (const [name, load] of Object.entries(loaders)) contracts.set(name, readContract(name, await load()))
const counts = openCounts()

async function answer(order: Order): Promise<Answers[Order['kind']]> {
  switch (order.kind) {
    case 'names':
      return new Map([...contracts].map(([name, { schedule }]) => [name, factsOf(schedule)]))
    case 'try':
      for (const stored of order.stored) {
        const contract = contracts.get(stored.worker)
        const incompatibilities = contract
          ? await incompatibilitiesOf(contract, stored)
          : unknownWorker(order.renamed.get(stored.worker))
        for (const incompatibility of incompatibilities) counts.add(stored, incompatibility)
      }
      return null
    case 'report':
      return counts.problems()
  }
}

const factsOf = (schedule: Contract['schedule']): ContractFacts =>
  schedule === undefined ? {} : { schedule: withDefaults(schedule.rule) }

const unknownWorker = (renamed: string | undefined) => {
  const hint = renamed === undefined ? '' : `; was it renamed to ${renamed}?`
  return [{ code: 'unknown_worker' as const, path: '', what: `need a worker that is no longer there${hint}` }]
}

// the rule is about windows
/* oxlint-disable unicorn/require-post-message-target-origin */
parentPort!.on('message', (order: Order) => {
  void answer(order).then((value) => parentPort!.postMessage(value))
})
