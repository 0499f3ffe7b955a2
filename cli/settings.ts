/**
 * The settings, read from the environment: `MONGODB_URI` and `ERRAND_…`. Each message names the setting, what is wrong
 * and what to do; none repeats a key or an address that may hold a password. A `.env` file is not read: `node
 * --env-file` and every platform do that.
 */
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { configError } from '../core/errors.js'
import { nearestName } from '../core/nearest.js'
import type { Role } from '../core/roles.js'
import { readApiKeys, type ApiKey } from '../server/access/setting.js'
import type { PrivateFunctions } from '../server/functions/addressGuard.js'
import {
  readAddress,
  readFunctionsUrl,
  readPrivateFunctions,
  readSigningKeys,
  valueOf,
  type Env,
} from '../server/hosts/settings.js'
import type { Project } from './project.js'
import { localSigningKey } from './signingKey.js'

/** The settings of a coordinator and its functions. */
export interface Settings {
  database: {
    /** `MONGODB_URI`. Without it an embedded engine serves `dataDir`. */
    uri: string | undefined
    /** `ERRAND_DATA`. Absolute. */
    dataDir: string
  }
  /** `ERRAND_HOST`. Default `127.0.0.1`. */
  host: string
  /** `ERRAND_PORT`. Default 4100; 0 takes a free one. */
  port: number
  /** `ERRAND_URL`: the coordinator's address as functions see it. Default: where it listens. */
  url: string | undefined
  /** `ERRAND_FUNCTIONS_URL`. Default: the local function host. */
  functionsUrl: string | undefined
  /** `ERRAND_PRIVATE_FUNCTIONS`. Default: by what the address of the functions says itself. */
  privateFunctions: PrivateFunctions | undefined
  /** `ERRAND_FUNCTIONS_PORT`. Default 4101; 0 takes a free one. */
  functionsPort: number
  /** `ERRAND_SIGNING_KEYS`. Default: a key of the project's own. */
  signingKeys: readonly string[]
  /** `ERRAND_API_KEYS`. Default: none, and everything is open. */
  apiKeys: readonly ApiKey[]
}

/** Throws `CONFIG` at the first setting that cannot work. Makes the project's signing key where none is given. */
export async function readSettings(env: Env, project: Project): Promise<Settings> {
  const settings = {
    database: {
      uri: valueOf(env, 'MONGODB_URI'),
      dataDir: resolve(project.root, valueOf(env, 'ERRAND_DATA') ?? '.errand/data'),
    },
    host: readHost(env),
    port: readPort(env, 'ERRAND_PORT', defaultPort),
    url: readAddress(env, 'ERRAND_URL', 'https://jobs.example.org'),
    functionsUrl: readFunctionsUrl(env),
    privateFunctions: readPrivateFunctions(env),
    functionsPort: readPort(env, 'ERRAND_FUNCTIONS_PORT', defaultFunctionsPort),
    apiKeys: readApiKeys(env['ERRAND_API_KEYS']),
  }
  return { ...settings, signingKeys: await currentSigningKeys(env, project) }
}

/** Those of the setting; else the project's own, which is made where there is none yet. */
export const currentSigningKeys = async (env: Env, project: Project): Promise<readonly string[]> =>
  readSigningKeys(env) ?? [await localSigningKey(project.dir)]

/** Where a caller finds the coordinator, and the key it shows there. */
export interface CallerSettings {
  url: string
  apiKey: string | undefined
}

/**
 * `given` is `--url`. Of `ERRAND_API_KEYS` the first key that may act as one of `roles` is taken where there is no
 * `ERRAND_API_KEY`.
 */
export function readCallerSettings(env: Env, roles: readonly Role[], given?: string): CallerSettings {
  return {
    url: given ?? readAddress(env, 'ERRAND_URL', 'https://jobs.example.org') ?? localUrl(env),
    apiKey: readApiKey(env) ?? suitableKey(readApiKeys(env['ERRAND_API_KEYS']), roles),
  }
}

const defaultPort = 4100
const defaultFunctionsPort = 4101

function readPort(env: Env, name: string, fallback: number): number {
  const text = valueOf(env, name)
  if (text === undefined) return fallback
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw configError(
    `${name} is "${text}", which is no port. Set it to a whole number from 1 to 65535 (0 takes a free one), or unset it for ${fallback}.`,
  )
}

