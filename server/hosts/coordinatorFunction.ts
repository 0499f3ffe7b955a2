/**
 * The coordinator as a function: made of its contracts and the environment, opened by its first request, asleep between
 * requests. The hosts beside this file put a platform around it.
 */
import type { TickSummary } from '../../core/views/answers.gen.js'
import { systemClock } from '../../core/time/clock.js'
import { configError, ErrandError } from '../../core/errors.js'
import { readApiKeys } from '../access/setting.js'
import { createCoordinator, type Coordinator } from '../coordinator.js'
import type { FetchOptions } from '../running/requests.js'
import { openUri, type Database } from '../../database/connect.js'
import { hasStoredApiKeys } from '../access/apiKeys.js'
import { createLog, sparing, type Log } from '../log.js'
import {
  readAddress,
  readFunctionsUrl,
  readPrivateFunctions,
  readSigningKeys,
  readTenant,
  valueOf,
  type Env,
} from './settings.js'
import { errorResponse, knownErrorResponse } from '../wireError.js'
import type { Contracts } from '../deps.js'

export interface CoordinatorFunctionOptions {
  contracts: Contracts
  /** The project's name, unless ERRAND_PROJECT says another. Default: not known. */
  project?: string | undefined
  /**
   * The settings: MONGODB_URI, ERRAND_SIGNING_KEYS, ERRAND_API_KEYS, ERRAND_URL, ERRAND_FUNCTIONS_URL. Default: the
   * process's.
   */
  env?: Env
  /** Where others find it, unless ERRAND_URL says so. */
  url?: string | undefined
  /** Where the functions are, unless ERRAND_FUNCTIONS_URL says so, by the coordinator's own address. */
  functionsUrl?: ((url: string) => string) | undefined
  log?: Log
}

export interface CoordinatorFunction {
  fetch(request: Request, options?: FetchOptions): Promise<Response>
  /** Of the platform's own cron, which needs no key. Throws `TICK_FAILED`, and `CONFIG` where a setting cannot work. */
  tick(): Promise<TickSummary>
  /** The same as an answer. */
  answerTick(): Promise<Response>
  /**
   * Claims no more, ends waits, and lets running attempts end for up to `graceMs`; the jobs of those that do not are
   * given back.
   */
  stop(graceMs: number): Promise<void>
  /** Stops at once and closes the connections. */
  close(): Promise<void>
}

interface Opened {
  coordinator: Coordinator
  database: Database
}

/** Connections that were frozen for longer may be dead on the other side. */
const frozenDriver = { maxIdleTimeMS: 30_000 }

export function createCoordinatorFunction(options: CoordinatorFunctionOptions): CoordinatorFunction {
  const { contracts } = options
  // any caller can reach it, and so cause a line each, while a setting or the database is missing
  const log = sparing(options.log ?? functionLog, {
    spares: (level) => level === 'error',
    now: () => systemClock.now(),
  })
  let opening: Promise<Opened> | undefined

  const open = async (): Promise<Opened> => {
    const settings = readFunctionSettings(options)
    const database = await openUri(settings.uri, undefined, frozenDriver).catch((error: unknown) => {
      // its message names hosts
      log('error', 'the database cannot be opened', { error })
      throw new ErrandError('UNAVAILABLE', 'The coordinator cannot reach its database now. Its log tells why.')
    })
    try {
      if (settings.apiKeys.length === 0 && !(await hasStoredApiKeys(database.db, settings.namespace)))
        throw missing('ERRAND_API_KEYS', keysHelp)
      const coordinator = createCoordinator({
        ...settings,
        database,
        contracts,
        keysRequired: true,
        stayOn: false,
        log,
      })
      return { coordinator, database }
    } catch (error) {
      await database.close()
      throw error
    }
  }

  /** One that could not be opened is opened anew by the next request. */
  const ready = (): Promise<Opened> =>
    (opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    }))

  const tick = async () => (await ready()).coordinator.runOnce()

  return {
    async fetch(request, fetchOptions) {
      try {
        const { coordinator } = await ready()
        return await coordinator.fetch(request, fetchOptions)
      } catch (error) {
        return problem(log, error)
      }
    },
    tick,
    async answerTick() {
      try {
        return Response.json(await tick())
      } catch (error) {
        return problem(log, error)
      }
    },
    async stop(graceMs) {
      const opened = await opening?.catch(() => undefined)
      await opened?.coordinator.stop({ graceMs })
    },
    async close() {
      const opened = await opening?.catch(() => undefined)
      await opened?.coordinator.stop({ graceMs: 0 })
      await opened?.database.close()
    },
  }
}

export const functionLog = createLog({ write: (line) => console.log(line), now: () => systemClock.now(), json: true })

/** A problem with a setting is told to every caller: it names the setting, and nothing of its value. */
function problem(log: Log, error: unknown): Response {
  if (error instanceof ErrandError && error.code === 'CONFIG') {
    log('error', error.message)
    return knownErrorResponse(error)
  }
  return errorResponse(log, error)
}

const keysHelp =
  'such as operate:<16 characters or more>,enqueue:<16 or more>: without keys anyone who finds the address could run jobs'

/** Throws `CONFIG` at the first setting that is missing or cannot work. */
export function readFunctionSettings({
  env = process.env,
  url: ownUrl,
  functionsUrl,
  project,
}: CoordinatorFunctionOptions) {
  const uri = valueOf(env, 'MONGODB_URI')
  if (uri === undefined) throw missing('MONGODB_URI', 'the database, such as mongodb+srv://user:password@host/errand')
  const signingKeys = readSigningKeys(env)
  if (!signingKeys) throw missing('ERRAND_SIGNING_KEYS', 'the key that calls of functions are signed with, whsec_…')
  const url = readAddress(env, 'ERRAND_URL', 'https://jobs.example.org') ?? ownUrl
  if (url === undefined) throw missing('ERRAND_URL', "the coordinator's own address as functions see it")
  const functions = readFunctionsUrl(env) ?? functionsUrl?.(url)
  if (functions === undefined) throw missing('ERRAND_FUNCTIONS_URL', 'where the functions are')
  const privateFunctions = readPrivateFunctions(env)
  return {
    uri,
    signingKeys,
    url,
    functionsUrl: functions,
    apiKeys: readApiKeys(env['ERRAND_API_KEYS']),
    ...readTenant(env, project),
    ...(privateFunctions === undefined ? {} : { privateFunctions }),
  }
}

const missing = (name: string, what: string): ErrandError =>
  configError(`${name} is not set. The coordinator as a function needs it: ${what}.`)
