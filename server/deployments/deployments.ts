/**
 * Deployments: a build is registered, asked whether it is there, and goes live in one write.
 *
 *   register ──▶ waits ──activate: ping each function──▶ live ──activate another, or roll back──▶ waits ──▶ retired
 *
 * The write that makes one live names the revision it follows from. So of two deploys at once one is told of the other,
 * instead of undoing it. Each coordinator does what follows from a switch when it learns of it
 * (server/deployments/liveDeployment).
 */
import type { Activated, DeploymentView, Deployments } from '../../core/views/answers.gen.js'
import { readContract } from '../../core/job/contract.js'
import type { ParsedRegisterRequest } from '../../core/requests/deployments.js'
import type { SilentFunction } from '../../core/views/deploymentView.js'
import { ErrandError } from '../../core/errors.js'
import { contractOptionsOf } from './contracts.js'
import { tryAgain } from './contractTrial.js'
import type { Deps } from '../deps.js'
import { readFunctionAddresses, type FunctionAddress } from '../functions/functionAddresses.js'
import { ping } from './ping.js'
import { repeat, repeatGuarded } from '../repeatedWrite.js'
import type { DeployedWorker, DeploymentDocument, LiveDocument } from '../store/documents.js'
import type { DeploymentRecord } from '../store/deployments.js'

/** More are not kept to roll back to, unless jobs are pinned to them. */
const kept = 20
const mostListed = 100

/**
 * Checks everything that can be checked without calling a function, and makes nothing live. Throws `BAD_REQUEST`,
 * `BAD_WORKER`, `WRONG_STATE`, and `UNAVAILABLE` where contracts cannot be tried.
 */
export async function register(deps: Deps, request: ParsedRegisterRequest, by: string): Promise<DeploymentView> {
  refuseWhereOwn(deps)
  const { functions, contracts, targets, note } = request
  const workers = await readWorkers(deps, request)
  checkAddresses(addressesOf(deps, functions), workers)
  const deployment = await insert(deps, {
    at: deps.clock.now(),
    by,
    functions,
    workers,
    contracts,
    ...(targets === undefined ? {} : { targets }),
    ...(note === undefined ? {} : { note }),
  })
  return deploymentView(deployment, await deps.store.deployments.live())
}

/** A number is given with the insert, so one whose answer was lost is looked for by who registered it, and when. */
async function insert(deps: Deps, deployment: Omit<DeploymentDocument, '_id'>): Promise<DeploymentDocument> {
  const { deployments } = deps.store
  let isFirst = true
  return repeat(deps, async () => {
    const made = isFirst ? undefined : (await deployments.list(mostListed)).find((one) => isSame(one, deployment))
    isFirst = false
    return made ?? deployments.insert(deployment)
  })
}

const isSame = (one: Omit<DeploymentRecord, '_id'>, other: Omit<DeploymentRecord, '_id'>): boolean =>
  one.at.getTime() === other.at.getTime() && one.by === other.by && one.functions === other.functions

/** Newest first, at most a hundred. */
export async function listDeployments({ store }: Deps): Promise<Deployments> {
  const [found, live] = await Promise.all([store.deployments.list(mostListed), store.deployments.live()])
  return { deployments: found.map((one) => deploymentView(one, live)) }
}

interface Switch {
  id: number
  force?: boolean | undefined
}

/**
 * Throws `UNKNOWN_DEPLOYMENT`, `WRONG_STATE` for one that is retired, `BAD_REQUEST` where its contracts cannot be
 * loaded here, `PROBE_FAILED`, and `DEPLOYED_MEANWHILE`.
 */
export async function activate(deps: Deps, { id, force = false }: Switch, by: string): Promise<Activated> {
  refuseWhereOwn(deps)
  const seen = await deps.store.deployments.live()
  return switchTo(deps, { seen, id, before: withLast(seen), force, by })
}

