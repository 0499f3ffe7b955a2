/**
 * Connects to the database: at `MONGODB_URI`, or an engine of our own in `ERRAND_DATA`.
 *
 * Every problem with it is found here, at start, and told in one message that names the cause and the setting. A URI
 * holds a password, so no message repeats any part of it except the hosts, as the driver read them.
 */
import {
  MongoClient,
  MongoServerError,
  MongoServerSelectionError,
  type Db,
  type MongoClientOptions,
  type WriteConcernSettings,
} from 'mongodb'
import { systemClock } from '../core/time/clock.js'
import { configError, type ErrandError } from '../core/errors.js'
import { startEngine, type Engine } from './embedded/start.js'
import { operationLimitMs, type RenewableDatabase } from './renewable.js'

export interface DatabaseOptions {
  /** `MONGODB_URI`. Without it an embedded engine serves `dataDir`. */
  uri?: string
  /** `ERRAND_DATA`: the folder of the embedded engine. */
  dataDir: string
  /** The database's name. Default: the path of `uri`, else `errand`. */
  name?: string
  /** Told what takes time, one line at a time; each line replaces the one before it. */
  onProgress?: (line: string) => void
  /** Told what an operator should know, such as that others could read the folder. */
  tell?: (line: string) => void
}

export interface Database extends RenewableDatabase {
  /** For other processes of this user; holds the password if there is one, so never print it. */
  readonly uri: string
  /** Settles only when an engine of our own ended although no caller closed it, with the reason. */
  readonly lost: Promise<ErrandError>
  /** Closes the connections, then the engine if it is ours. May be called again. */
  close(): Promise<void>
}

/** Throws a `CONFIG` error that names the cause and the setting. */
export const openDatabase = async (options: DatabaseOptions): Promise<Database> => {
  const { uri } = options
  return uri === undefined || uri === '' ? await openEngine(options) : await openUri(uri, options.name)
}

/** The same without an engine of our own, for hosts that have none. `driver` are options that the URI may change. */
export const openUri = (uri: string, name?: string, driver: MongoClientOptions = {}): Promise<Database> =>
  openWith({ uri, name, driver })

const openEngine = async (options: DatabaseOptions): Promise<Database> => {
  const engine = await startEngine(options)
  try {
    return await openWith({ uri: engine.uri, name: options.name, driver: {} }, engine)
  } catch (error) {
    await engine.stop()
    throw error
  }
}

interface Where {
  uri: string
  name: string | undefined
  driver: MongoClientOptions
}

const openWith = async (where: Where, engine?: Engine): Promise<Database> => {
  const { uri } = where
  const dbOf = (client: MongoClient) => client.db(where.name ?? nameIn(uri))
  let client = await connect(where)
  let db = dbOf(client)
  let closing: Promise<void> | undefined
  let renewing: Promise<void> | undefined

  const close = async (): Promise<void> => {
    await client.close()
    await renewing?.catch(() => {})
    await engine?.stop()
  }
  const renew = async (): Promise<void> => {
    const next = await connect(where)
    if (closing) return next.close()
    const last = client
    client = next
    db = dbOf(client)
    // one that is stuck may take its time, and nothing waits for it
    last.close().catch(() => {})
  }
  return {
    get db() {
      return db
    },
    renew: () => (renewing ??= renew().finally(() => (renewing = undefined))),
    uri,
    lost: engine?.lost ?? new Promise(() => {}),
    close: () => (closing ??= close()),
  }
}

/** The driver's own default is `test`, and it does not tell a default from a choice. */
const nameIn = (uri: string): string => {
  const path = /^[^:]+:\/\/[^/?]+\/([^?]+)/.exec(uri)?.[1]
  return path === undefined ? 'errand' : decodeURIComponent(path)
}

/**
 * Errand's promises rest on this: nothing is acknowledged before it is in the journal, and on a replica set in that of
 * a majority. A URI cannot weaken it.
 *
 * A server that stands alone is its own majority, so there `w: 1` says the same. It has to be said like that: with
 * `majority` the embedded engine 0.1.1 acknowledges writes, `j` or not, that are not in its journal yet. Killed after
 * 150 writes it had lost acknowledged ones in 47 of 72 runs (every kind of write that Errand makes), and with `w: 1`
 * and `j` in none of 144.
 */
const promised = {
  alone: { w: 1, journal: true },
  replicated: { w: 'majority', journal: true },
} satisfies Record<string, WriteConcernSettings>

/**
 * The URI may change these. An election takes up to 12 seconds as a rule: operations under way wait that long for a
 * server, and longer. A server that is silent is found out within ten seconds, by a heartbeat each five and five for
 * its answer (the driver's own defaults add up to forty).
 */
const defaults: MongoClientOptions = {
  maxPoolSize: 16,
  serverSelectionTimeoutMS: 30_000,
  connectTimeoutMS: 5_000,
  heartbeatFrequencyMS: 5_000,
  socketTimeoutMS: operationLimitMs,
  waitQueueTimeoutMS: operationLimitMs,
  appName: 'errand',
}

/**
 * A client that begins waits no longer for a server, unless the URI says so: at a start a wrong address is likelier
 * than an election.
 */
const firstSelectionMs = 5_000

/**
 * A client is made for one write concern, and what the server is shows only on a connection: so one may be made anew.
 */
const connect = async ({ uri, name, driver }: Where): Promise<MongoClient> => {
  const client = await connectWith(uri, { ...driver, writeConcern: promised.replicated }, name)
  if (!(await standsAlone(client))) return client
  await client.close()
  return await connectWith(uri, { ...driver, writeConcern: promised.alone }, name)
}

