/**
 * Listens to the driver's own watching of its servers. The driver asks each one every few seconds, on a connection of
 * its own. So this costs nothing, and it is known that the database is away before a request needs it.
 *
 * The driver (7.9) may get stuck: where all its connections are cut in one moment, its monitor writes to a socket that
 * is gone already and waits for that for ever. To us it is a heartbeat that begins and does not end, though each has a
 * time limit.
 */
import type { MongoClient, TopologyDescription } from 'mongodb'
import type { Clock } from '../../core/time/clock.js'
import { wakingAlarm } from './wakingAlarm.js'

export interface HeartbeatListener {
  /** A server that takes writes is known, or none is any more. */
  changed: (isThere: boolean) => void
  /** A heartbeat has not ended long after its own time limit. */
  stuck: () => void
}

/** Longer than its limit, and a heartbeat will not end. */
const graceMs = 5_000

/** Answers with what stops listening. `client` is one that is connected. */
export function listenToHeartbeats(client: MongoClient, clock: Clock, { changed, stuck }: HeartbeatListener) {
  const { connectTimeoutMS, heartbeatFrequencyMS } = client.options
  const limits = new Map<string, () => void>()
  let isThere = true

  const ended = (server: string) => {
    limits.get(server)?.()
    limits.delete(server)
  }
  const listeners = {
    serverHeartbeatStarted({ connectionId, awaited }: { connectionId: string; awaited: boolean }) {
      ended(connectionId)
      // a server may keep one that is awaited for as long as it has nothing to tell
      const limitMs = connectTimeoutMS + (awaited ? heartbeatFrequencyMS : 0) + graceMs
      limits.set(connectionId, wakingAlarm(clock, limitMs, stuck))
    },
    serverHeartbeatSucceeded: ({ connectionId }: { connectionId: string }) => ended(connectionId),
    serverHeartbeatFailed: ({ connectionId }: { connectionId: string }) => ended(connectionId),
    serverClosed: ({ address }: { address: string }) => ended(address),
    topologyDescriptionChanged({ newDescription }: { newDescription: TopologyDescription }) {
      const takesWrites = [...newDescription.servers.values()].some(({ isWritable }) => isWritable)
      if (takesWrites === isThere) return
      isThere = takesWrites
      changed(takesWrites)
    },
  } as const
  const names = Object.keys(listeners) as (keyof typeof listeners)[]
  for (const name of names) client.on(name, listeners[name])
  return () => {
    for (const name of names) client.off(name, listeners[name])
    for (const cancel of limits.values()) cancel()
    limits.clear()
  }
}
