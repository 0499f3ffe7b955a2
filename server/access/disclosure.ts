/**
 * Disclosure decides which parts of a job's payload a caller is shown. Two things limit it: the caller's key
 * (server/access/auth), and the worker's `redact` (core/job/redact).
 *
 * To show is not to deliver. A caller that looks at a job (get, list, wait, schedules, and what is built on them) is
 * shown it, redacted; one that waits for the receipt of a job that it asked for (server/operations/waitMany) is
 * delivered the result that `run` returned, as it is.
 *
 * Nothing is shown where it is not known what to redact: the worker is not deployed, or does not load; or the args are
 * of another version of it, which may have had other fields.
 */
import type { Contract } from '../../core/job/contract.js'
import { firstVersion } from '../../core/job/migrate.js'
import { maxDepthAround, tooDeep } from '../../core/payload/depth.js'
import { isTooDeep, restorePayload, type Payload } from '../../core/payload/payload.js'
import { redact } from '../../core/job/redact.js'
import { readRedactPath, type RedactPath } from '../../core/job/redactPath.js'
import { MetaError } from '../../core/payload/restore.js'
import type { ArgsView, ResultView } from '../../core/requests/wire.js'
import type { Contracts } from '../deps.js'

/** A caller, by what it may be shown; an actor is one. */
export interface Viewer {
  /** Args, and keys. */
  readonly seesArgs: boolean
  /** Results, notes of progress and lines of logs. */
  readonly seesResults: boolean
}

interface StoredArgs {
  /** Absent where they were left in the database. */
  args?: string
  argsMeta?: string
  argsVersion?: number
  /** Paths beside those of the worker. */
  redact?: readonly string[]
}

interface StoredResult {
  result?: string
  resultMeta?: string
}

/** Of one worker's jobs, to one viewer. */
export interface Disclosure {
  /** Keys are mostly made of args, by functions that redaction does not see through. */
  readonly seesKeys: boolean
  readonly seesResults: boolean
  args(stored: StoredArgs): ArgsView
  /** As text, and only as they are: undefined where they are hidden, and where any of them would be redacted. */
  wholeArgs(stored: StoredArgs): Payload | undefined
  result(stored: StoredResult): ResultView
}

export async function disclosureOf(contracts: Contracts, worker: string, viewer: Viewer): Promise<Disclosure> {
  const contract = await contractOf(contracts, worker)
  const argsPayload = (stored: StoredArgs): Shown | Unreadable | undefined => {
    if (!viewer.seesArgs || !contract || stored.args === undefined) return undefined
    if (isOfAnotherVersion(stored, contract)) return undefined
    const more = stored.redact?.map(readRedactPath) ?? []
    return shown([...contract.redact, ...more], payloadOf(stored.args, stored.argsMeta))
  }
  return {
    seesKeys: viewer.seesArgs && contract?.redact.length === 0,
    seesResults: viewer.seesResults,
    args(stored) {
      const found = argsPayload(stored)
      if (!found) return { args: null, argsHidden: true }
      const read = 'payload' in found ? readPayload(found.payload) : found
      if (!('json' in read)) return { args: null, argsHidden: true, argsProblem: read.problem }
      const { json, meta, problem } = read
      return {
        args: json,
        ...(meta === undefined ? {} : { argsMeta: meta }),
        ...('payload' in found && !found.isWhole ? { argsRedacted: true } : {}),
        ...(problem === undefined ? {} : { argsProblem: problem }),
      }
    },
    wholeArgs(stored) {
      const found = argsPayload(stored)
      return found && 'payload' in found && found.isWhole ? found.payload : undefined
    },
    result({ result, resultMeta }) {
      if (result === undefined) return {}
      const found = viewer.seesResults && contract ? shown(contract.redact, payloadOf(result, resultMeta)) : undefined
      return resultView(found)
    },
  }
}

/** For jobs of several workers: what is disclosed of each worker's. */
export async function disclosuresOf(
  contracts: Contracts,
  workers: Iterable<string>,
  viewer: Viewer,
): Promise<(worker: string) => Disclosure> {
  const names = [...new Set(workers)]
  const disclosures = await Promise.all(names.map((worker) => disclosureOf(contracts, worker, viewer)))
  const byWorker = new Map(names.map((worker, index) => [worker, disclosures[index]!]))
  return (worker) => byWorker.get(worker)!
}

/** Whether some of what a worker returns may not be shown, as far as is known here. */
export async function mayRedact(contracts: Contracts, worker: string): Promise<boolean> {
  const contract = await contractOf(contracts, worker)
  return contract?.redact.length !== 0
}

/** Of a receipt, to the caller that waits for it. */
export const delivered: Pick<Disclosure, 'result' | 'seesResults'> = {
  seesResults: true,
  result: ({ result, resultMeta }) =>
    result === undefined ? {} : resultView(shown([], payloadOf(result, resultMeta))),
}

async function contractOf(contracts: Contracts, worker: string): Promise<Contract | undefined> {
  if (!contracts.has(worker)) return undefined
  try {
    return contracts.loaded(worker) ?? (await contracts.get(worker))
  } catch {
    // a caller that needs the contract for more than looking is told why it does not load
    return undefined
  }
}

const isOfAnotherVersion = ({ argsVersion = firstVersion }: StoredArgs, contract: Contract): boolean =>
  contract.redact.length > 0 && argsVersion !== contract.version

interface Shown {
  payload: Payload
  /** Nothing was redacted. */
  isWhole: boolean
}

/** It was stored before there were bounds, or by other hands. One such value must not spoil the list that it is on. */
interface Unreadable {
  problem: string
}

function shown(paths: readonly RedactPath[], payload: Payload): Shown | Unreadable | undefined {
  if (isTooDeep(payload, maxDepthAround)) return { problem: tooDeep() }
  try {
    const redacted = redact(payload, paths)
    return { payload: redacted, isWhole: redacted === payload }
  } catch {
    return undefined
  }
}

const payloadOf = (json: string, meta: string | undefined): Payload => (meta === undefined ? { json } : { json, meta })

interface Read {
  json: unknown
  meta?: unknown
  problem?: string
}

/** The payload for a caller. A meta that it could not put back into its JSON is left out. */
function readPayload({ json, meta }: Payload): Read | Unreadable {
  try {
    if (meta === undefined) return { json: JSON.parse(json) as unknown }
    const read = { json: JSON.parse(json) as unknown, meta: JSON.parse(meta) as unknown }
    return { ...read, ...metaProblem(json, read.meta) }
  } catch {
    return { problem: 'no JSON' }
  }
}

function metaProblem(json: string, meta: unknown): Pick<Read, 'meta' | 'problem'> {
  try {
    // on a copy, because values are put back in place
    restorePayload(JSON.parse(json), meta)
    return {}
  } catch (error) {
    const problem = error instanceof MetaError ? error.message : "superjson's meta does not fit its JSON"
    return { meta: undefined, problem: `shown without what JSON cannot say: ${problem}` }
  }
}

function resultView(found: Shown | Unreadable | undefined): ResultView {
  if (!found) return { resultHidden: true }
  const read = 'payload' in found ? readPayload(found.payload) : found
  if (!('json' in read)) return { resultHidden: true, resultProblem: read.problem }
  const { json, meta, problem } = read
  return {
    result: json,
    ...(meta === undefined ? {} : { resultMeta: meta }),
    ...(problem === undefined ? {} : { resultProblem: problem }),
  }
}
