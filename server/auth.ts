/** Who calls, and what their role may do. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { ErrandError } from '../core/errors.js'
import { localName, type Role } from '../core/roles.js'
import type { ApiKey } from './apiKeys.js'
import { isLoopback } from './listen.js'

/** A caller in one role. */
export interface Actor {
  /** What the audit calls them: the key's name, `setting:operate#2` for the second entry of ERRAND_API_KEYS, or `local` without keys. */
  readonly name: string
  readonly role: Role
}

/** All that is known of a caller; a route that asks for a role decides. Several actors where one key has several entries. */
export type Identity = { readonly actors: readonly Actor[] }

export interface Caller {
  authorization: string | undefined
  host: string | undefined
}

export interface Guard {
  /** Throws `FORBIDDEN` where no key is required and the caller took this machine for another one. */
  identify(caller: Caller): Promise<Identity>
  /** The caller in a role that may do it. Throws `UNAUTHORIZED` without a known key, `FORBIDDEN` with one whose role may not. */
  require(identity: Identity, allowed: readonly Role[]): Actor
}

/** The part of an actor that is written down. */
export const actorOf = ({ actor }: { actor: Actor }): Pick<Actor, 'name' | 'role'> => ({
  name: actor.name,
  role: actor.role,
})

const local: Actor = { name: localName, role: 'operate' }

/** Without keys everything is open; `listen` refuses to leave loopback then. */
export function createGuard(keys: readonly ApiKey[]): Guard {
  const known = keys.map(({ role, key }, index) => ({
    actor: { name: `setting:${role}#${index + 1}`, role } satisfies Actor,
    digest: digest(key),
  }))
  return {
    async identify({ authorization, host }) {
      if (known.length === 0) {
        refuseForeignHost(host)
        return { actors: [local] }
      }
      const given = digest(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '')
      // digests have one length, so the comparison takes the same time whatever was given
      return { actors: known.filter(({ digest }) => timingSafeEqual(digest, given)).map(({ actor }) => actor) }
    },
    require: requireRole,
  }
}

function requireRole({ actors }: Identity, allowed: readonly Role[]): Actor {
  if (actors.length === 0) {
    throw new ErrandError('UNAUTHORIZED', 'A known API key is missing. Send it as `Authorization: Bearer <key>`.')
  }
  const actor = actors.find(({ role }) => role === 'operate' || allowed.includes(role))
  if (actor) return actor
  throw new ErrandError(
    'FORBIDDEN',
    `The role of this API key may not do that. It takes ${[...allowed.filter((role) => role !== 'operate'), 'operate'].join(' or ')}.`,
  )
}

/**
 * Without API keys only this machine may call. A web page can make a browser here believe that its own host name is this machine (DNS rebinding);
 * the request then carries that name.
 */
function refuseForeignHost(host: string | undefined): void {
  if (host === undefined || isLoopback(hostName(host))) return
  throw new ErrandError(
    'FORBIDDEN',
    'Without API keys the coordinator answers to a loopback address only. Call it as 127.0.0.1 or localhost, or set ERRAND_API_KEYS.',
  )
}

/** `[::1]:4100` and `localhost:4100`, less port and brackets. */
const hostName = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
