/**
 * Tracks the live deployment: the coordinator works by its contracts and addresses, or, where none is live, by its own
 * contracts and setting.
 *
 * One document says which is live. A switch writes that one, and every coordinator looks at it every few seconds, when
 * it starts, and when it is asked for a worker that it does not know. Then it takes the deployment up: contracts and
 * addresses change here in one step between two others, and what follows from them (schedules made in code, jobs that
 * waited for their worker) is done after it by every coordinator on its own. So one that dies behind its switch leaves
 * nothing undone. Attempts that run go on where they are.
 */
import type { Contract } from '../../core/job/contract.js'
import { messageOfThrown } from '../../core/thrown.js'
import { deployedContracts, inTime } from './contracts.js'
import { tryAgain } from './contractTrial.js'
import type { Deps, Contracts, LiveDeployment } from '../deps.js'
import { readFunctionAddresses, type FunctionAddress } from '../functions/functionAddresses.js'
import type { LiveDocument } from '../store/documents.js'
import type { DeploymentRecord } from '../store/deployments.js'

export interface LiveDeploymentOptions {
  /** In effect where nothing is live. */
  own: { contracts: Contracts; address: FunctionAddress }
  follows: boolean
  /** Of the user's own invokers. */
  schemes: readonly string[]
  /** Steps after a switch, in this order; each is told how to see whether the deployment is live still. */
  onSwitch: readonly ((deps: Deps, isLive: () => Promise<boolean>) => Promise<void>)[]
  getDeps: () => Deps
}

/** The contracts and addresses in effect between two switches. */
interface Effect {
  live: number | undefined
  contracts: Contracts
  address: FunctionAddress
  /** By deployment: where jobs that are pinned to it are called. */
  pinned: ReadonlyMap<number, FunctionAddress>
  /** Workers that are gone and that jobs are pinned to, by the last deployment that had them. */
  removed: ReadonlyMap<string, Removed>
}

interface Removed {
  contracts: Contracts
  address: FunctionAddress
}

/** Requests for workers that are not known must not become as many reads. */
const againMs = 1_000