function readHost(env: Env): string {
  const host = valueOf(env, 'ERRAND_HOST') ?? '127.0.0.1'
  if (isIP(host) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host)) return host
  throw configError(
    'ERRAND_HOST is no address to listen on. Set it to one without scheme and port, such as 127.0.0.1, 0.0.0.0 or ::1.',
  )
}

function readApiKey(env: Env): string | undefined {
  const key = valueOf(env, 'ERRAND_API_KEY')
  if (key === undefined) return undefined
  if (/^(enqueue|observe|deploy|operate)(\+args)?(\([^()]*\))?:/.test(key)) {
    throw configError('ERRAND_API_KEY takes the key alone. Leave out its role and the colon.')
  }
  if (/^[\u0021-\u007e]+$/.test(key)) return key
  throw configError(
    'ERRAND_API_KEY holds a space, a line break or a letter that no HTTP header can carry. Set it to the key alone.',
  )
}

/**
 * The least powerful one that will do, and rather one for all workers. A key that is given by its hash is not known
 * here.
 */
function suitableKey(keys: readonly ApiKey[], roles: readonly Role[]): string | undefined {
  const known = keys.filter((each) => 'key' in each)
  const suitable = known.filter(({ role }) => role !== 'operate' && roles.includes(role))
  const found =
    suitable.find(({ workers }) => workers === undefined) ?? known.find(({ role }) => role === 'operate') ?? suitable[0]
  return found?.key
}

function localUrl(env: Env): string {
  const port = readPort(env, 'ERRAND_PORT', defaultPort)
  if (port === 0) throw configError('ERRAND_PORT is 0, so the address is not known. Give --url, or set ERRAND_URL.')
  return addressOf(readHost(env), port)
}

/** The address of a local server. Who listens everywhere is found on loopback too. */
export function addressOf(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`
  if (host === '::') return `http://[::1]:${port}`
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** The purpose of each setting, as `--help` tells it. */
export const settingsHelp = {
  MONGODB_URI: 'the database (default: an embedded one in ERRAND_DATA)',
  ERRAND_DATA: 'folder of the embedded database (default: .errand/data)',
  ERRAND_NAMESPACE: 'a part of the names of the collections, for several in one database (default: none)',
  ERRAND_PROJECT: "whose jobs they are (default: package.json's name)",
  ERRAND_PORT: 'where the coordinator listens (default: 4100)',
  ERRAND_HOST: 'the address to listen on (default: 127.0.0.1)',
  ERRAND_URL: "the coordinator's address as others see it (default: from host and port)",
  ERRAND_FUNCTIONS_URL:
    'where the functions are; with {worker} in it, or worker=address pairs; https: or lambda: (default: local)',
  ERRAND_PRIVATE_FUNCTIONS:
    'allow or refuse functions at addresses that are not public (default: by ERRAND_FUNCTIONS_URL)',
  ERRAND_FUNCTIONS_PORT: 'where errand functions listens (default: 4101)',
  ERRAND_SIGNING_KEYS: 'whsec_… keys, comma separated; the first signs, all verify (default: made once)',
  ERRAND_API_KEYS:
    'role:key pairs, comma separated; roles enqueue, observe, deploy, operate (default: open on loopback)',
  ERRAND_API_KEY: 'the key to show (default: a suitable one of ERRAND_API_KEYS)',
  ERRAND_DEBUG: '1 shows stacks and debug lines',
} as const

export type Setting = keyof typeof settingsHelp

const prefix = 'ERRAND_'
const known = Object.keys(settingsHelp).filter((name) => name.startsWith(prefix))

/**
 * A sentence for each variable that looks like a misspelt setting. Others that begin with `ERRAND_` may belong to jobs.
 */
export function misspeltSettings(env: Env): string[] {
  // without their prefix, which would make all of them look alike
  const names = known.map((name) => name.slice(prefix.length))
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .flatMap((name) => {
      const nearest = nearestName(name.slice(prefix.length), names)
      return nearest === undefined ? [] : [`${name} is no setting. Did you mean ${prefix}${nearest}?`]
    })
}