const connectWith = async (uri: string, options: PromisedOptions, name?: string): Promise<MongoClient> => {
  const client = makeClient(uri, options)
  try {
    await connectSoon(client, chosenIn(uri).has('serverselectiontimeoutms'))
    await checkAccess(client.db(name ?? nameIn(uri)))
    return client
  } catch (error) {
    await client.close()
    throw explain(error, client, uri)
  }
}

/**
 * The driver has one limit, for the first server and for all later ones. Throws what was wrong with the last heartbeat.
 */
const connectSoon = async (client: MongoClient, isPatient: boolean): Promise<void> => {
  if (isPatient) return void (await client.connect())
  let wrong = new Error('no answer')
  client.on('serverHeartbeatFailed', ({ failure }) => (wrong = failure))
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = systemClock.alarm(firstSelectionMs, () => reject(wrong))
  })
  try {
    await Promise.race([client.connect(), late])
  } finally {
    cancel()
    client.removeAllListeners('serverHeartbeatFailed')
  }
}

/** Neither a member of a replica set nor a router before several of them. */
const standsAlone = async (client: MongoClient): Promise<boolean> => {
  const hello = await client.db('admin').command({ hello: 1 })
  return hello.setName === undefined && hello.msg !== 'isdbgrid'
}

interface PromisedOptions extends MongoClientOptions {
  writeConcern: WriteConcernSettings
}

const makeClient = (uri: string, { writeConcern, ...driver }: PromisedOptions): MongoClient => {
  try {
    const chosen = chosenIn(uri)
    const unchosen = Object.entries({ ...defaults, ...driver }).filter(([key]) => !chosen.has(key.toLowerCase()))
    const options = { ...Object.fromEntries(unchosen), ignoreUndefined: true, writeConcern }
    return new MongoClient(withoutWriteConcern(uri), options)
  } catch (error) {
    throw configError(
      `MONGODB_URI cannot be read${safeReason(error, uri)}. ` +
        'It has the form mongodb://user:password@host:27017/errand or mongodb+srv://user:password@host/errand; ' +
        'in the user name and the password, characters such as @ : / % are written percent-encoded.',
      safeCause(error, uri),
    )
  }
}

const chosenIn = (uri: string): Set<string | undefined> =>
  new Set([...uri.matchAll(/[?&]([^=&]+)=/g)].map(([, key]) => key?.toLowerCase()))

/** The driver lets some of these words win over the options in code. */
const withoutWriteConcern = (uri: string): string => {
  const [, start = uri, query] = /^(.*?)\?(.*)$/.exec(uri) ?? []
  if (query === undefined) return uri
  const kept = query.split('&').filter((option) => !/^(w|j|journal|fsync)=/i.test(option))
  return `${start}?${kept.join('&')}`
}

/** A ping is answered to any client; a list of collections only to those who may read here. */
const checkAccess = async (db: Db): Promise<void> => {
  await db.command({ ping: 1 })
  await db.listCollections({}, { nameOnly: true }).toArray()
}

const explain = (error: unknown, client: MongoClient, uri: string): ErrandError => {
  const where = hostsOf(client)
  const cause = safeCause(error, uri)
  if (isRefusal(error)) {
    return configError(
      `MongoDB at ${where} refused the user in MONGODB_URI (${error.codeName ?? error.code}). ` +
        'Check its user name and password, that it may read and write this database, and, ' +
        'if the user was made in another database, add ?authSource=admin.',
      cause,
    )
  }
  return configError(
    `MongoDB at ${where} cannot be reached${safeReason(deepest(error), uri)}. Check that it runs and that MONGODB_URI ` +
      'names it, or unset MONGODB_URI to use the embedded database.',
    cause,
  )
}

/** Unauthorized, AuthenticationFailed, and Atlas's own code for both. */
const isRefusal = (error: unknown): error is MongoServerError =>
  error instanceof MongoServerError && [13, 18, 8000].includes(Number(error.code))

const hostsOf = (client: MongoClient): string => {
  const { hosts, srvHost } = client.options
  return srvHost ?? hosts.map(String).join(', ')
}

/** Server selection says that it timed out; why is with the servers it tried. */
const deepest = (error: unknown): unknown => {
  if (!(error instanceof MongoServerSelectionError)) return error
  const tried = [...(error.reason?.servers.values() ?? [])].map((server) => server.error)
  return tried.find((reason) => reason !== null) ?? error
}

const safeReason = (error: unknown, uri: string): string => {
  const message = error instanceof Error ? error.message : String(error)
  return isSafe(message, uri) ? ` (${message.replace(/\.$/, '')})` : ''
}

/** A cause is printed with its message, its stack and its own cause. */
const safeCause = (error: unknown, uri: string): unknown => {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (!isSafe(`${each.message}${each.stack ?? ''}`, uri)) return undefined
  }
  return error
}

/**
 * The driver's messages may repeat what they could not read. Any text that holds a piece of the URI's secrets is not
 * shown.
 */
const isSafe = (text: string, uri: string): boolean => secretsIn(uri).every((secret) => !text.includes(secret))

const secretsIn = (uri: string): string[] => {
  const rest = uri.replace(/^[^/]*\/\//, '')
  const userInfo = rest.slice(0, Math.max(0, rest.lastIndexOf('@')))
  const pieces = userInfo.split(/[:@/?#]/).slice(1)
  const values = [...uri.matchAll(/(?:password|token)[^=&]*[=:]([^&,]+)/gi)].map(([, value]) => value ?? '')
  return [userInfo, ...pieces, ...values].flatMap((piece) => [piece, decoded(piece)]).filter((piece) => piece !== '')
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
