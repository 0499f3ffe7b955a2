/**
 * The contracts that codegen cut out of jobs/: the coordinator's knowledge of its workers. Each is loaded when it is
 * first needed.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readContract, type Contract, type ContractOptions } from '../../core/job/contract.js'
import type { Clock } from '../../core/time/clock.js'
import { formatDuration } from '../../core/time/duration.js'
import { configError, ErrandError } from '../../core/errors.js'
import { didYouMean } from '../../core/nearest.js'
import { messageOfThrown } from '../../core/thrown.js'
import { contractsUrl } from './contractsUrl.js'
import type { Contracts } from '../deps.js'

export type ContractSource = Record<string, { load: () => Promise<ContractOptions>; scheduled: boolean }>

/** `deployment` is the one that they came with. */
export function createContracts(source: ContractSource, deployment?: number): Contracts {
  const names = Object.keys(source).toSorted()
  const loaded = new Map<string, Contract>()
  const loading = new Map<string, Promise<Contract>>()

  const load = async (worker: string): Promise<Contract> => {
    const options = await source[worker]!.load().catch((cause: unknown) => {
      const reason = messageOfThrown(cause) ?? 'what it threw is no error'
      throw new Error(`The contract of ${worker} cannot be loaded: ${reason}`, { cause })
    })
    const contract = { ...readContract(worker, options), ...(deployment === undefined ? {} : { deployment }) }
    loaded.set(worker, contract)
    return contract
  }

  return {
    names,
    has: (worker) => Object.hasOwn(source, worker),
    loaded: (worker) => loaded.get(worker),
    scheduled: names.filter((name) => source[name]!.scheduled),
    async get(worker) {
      const known = loaded.get(worker)
      if (known) return known
      if (!Object.hasOwn(source, worker)) throw unknownWorker(worker, names)
      let promise = loading.get(worker)
      if (!promise) {
        promise = load(worker).finally(() => loading.delete(worker))
        loading.set(worker, promise)
      }
      return promise
    },
  }
}

function unknownWorker(worker: string, names: readonly string[]): ErrandError {
  const hint = didYouMean(worker, names)
  const known = names.length === 0 ? ' There are no workers yet.' : ''
  return new ErrandError(
    'UNKNOWN_WORKER',
    `No worker is named "${worker.slice(0, 200)}".${hint}${known} After adding a module to jobs/, run \`npm run codegen\`; \`errand start\` reads its output when it starts, and \`errand deploy\` brings it to one that runs.`,
    { details: { worker: worker.slice(0, 200) } },
  )
}

interface Manifest {
  project?: string
  workers: Record<string, { hash: string; scheduled: boolean }>
}

/** Of a coordinator that takes its contracts from deployments alone. */
export const noContracts: Contracts = createContracts({})

/** Reads what `errand codegen` wrote into `.errand/`. Throws `CONFIG` where there is nothing. */
export async function loadContracts(dir: string): Promise<Contracts> {
  const manifest = await readManifest(dir)
  const hash = Object.values(manifest.workers)
    .map((worker) => worker.hash)
    .join('')
  // the query makes a rebuilt file a new module, so `errand dev` takes an edit without a restart
  const url = `${pathToFileURL(join(dir, 'contracts.mjs')).href}?${fingerprint(hash)}`
  const loaders = ((await import(url)) as { default: ContractLoaders }).default
  const scheduled = Object.keys(manifest.workers).filter((name) => manifest.workers[name]!.scheduled)
  return bundledContracts(loaders, scheduled)
}

/** The project's name as codegen has found it, if package.json names it. Throws as `loadContracts` does. */
export const loadProjectName = async (dir: string): Promise<string | undefined> => (await readManifest(dir)).project

/**
 * The contracts of a bundle: `loaders` is codegen's `contracts.mjs`, `scheduled` the workers whose contract holds a
 * schedule.
 */
export const bundledContracts = (loaders: ContractLoaders, scheduled: readonly string[]): Contracts =>
  createContracts(sourceOf(loaders, scheduled))

type ContractLoaders = Record<string, () => Promise<ContractOptions>>

const sourceOf = (loaders: ContractLoaders, scheduled: readonly string[]): ContractSource => {
  const isScheduled = new Set(scheduled)
  return Object.fromEntries(
    Object.entries(loaders).map(([name, load]) => [name, { load, scheduled: isScheduled.has(name) }]),
  )
}

/**
 * The contracts of a deployment, whose text is run here; so it was tried before (contractTrial). Rejects with what the
 * text throws.
 */
export const deployedContracts = async (
  text: string,
  deployment: number,
  scheduled: readonly string[],
  clock: Clock,
): Promise<Contracts> => createContracts(sourceOf(await inTime(clock, importText(text)), scheduled), deployment)

/** All that such a text holds, by worker. Throws `BAD_REQUEST` where it is no contracts of codegen's. */
export async function contractOptionsOf(text: string, clock: Clock): Promise<Map<string, ContractOptions>> {
  try {
    const loaders = await inTime(clock, importText(text))
    const loading = Object.entries(loaders).map(async ([name, load]) => [name, await load()] as const)
    return new Map(await inTime(clock, Promise.all(loading)))
  } catch (error) {
    // what it threw comes from the build, and is for its maker
    const reason = messageOfThrown(error)?.slice(0, 300) ?? 'they threw no error'
    throw new ErrandError(
      'BAD_REQUEST',
      `The contracts cannot be loaded: ${reason}. Build them with \`errand codegen\`.`,
      {
        cause: error,
      },
    )
  }
}

/** A contract has nothing to wait for. */
const loadLimitMs = 10_000

/** Loading that goes on for ever, other than in the trial, must not hold up those who wait for it. */
export async function inTime<Loaded>(clock: Clock, loading: Promise<Loaded>): Promise<Loaded> {
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = clock.alarm(loadLimitMs, () => reject(new Error(`not done within ${formatDuration(loadLimitMs)}`)))
  })
  try {
    return await Promise.race([loading, late])
  } finally {
    cancel()
  }
}

const importText = async (text: string): Promise<ContractLoaders> =>
  ((await import(/* @vite-ignore */ contractsUrl(text))) as { default: ContractLoaders }).default

async function readManifest(dir: string): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as Manifest
  } catch (error) {
    throw configError(
      `There is no build of jobs/ in ${dir}. Run \`npm run codegen\` (\`errand codegen\`) first.`,
      error,
    )
  }
}

/** Not for security: only different for different texts. */
function fingerprint(text: string): string {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return (hash >>> 0).toString(36)
}