/** The one that was live up to now is the first to roll back to. */
function withLast(seen: LiveDocument | null): number[] {
  const { before = [], deployment = null } = seen ?? {}
  return deployment === null ? before : [...before, deployment].slice(-kept)
}

/** Makes the one live that was before, or the one of that number. Throws as `activate` does. */
export async function rollBack(
  deps: Deps,
  { id, force = false }: { id?: number | undefined; force?: boolean | undefined },
  by: string,
): Promise<Activated> {
  refuseWhereOwn(deps)
  const seen = await deps.store.deployments.live()
  const living = new Set((await deps.store.deployments.living()).map(({ _id }) => _id))
  const before = (seen?.before ?? []).filter((one) => living.has(one))
  const to = id ?? before.at(-1)
  if (to === undefined) {
    throw new ErrandError(
      'WRONG_STATE',
      'There is no deployment to roll back to: none was live before. `errand deployments` lists those that can be activated.',
    )
  }
  const at = before.lastIndexOf(to)
  return switchTo(deps, { seen, id: to, before: at === -1 ? withLast(seen) : before.slice(0, at), force, by })
}

/**
 * Coordinators work by their own contracts and ERRAND_FUNCTIONS_URL again. Throws `WRONG_STATE` and
 * `DEPLOYED_MEANWHILE`.
 */
export async function deactivate(deps: Deps, by: string): Promise<Activated> {
  refuseWhereOwn(deps)
  const seen = await deps.store.deployments.live()
  const previous = seen?.deployment ?? null
  if (!seen || previous === null) throw new ErrandError('WRONG_STATE', 'No deployment is live.')
  await turn(deps, seen, { deployment: null, before: withLast(seen), at: deps.clock.now(), by })
  const gone = ((await deps.store.deployments.find(previous))?.workers ?? []).map(({ name }) => name)
  const stays = new Set(deps.contracts.names)
  return { id: null, previous, answered: 0, added: [], changed: [], gone: gone.filter((name) => !stays.has(name)) }
}

/**
 * Jobs that are pinned to it run on the live one from now on. Throws `UNKNOWN_DEPLOYMENT`, `WRONG_STATE` for the live
 * one, and `DEPLOYED_MEANWHILE`.
 */
export async function retire(deps: Deps, id: number, by: string): Promise<DeploymentView> {
  const live = await deps.store.deployments.live()
  if (!(await deps.store.deployments.find(id))) throw unknown(id)
  if (live?.deployment === id) {
    throw new ErrandError('WRONG_STATE', `Deployment ${id} is live. Activate another one, then retire it.`)
  }
  if (!(await retireOne(deps, live, id, by))) throw await meanwhile(deps)
  await lookNow(deps)
  return deploymentView((await deps.store.deployments.find(id))!, live)
}

interface Target {
  seen: LiveDocument | null
  id: number
  before: number[]
  force: boolean
  by: string
}

async function switchTo(deps: Deps, { seen, id, before, force, by }: Target): Promise<Activated> {
  const next = await deps.store.deployments.find(id)
  if (!next) throw unknown(id)
  if (next.retiredAt) throw new ErrandError('WRONG_STATE', `Deployment ${id} is retired. Deploy that build again.`)
  const previous = seen?.deployment ?? null
  if (previous === id) {
    return { id, previous, already: true, answered: 0, added: [], changed: [], gone: [] }
  }
  // another coordinator may have registered it; and one that cannot be loaded would go live everywhere but here
  const contracts = await deps.store.deployments.contractsOf(id)
  if (contracts !== null) await tryAgain(deps, contracts)
  if (!force) await probe(deps, next)
  await turn(deps, seen, { deployment: id, before, at: deps.clock.now(), by })
  if (!force) {
    await deps.circuitBreakers
      .closeAll()
      .catch((error: unknown) => deps.log('warn', 'circuit breakers could not be closed; their probes will', { error }))
  }
  const last = previous === null ? null : await deps.store.deployments.find(previous)
  return { id, previous, answered: force ? 0 : next.workers.length, ...difference(last?.workers ?? [], next.workers) }
}

