/** API keys and what their roles may do. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { configError, ErrandError } from '../core/errors.js'

/**
 * - `enqueue`: enqueue jobs, and wait for the receipts of jobs whose id one holds.
 * - `observe`: look at jobs and schedules.
 * - `operate`: everything.
 */
export const roles = ['enqueue', 'observe', 'operate'] as const
export type Role = (typeof roles)[number]

export interface ApiKey {
  role: Role
  key: string
}

/** Reads `role:key` pairs, comma separated. Throws `CONFIG`; the keys themselves are never in a message. */
export function readApiKeys(setting: string | undefined): ApiKey[] {
  if (!setting?.trim()) return []
  return setting.split(',').map((pair, index) => {
    const at = pair.indexOf(':')
    const role = pair.slice(0, at).trim()
    const key = pair.slice(at + 1).trim()
    if (at < 0 || !isRole(role) || key.length < 16) {
      throw configError(
        `Entry ${index + 1} of ERRAND_API_KEYS is not \`role:key\`, with a role of ${roles.join(', ')} and a key of at least 16 characters.`,
      )
    }
    return { role, key }
  })
}

const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text)

export interface Guard {
  readonly hasKeys: boolean
  /** Throws `UNAUTHORIZED` without a known key, `FORBIDDEN` with one whose role may not. */
  require(authorization: string | undefined, allowed: readonly Role[]): void
}

/** Without keys everything is open; `listen` refuses to leave loopback then. */
export function createGuard(keys: readonly ApiKey[]): Guard {
  const known = keys.map(({ role, key }) => ({ role, digest: digest(key) }))
  return {
    hasKeys: known.length > 0,
    require(authorization, allowed) {
      if (known.length === 0) return
      const given = digest(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '')
      // digests have one length, so the comparison takes the same time whatever was given
      const matching = known.filter(({ digest }) => timingSafeEqual(digest, given))
      if (matching.length === 0) {
        throw new ErrandError('UNAUTHORIZED', 'A known API key is missing. Send it as `Authorization: Bearer <key>`.')
      }
      if (!matching.some(({ role }) => role === 'operate' || allowed.includes(role))) {
        throw new ErrandError(
          'FORBIDDEN',
          `The role of this API key may not do that. It takes ${[...allowed.filter((role) => role !== 'operate'), 'operate'].join(' or ')}.`,
        )
      }
    },
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