export function createLiveDeployment({
  own,
  follows,
  schemes,
  onSwitch,
  getDeps,
}: LiveDeploymentOptions): LiveDeployment {
  let effect: Effect = { ...own, live: undefined, pinned: new Map(), removed: new Map() }
  /** Contracts that were in use before the last switch: a claim that is under way relies on them. */
  let previous: Contracts | undefined
  let revision = 0
  /** The steps that follow from a switch are done up to this one. */
  let followed = 0
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  const look = async (): Promise<void> => {
    if (!follows) return
    const deps = getDeps()
    lookedAt = deps.clock.now().getTime()
    const live = await deps.store.deployments.live()
    if (live && live.revision > revision) await apply(deps, live)
    if (followed < revision) await follow(deps)
  }

  const apply = async (deps: Deps, live: LiveDocument): Promise<void> => {
    const next = await load(deps, live).catch((error: unknown) => {
      throw new CannotApply(live.deployment, error)
    })
    if (next.live !== effect.live) {
      deps.log('info', 'a deployment is live', { deployment: live.deployment ?? 'none', by: live.by })
    }
    previous = effect.contracts
    effect = next
    revision = live.revision
  }

  /** Loads the contracts that are in use now, for the hot path. */
  const load = async (deps: Deps, live: LiveDocument): Promise<Effect> => {
    const next = await read(deps, live)
    const inUse = effect.contracts.names.filter((name) => effect.contracts.loaded(name) && next.contracts.has(name))
    await inTime(deps.clock, Promise.all(inUse.map((name) => next.contracts.get(name))))
    return next
  }

  const read = async (deps: Deps, { deployment }: LiveDocument): Promise<Effect> => {
    const { store, clock } = deps
    const living = await store.deployments.living()
    const pinned = new Map(living.map(({ _id, functions }) => [_id, readFunctionAddresses(functions, schemes)]))
    const contractsOf = async (one: DeploymentRecord) => {
      const text = await textOf(store, one)
      await tryAgain(deps, text)
      return deployedContracts(text, one._id, scheduledOf(one), clock)
    }
    const record = living.find(({ _id }) => _id === deployment)
    if (deployment !== null && !record) throw new Error(`The contracts of deployment ${deployment} are not there.`)
    const current = record ? { contracts: await contractsOf(record), address: pinned.get(record._id)! } : own
    const removed = new Map<string, Removed>()
    for (const one of living.toReversed()) {
      const gone = one.workers.filter(
        ({ name, pinned }) => pinned && !current.contracts.has(name) && !removed.has(name),
      )
      if (gone.length === 0) continue
      const last = { contracts: await contractsOf(one), address: pinned.get(one._id)! }
      for (const { name } of gone) removed.set(name, last)
    }
    return { ...current, live: deployment ?? undefined, pinned, removed }
  }

  const follow = async (deps: Deps): Promise<void> => {
    const upTo = revision
    const isLive = async () => !follows || ((await deps.store.deployments.live())?.revision ?? 0) === upTo
    for (const step of onSwitch) await step(deps, isLive)
    followed = upTo
    // another one went live meanwhile, and may have defined the same schedules before we did
    if (!(await isLive())) await look()
  }

  const once = (): Promise<void> => (looking ??= look().finally(() => (looking = undefined)))

  const lookAgain: LiveDeployment['lookAgain'] = async (withinMs = againMs) => {
    const { clock, log } = getDeps()
    if (!follows || clock.now().getTime() - lookedAt < withinMs) return
    await once().catch((error: unknown) => log('warn', 'could not look which deployment is live', { error }))
  }

  const contracts: Contracts = {
    get names() {
      const { contracts, removed } = effect
      return removed.size === 0 ? contracts.names : [...contracts.names, ...removed.keys()].toSorted()
    },
    get scheduled() {
      return effect.contracts.scheduled
    },
    has: (worker) => effect.contracts.has(worker) || effect.removed.has(worker),
    loaded: (worker) =>
      effect.contracts.loaded(worker) ??
      effect.removed.get(worker)?.contracts.loaded(worker) ??
      previous?.loaded(worker),
    async get(worker): Promise<Contract> {
      // another coordinator may have switched a moment ago
      if (!contracts.has(worker)) await lookAgain()
      return (effect.removed.get(worker)?.contracts ?? effect.contracts).get(worker)
    },
  }

  return {
    contracts,
    follows,
    schemes,
    get live() {
      return effect.live
    },
    knows: (deployment) => effect.pinned.has(deployment),
    addressOf({ worker, deployment, pinned }) {
      const { live, address, removed } = effect
      const own = pinned && deployment !== live ? effect.pinned.get(deployment!) : undefined
      return (own ?? removed.get(worker)?.address ?? address)(worker)
    },
    async look() {
      // one that is under way may have read before what the caller knows of
      await looking?.catch(() => {})
      await once()
    },
    lookAgain,
    async begin() {
      try {
        await once()
      } catch (error) {
        if (!(error instanceof CannotApply)) throw error
        // it must be there to be switched back. The steps after it wait, or its own contracts would end the schedules
        // of the live one
        return getDeps().log('error', 'a deployment is live that this coordinator cannot load; trying again', { error })
      }
      if (followed === 0 || !follows) await follow(getDeps())
    },
  }
}

/** The database answered, and what is live cannot be loaded here. */
class CannotApply extends Error {
  constructor(deployment: number | null, cause: unknown) {
    super(
      `Deployment ${deployment ?? 'none'} cannot be taken up: ${(messageOfThrown(cause) ?? 'its contracts threw').replace(/\.$/, '')}.`,
      { cause },
    )
  }
}

const scheduledOf = ({ workers }: DeploymentRecord): string[] =>
  workers.filter(({ scheduled }) => scheduled).map(({ name }) => name)

async function textOf(store: Deps['store'], { _id }: DeploymentRecord): Promise<string> {
  const text = await store.deployments.contractsOf(_id)
  if (text === null) throw new Error(`The contracts of deployment ${_id} are not there.`)
  return text
}
