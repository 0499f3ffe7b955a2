/**
 * Tracks whether the database is there, as far as it is known here, and replaces a client that is stuck.
 *
 *   there ──no server takes writes──▶ away ──one does──▶ there: those who wait go on
 *     │                                 │
 *     ├── a heartbeat does not end ─────┤
 *     └── nothing succeeds for 30 s ────┴──▶ a new client takes the place of the one that is stuck
 *
 * It is known by the driver's own heartbeats and by how the store's operations end, so it costs the database nothing,
 * and a request nothing but a look. New requests wait a moment for a database that is away, and are refused before they
 * are worked on; what is under way waits for as long as an election takes.
 */
import type { MongoClient } from 'mongodb'
import { ErrandError } from '../core/errors.js'
import type { Clock } from '../core/time/clock.js'
import type { Log } from './log.js'
import { operationLimitMs, type RenewableDatabase } from '../database/renewable.js'
import { listenToHeartbeats } from './store/heartbeats.js'
import { wakingAlarm } from './store/wakingAlarm.js'
import { retryAfterSeconds } from './wireError.js'

export interface Presence {
  /** Whether the database is known to be away. Makes no query. */
  readonly isAway: boolean
  /** Whether it is known to be away for longer than a caller waits for an answer. */
  readonly isLongAway: boolean
  /**
   * Resolves at once where the database is there, as far as is known; where it is away waits for it, and throws
   * `UNAVAILABLE` after two seconds.
   */
  present(): Promise<void>
  /** An operation failed, and the one before it did not. */
  failing(): void
  /** An operation succeeded, and the one before it did not. */
  answering(): void
  /** Watches, until it is stopped. */
  start(): void
  stop(): void
}

export interface PresenceOptions {
  /** `renew` where the client can be replaced. */
  database: Pick<RenewableDatabase, 'db'> & Partial<RenewableDatabase>
  /** Rejects where the database does not answer. */
  ping: () => Promise<void>
  /** It is there again. */
  back: () => void
  /** Whose time the network's is: the machine's. */
  clock: Clock
  log: Log
}

/** An election begins and ends within seconds, and most requests of that time need not hear of it. */
const requestPatienceMs = 2_000
/**
 * Nothing has succeeded for so long: the database is away, or our client is stuck. A new client tells, and does no
 * harm.
 */
const silentMs = 30_000
/** A new client that could not connect is tried again then. */
const renewAgainMs = 10_000

export function createPresence({ database, ping, back, clock, log }: PresenceOptions): Presence {
  let awaySince: Date | undefined
  let isRunning = false
  let renewing = false
  let stopListening = () => {}
  let cancelSilence: (() => void) | undefined
  const waiting = new Set<() => void>()

  const there = () => {
    awaySince = undefined
    for (const goOn of waiting) goOn()
    waiting.clear()
    back()
  }

  const listen = () => {
    stopListening()
    // an older driver's database does not tell its client; then only what succeeds and fails is known
    const client = database.db.client as MongoClient | undefined
    if (!client) return
    stopListening = listenToHeartbeats(client, clock, {
      changed(isThere) {
        if (isThere) {
          log('info', 'the database is there again')
          return there()
        }
        awaySince = clock.now()
        log('warn', 'the database is away')
      },
      stuck: () => void replace('a heartbeat does not end'),
    })
  }

  /** From now on, until something succeeds. */
  const watchSilence = (ms: number) => {
    cancelSilence?.()
    cancelSilence = wakingAlarm(clock, ms, () => {
      cancelSilence = undefined
      ping().catch(() => replace('nothing has succeeded for 30 seconds'))
    })
  }

  const replace = async (why: string): Promise<void> => {
    if (!isRunning || renewing) return
    if (!database.renew) return log('error', notRenewable, { why })
    renewing = true
    try {
      await database.renew()
      if (!isRunning) return
      log('warn', "the database's client was stuck; a new one has taken its place", { why })
      listen()
      there()
    } catch (error) {
      log('warn', 'the database is away: a new client does not reach it either', { why, error })
      if (isRunning) watchSilence(renewAgainMs)
    } finally {
      renewing = false
    }
  }

  return {
    get isAway() {
      return awaySince !== undefined
    },
    get isLongAway() {
      return awaySince !== undefined && clock.now().getTime() - awaySince.getTime() > operationLimitMs
    },
    async present() {
      if (!awaySince) return
      const over = new AbortController()
      const goOn = () => over.abort()
      waiting.add(goOn)
      await clock.sleep(requestPatienceMs, over.signal)
      waiting.delete(goOn)
      if (awaySince) throw unavailable()
    },
    failing() {
      if (isRunning && !cancelSilence) watchSilence(silentMs)
    },
    answering() {
      cancelSilence?.()
      cancelSilence = undefined
      back()
    },
    start() {
      if (isRunning) return
      isRunning = true
      listen()
    },
    stop() {
      isRunning = false
      stopListening()
      cancelSilence?.()
      cancelSilence = undefined
    },
  }
}

const notRenewable =
  'the database does not answer. Where others reach it, our client is stuck: it was handed in as `db`, so only a new start of this process helps. Hand in `database`, as openDatabase makes it, and it is replaced'

const unavailable = (): ErrandError =>
  new ErrandError(
    'UNAVAILABLE',
    'The coordinator cannot reach its database now. Nothing was done; try again in some seconds.',
    { details: { retryAfter: retryAfterSeconds } },
  )
