/** A coordinator with its database on a port, as `errand start` and `errand dev` run it. */
import { configError } from '../core/errors.js'
import type { Contracts, Coordinator, Log } from '../server/index.js'
import type { Output } from './output.js'
import type { Opened } from './serve.js'
import { addressOf, type Settings } from './settings.js'
import { aborted } from './signals.js'
import { within } from './within.js'
import type { Invoke } from '../server/deps.js'
import type { Tenant } from '../server/store/tenant.js'

export interface CoordinatorServiceOptions {
  settings: Settings
  tenant: Tenant
  contracts: Contracts
  functionsUrl: string
  /** Default: true. */
  followDeployments?: boolean
  /** How functions are called. Default: over HTTP. */
  invoke?: Invoke | undefined
  log: Log
  out: Output
}

export interface CoordinatorService {
  coordinator: Coordinator
  /** Where people and functions find it. */
  url: string
}

/** How long running attempts have after the first signal. */
const graceMs = 30_000
/** Without running attempts it is shorter, and needs no word. */
const patienceMs = 300
/** Answers that clients leave unread must not hold up the end. */
const closeLimitMs = 2_000

/** Throws `CONFIG` where a setting cannot work. Everything opened so far is in `opened` in any case. */
export async function openCoordinator(opened: Opened, options: CoordinatorServiceOptions): Promise<CoordinatorService> {
  const { settings, tenant, contracts, functionsUrl, followDeployments = true, invoke, log, out } = options
  const { createCoordinator, hasStoredApiKeys, isLoopback, listen } = await import('../server/index.js')
  const { signingKeys, apiKeys } = settings
  const keysRequired = !isLoopback(settings.host)

  const database = await openDatabase(opened, options)
  if (keysRequired && apiKeys.length === 0 && !(await hasStoredApiKeys(database.db, tenant.namespace)))
    throw openToOthers(settings.host)
  let running: Coordinator | undefined
  // the port first: with ERRAND_PORT=0 only it knows the address that functions are told
  const listening = await listen({
    fetch: (request) => running?.fetch(request) ?? starting(),
    host: settings.host,
    port: settings.port,
    setting: 'ERRAND_PORT',
  })
  opened.add(async () => void (await within(closeLimitMs, listening.close())))
  const url = settings.url ?? addressOf(settings.host, Number(new URL(listening.url).port))

  const coordinator = createCoordinator({
    database,
    ...tenant,
    contracts,
    url,
    functionsUrl,
    followDeployments,
    signingKeys,
    apiKeys,
    keysRequired,
    log,
    ...(invoke === undefined ? {} : { invoke }),
    ...(settings.privateFunctions === undefined ? {} : { privateFunctions: settings.privateFunctions }),
  })
  running = coordinator
  opened.add((force) => stop(coordinator, force, out))
  await coordinator.start()
  return { coordinator, url }
}

const openToOthers = (host: string): Error =>
  configError(
    `ERRAND_HOST is ${host}, which other machines can reach, and without API keys anyone there could run jobs. ` +
      'Set ERRAND_API_KEYS, such as enqueue:<16 characters or more>,operate:<16 or more>, unset ERRAND_HOST, or make a first key there: errand keys create --role operate --name <name>.',
  )

async function openDatabase(opened: Opened, { settings, out, log }: CoordinatorServiceOptions) {
  const { uri, dataDir } = settings.database
  const { openDatabase } = await import('../server/index.js')
  const doing = uri === undefined ? 'Starting the embedded database' : 'Connecting to the database'
  const database = await out.during(doing, (progress) => {
    const onProgress = (line: string) => (out.json ? log('info', line) : progress.update(line))
    return openDatabase({
      dataDir,
      onProgress,
      tell: (line) => log('warn', line),
      ...(uri === undefined ? {} : { uri }),
    })
  })
  opened.add(() => database.close())
  void database.lost.then((error) => opened.fail(error))
  return database
}

const starting = (): Response =>
  Response.json({ error: { code: 'UNAVAILABLE', message: 'The coordinator is starting.' } }, { status: 503 })

async function stop(coordinator: Coordinator, force: AbortSignal, out: Output): Promise<void> {
  const telling = setTimeout(() => {
    if (!out.json) out.note(`Waiting up to ${graceMs / 1_000}s for running attempts. Once more breaks them off.`)
  }, patienceMs)
  void aborted(force).then(() => coordinator.stop({ graceMs: 0 }))
  await coordinator.stop({ graceMs })
  clearTimeout(telling)
}