/** Over the revision that was seen. Answers false where another write was faster. */
function write(deps: Deps, seen: LiveDocument | null, next: Omit<LiveDocument, '_id' | 'revision'>): Promise<boolean> {
  const { deployments } = deps.store
  const token = deps.newClaim()
  const isOurs = async () => (await deployments.live())?.token === token
  return repeatGuarded(deps, () => deployments.turn(seen, { ...next, token }), isOurs)
}

/**
 * The one write that switches. The steps after it may fail without harm: the loop tries again, and so does the next
 * switch.
 */
async function turn(
  deps: Deps,
  seen: LiveDocument | null,
  next: Omit<LiveDocument, '_id' | 'revision'>,
): Promise<void> {
  if (!(await write(deps, seen, next))) throw await meanwhile(deps)
  await lookNow(deps)
  await retireOld(deps, next.by).catch((error: unknown) =>
    deps.log('warn', 'old deployments could not be retired; the next switch tries again', { error }),
  )
}

const lookNow = ({ liveDeployment, log }: Deps): Promise<void> =>
  liveDeployment
    .look()
    .catch((error: unknown) => log('error', 'a switch could not be taken up here yet; trying again', { error }))

async function probe(deps: Deps, { _id: id, functions, workers }: DeploymentRecord): Promise<void> {
  const silent = await ping(deps, workers, addressesOf(deps, functions))
  if (silent.length > 0) throw probeFailed(id, workers.length, silent)
}

function probeFailed(id: number, asked: number, silent: SilentFunction[]): ErrandError {
  const named = silent.slice(0, 3).map(({ worker, code, message }) => `${worker}: ${code}, ${message}`)
  const rest = silent.length > named.length ? ` And ${silent.length - named.length} more.` : ''
  return new ErrandError(
    'PROBE_FAILED',
    `Deployment ${id} is not live, because functions did not answer a ping as themselves (${silent.length} of ${asked}). ${named.join(' ')}${rest} Mend that, then: errand deployments activate ${id}.`,
    { details: { deployment: id, functions: silent } },
  )
}

async function meanwhile({ store }: Deps): Promise<ErrandError> {
  const live = await store.deployments.live()
  const which = live?.deployment == null ? 'none is live' : `deployment ${live.deployment} is live`
  return new ErrandError(
    'DEPLOYED_MEANWHILE',
    `Somebody else has switched in the meantime: ${which}, by ${live?.by ?? 'nobody'}. Nothing was changed. Look at \`errand deployments\`, and try again.`,
    { details: { live: live?.deployment ?? null } },
  )
}

/** Loads every contract once, first in a thread of its own, so that none can turn out to be broken when it is live. */
async function readWorkers(
  { tryContracts, clock }: Deps,
  { contracts, workers }: ParsedRegisterRequest,
): Promise<DeployedWorker[]> {
  await tryContracts(contracts)
  const options = await contractOptionsOf(contracts, clock)
  const names = new Set(workers.map(({ name }) => name))
  if (names.size < workers.length) throw badRequest('`workers` names one twice.')
  const missing = workers.filter(({ name }) => !options.has(name)).map(({ name }) => name)
  const more = [...options.keys()].filter((name) => !names.has(name))
  if (missing.length + more.length > 0) {
    throw badRequest(
      `\`workers\` and \`contracts\` are not of one build: ${[...missing, ...more].slice(0, 5).join(', ')}.`,
    )
  }
  return workers
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, hash, build }) => {
      const { schedule, pinned } = readContract(name, options.get(name)!)
      return {
        name,
        hash,
        ...(build === undefined ? {} : { build }),
        ...(schedule && { scheduled: true as const }),
        ...(pinned && { pinned }),
      }
    })
}

