/**
 * The settings that every coordinator reads from its environment, on any host. Each message names the setting and
 * repeats no key and no address that may hold a password.
 */
import { configError } from '../../core/errors.js'
import { isHttpUrl } from '../../core/functions/httpUrl.js'
import { keyBytes } from '../../core/functions/signature.js'
import type { PrivateFunctions } from '../functions/addressGuard.js'
import { checkNamespace, type Tenant } from '../store/tenant.js'
import { readFunctionAddresses } from '../functions/functionAddresses.js'

export type Env = Readonly<Record<string, string | undefined>>

/** An empty text is as good as none: that is how shells and compose files unset a variable. */
export const valueOf = (env: Env, name: string): string | undefined => env[name]?.trim() || undefined

export function readAddress(env: Env, name: string, example: string): string | undefined {
  const text = valueOf(env, name)
  if (text === undefined) return undefined
  if (isHttpUrl(text)) return text.replace(/\/+$/, '')
  throw configError(
    `${name} is no address that can be called. Set it to one with http:// or https://, without user name and query, such as ${example}.`,
  )
}

/** As it is: the coordinator reads it again. */
export function readFunctionsUrl(env: Env): string | undefined {
  const text = valueOf(env, 'ERRAND_FUNCTIONS_URL')
  if (text !== undefined) readFunctionAddresses(text)
  return text?.replace(/\/+$/, '')
}

export function readSigningKeys(env: Env): string[] | undefined {
  const text = valueOf(env, 'ERRAND_SIGNING_KEYS')
  return text?.split(',').map((entry, index) => {
    const key = entry.trim()
    try {
      keyBytes(key)
      return key
    } catch {
      throw configError(
        `Entry ${index + 1} of ERRAND_SIGNING_KEYS is no signing key. Each is whsec_ and the base64 of 24 to 64 bytes; \`openssl rand -base64 32\` makes the latter.`,
      )
    }
  })
}

export function readPrivateFunctions(env: Env): PrivateFunctions | undefined {
  const text = valueOf(env, 'ERRAND_PRIVATE_FUNCTIONS')
  if (text === undefined || text === 'allow' || text === 'refuse') return text
  throw configError('ERRAND_PRIVATE_FUNCTIONS is allow or refuse. Unset it to decide by ERRAND_FUNCTIONS_URL.')
}

/** Whether the platform says that this is a preview: Vercel, and Render's for pull requests. */
const isPreview = (env: Env): boolean =>
  valueOf(env, 'VERCEL_ENV') === 'preview' ||
  (valueOf(env, 'RENDER') === 'true' && valueOf(env, 'IS_PULL_REQUEST') === 'true')

/** Whose the collections in the database are. `project` is the name that codegen has found. */
export function readTenant(env: Env, project: string | undefined): Tenant {
  const namespace = valueOf(env, 'ERRAND_NAMESPACE')
  return {
    project: valueOf(env, 'ERRAND_PROJECT') ?? project,
    namespace: namespace === undefined ? undefined : checkNamespace(namespace),
    preview: isPreview(env),
  }
}
