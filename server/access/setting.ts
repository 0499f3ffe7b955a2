/** The setting ERRAND_API_KEYS: keys that need no database. */
import { configError } from '../../core/errors.js'
import { roles, workerPatternProblem, type Role } from '../../core/roles.js'
import type { KeyLimits } from '../deps.js'

/** A key, or its SHA-256 in 64 hex digits. */
export type ApiKey = KeyLimits & ({ key: string } | { hash: string })

/**
 * Reads `role:key` pairs, comma separated: `operate:<key>`, `operate:sha256:<hash of a key>`,
 * `enqueue(mail.send|shop.*):<key>`, `observe+args:<key>`. Throws `CONFIG`; what was written is never in a message,
 * because a key may stand in the wrong place.
 */
export function readApiKeys(setting: string | undefined): ApiKey[] {
  if (!setting?.trim()) return []
  return setting.split(',').map((entry, index) => {
    const key = readEntry(entry.trim())
    if (typeof key === 'string') throw configError(`Entry ${index + 1} of ERRAND_API_KEYS ${key}`)
    return key
  })
}

const hashPrefix = 'sha256:'

/** The key, or what is wrong with it. */
function readEntry(entry: string): ApiKey | string {
  const [, role = '', args, patterns, secret = ''] = /^(\w+)(\+args)?(?:\(([^():]*)\))?\s*:\s*(.+)$/.exec(entry) ?? []
  if (!isRole(role) || secret.length < 16) {
    return `is not \`role:key\`, with a role of ${roles.join(', ')} and a key of at least 16 characters.`
  }
  if (args !== undefined && role !== 'observe') {
    return 'has +args, which is for observe only: operate sees args always, and enqueue never.'
  }
  const workers = patterns?.split('|').map((pattern) => pattern.trim())
  if (workers !== undefined && (role !== 'enqueue' || workers.some(workerPatternProblem))) {
    return 'names workers that cannot be read. Only enqueue takes them, by name or as folder.*: enqueue(mail.send|shop.*):key.'
  }
  const limits: KeyLimits = {
    role,
    ...(workers === undefined ? {} : { workers }),
    ...(args === undefined ? {} : { args: true }),
  }
  if (!secret.startsWith(hashPrefix)) return { ...limits, key: secret }
  const hash = secret.slice(hashPrefix.length).toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hash)) return { ...limits, hash }
  return 'begins with sha256: and goes on with something else than 64 hex digits. This makes them: printf %s "$KEY" | sha256sum'
}

const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text)
