/**
 * Identifies the caller, and says what its role may do. Keys come from the setting ERRAND_API_KEYS and from the
 * database (server/access/apiKeys). Where there is none at all, everything is open to this machine.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { ErrandError } from '../../core/errors.js'
import { localName, matchesWorker, type Role } from '../../core/roles.js'
import type { ApiKey } from './setting.js'
import type { Viewer } from './disclosure.js'
import { isLoopback } from './loopback.js'
import type { KeyLimits, KeyRing } from '../deps.js'

/** A caller in one role. */
export interface Actor extends Viewer {
  /**
   * The actor's name in the audit: the key's, `setting:operate#2` for the second entry of ERRAND_API_KEYS, or `local`
   * without keys.
   */
  readonly name: string
  readonly role: Role
  /** The workers it may enqueue; undefined for all. */
  readonly workers: readonly string[] | undefined
}

/**
 * All that is known of a caller; a route that asks for a role decides. Several actors where one key has several
 * entries.
 */
export type Identity = { readonly actors: readonly Actor[] }

/** A caller that asks for jobs. */
export type Asker = Pick<Actor, 'workers'>

/** A caller that asks what became of jobs. A key for some workers is good for their jobs alone. */
export type Follower = Pick<Actor, 'name' | 'role' | 'workers' | 'seesArgs' | 'seesResults'>

/** Throws `FORBIDDEN` where the caller's key does not take the worker, whether there is one of this name or not. */
export function checkWorker({ workers }: Asker, worker: string): void {
  if (matchesWorker(workers, worker)) return
  throw new ErrandError(
    'FORBIDDEN',
    `This API key may not enqueue "${worker.slice(0, 200)}". It takes ${workers!.join(', ')}.`,
    { details: { worker: worker.slice(0, 200) } },
  )
}

interface Caller {
  authorization: string | undefined
  host: string | undefined
}

export interface Guard {
  /** Those whose keys are in the setting, in its order. */
  readonly fromSetting: readonly Actor[]
  /** Throws `FORBIDDEN` where no key is required and the caller took this machine for another one. */
  identify(caller: Caller): Promise<Identity>
  /**
   * The caller in a role that may do it. Throws `UNAUTHORIZED` without a known key, `FORBIDDEN` with one whose role may
   * not.
   */
  require(identity: Identity, allowed: readonly Role[]): Actor
}

/** The part of an actor that is written down. */
export const actorOf = ({ actor }: { actor: Actor }): Pick<Actor, 'name' | 'role'> => ({
  name: actor.name,
  role: actor.role,
})

export interface GuardOptions {
  apiKeys: readonly ApiKey[]
  /** The keys in the database. */
  ring: KeyRing
  /** Without any key, refuse all callers, instead of letting in those on this machine. */
  keysRequired: boolean
}

export function createGuard({ apiKeys, ring, keysRequired }: GuardOptions): Guard {
  const known = apiKeys.map((key, index) => ({
    actor: actorFor(`setting:${key.role}#${index + 1}`, key),
    digest: 'hash' in key ? Buffer.from(key.hash, 'hex') : digest(key.key),
  }))
  return {
    fromSetting: known.map(({ actor }) => actor),
    async identify({ authorization, host }) {
      const given = digest(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '')
      const actors = matching(known, given).map(({ actor }) => actor)
      // a caller that shows a key of the setting, or none where there are some, needs no read of the database
      if (actors.length > 0 || (known.length > 0 && authorization === undefined)) return { actors }
      const stored = await ring.keys()
      if (known.length + stored.length === 0 && !keysRequired) {
        refuseForeignHost(host)
        return { actors: [actorFor(localName, { role: 'operate' })] }
      }
      const found = matching(stored, given)
      for (const { name } of found) ring.used(name)
      return { actors: found.map(({ name, ...limits }) => actorFor(name, limits)) }
    },
    require: requireRole,
  }
}

const actorFor = (name: string, { role, workers, args }: KeyLimits): Actor => ({
  name,
  role,
  workers,
  seesArgs: role === 'operate' || args === true,
  seesResults: role === 'operate' || role === 'enqueue' || args === true,
})

/** Looks at every one of them. Digests have one length, so the comparison takes the same time for any input. */
const matching = <Known extends { digest: Buffer }>(known: readonly Known[], given: Buffer): Known[] =>
  known.filter(({ digest }) => timingSafeEqual(digest, given))

/** The caller in a role that may do it, where there is one. */
export const actorIn = ({ actors }: Identity, allowed: readonly Role[]): Actor | undefined =>
  actors.find(({ role }) => role === 'operate' || allowed.includes(role))

function requireRole(identity: Identity, allowed: readonly Role[]): Actor {
  if (identity.actors.length === 0) {
    throw new ErrandError('UNAUTHORIZED', 'A known API key is missing. Send it as `Authorization: Bearer <key>`.')
  }
  const actor = actorIn(identity, allowed)
  if (actor) return actor
  throw new ErrandError(
    'FORBIDDEN',
    `The role of this API key may not do that. It takes ${[...allowed.filter((role) => role !== 'operate'), 'operate'].join(' or ')}.`,
  )
}

/**
 * Without API keys only this machine may call. A web page can make a browser here believe that its own host name is
 * this machine (DNS rebinding); the request then carries that name.
 */
function refuseForeignHost(host: string | undefined): void {
  if (host === undefined || isLoopback(hostName(host))) return
  throw new ErrandError(
    'FORBIDDEN',
    'Without API keys the coordinator answers to a loopback address only. Call it as 127.0.0.1 or localhost, or set ERRAND_API_KEYS.',
  )
}

/** `[::1]:4100` and `localhost:4100`, without port and brackets. */
const hostName = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

/** The form in which a key is kept. A key has 256 random bits, so nothing slower is needed than for a password. */
export const digest = (key: string): Buffer => createHash('sha256').update(key).digest()
