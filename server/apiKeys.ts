/** The setting ERRAND_API_KEYS. */
import { configError } from '../core/errors.js'
import { roles, type Role } from '../core/roles.js'

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