const addressesOf = (deps: Deps, functions: string): FunctionAddress => {
  try {
    return readFunctionAddresses(functions, deps.liveDeployment.schemes)
  } catch (error) {
    throw badRequest(
      (error as Error).message.replace('ERRAND_FUNCTIONS_URL', '`functions` (`--url` of `errand deploy`)'),
    )
  }
}

function checkAddresses(addressOf: FunctionAddress, workers: readonly DeployedWorker[]): void {
  const without = workers.filter(({ name }) => addressOf(name) === undefined).map(({ name }) => name)
  if (without.length > 0) throw badRequest(`\`functions\` has no address for ${without.slice(0, 5).join(', ')}.`)
}

const badRequest = (message: string): ErrandError => new ErrandError('BAD_REQUEST', message)

function refuseWhereOwn({ liveDeployment }: Deps): void {
  if (liveDeployment.follows) return
  throw new ErrandError(
    'WRONG_STATE',
    'This coordinator takes no deployments: it runs jobs/ as it is (`errand dev`). Deploy to one that `errand start` runs.',
  )
}

const unknown = (id: number): ErrandError =>
  new ErrandError('UNKNOWN_DEPLOYMENT', `There is no deployment ${id}. \`errand deployments\` lists them.`)

function difference(before: readonly DeployedWorker[], after: readonly DeployedWorker[]) {
  const [old, now] = [before, after].map((workers) => new Map(workers.map(({ name, hash }) => [name, hash])))
  return {
    added: after.flatMap(({ name }) => (old!.has(name) ? [] : [name])),
    changed: after.flatMap(({ name, hash }) => (old!.has(name) && old!.get(name) !== hash ? [name] : [])),
    // jobs that are pinned go on where they are
    gone: before.flatMap(({ name, pinned }) => (now!.has(name) || pinned ? [] : [name])),
  }
}

/** Beyond the newest twenty, those go that no unfinished job is pinned to. */
async function retireOld(deps: Deps, by: string): Promise<void> {
  const living = await deps.store.deployments.living()
  for (const { _id } of living.slice(0, -kept)) {
    const live = await deps.store.deployments.live()
    if (_id !== live?.deployment && !(await deps.store.jobs.anyPinned(_id))) await retireOne(deps, live, _id, by)
  }
}

/**
 * Between the mark and the loss of its contracts stands a write over the revision that was seen, in which it was not
 * live. A caller about to make it live has seen the same one, and fails, or a later one, and finds the mark. By the new
 * revision coordinators learn of it. Answers false, and has changed nothing, where another switch came first. Of two
 * who retire it at once one is told so, and takes the mark back that both rely on; then the other begins again.
 */
async function retireOne(deps: Deps, seen: LiveDocument | null, id: number, by: string): Promise<boolean> {
  const { deployments } = deps.store
  const { deployment, before } = seen ?? { deployment: null, before: [] }
  const at = deps.clock.now()
  await repeat(deps, () => deployments.retire(id, at))
  const isStill = await write(deps, seen, { deployment, before, at: seen?.at ?? at, by: seen?.by ?? by })
  if (!isStill) {
    await repeat(deps, () => deployments.unretire(id))
    return false
  }
  if (await repeat(deps, () => deployments.dropContracts(id))) return true
  const live = await deployments.live()
  return live?.deployment !== id && retireOne(deps, live, id, by)
}

function deploymentView(deployment: DeploymentRecord | DeploymentDocument, live: LiveDocument | null): DeploymentView {
  const { _id, functions, workers, targets, note, at, by, retiredAt } = deployment
  return {
    id: _id,
    live: live?.deployment === _id,
    functions,
    workers: workers.length,
    ...(targets === undefined ? {} : { targets }),
    ...(note === undefined ? {} : { note }),
    createdAt: at.toISOString(),
    createdBy: by,
    ...(retiredAt === undefined ? {} : { retiredAt: retiredAt.toISOString() }),
  }
}
