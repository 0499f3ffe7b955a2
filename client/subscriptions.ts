/**
 * Waits for the ends of many jobs over a few requests. The waits of one moment become one channel to the coordinator,
 * which tells of each of its jobs as it ends: a stream, or where none can be had (a proxy that buffers, or cuts it
 * again and again) long polls.
 *
 *   wait → fresh → channel → told          a channel that ends gives its jobs that were not told back to fresh, and the next one asks for them
 *
 * Nothing can be missed in between: each channel begins by looking at its jobs in the database.
 */
import type { JobEnd, NoJob, WaitManyAnswer } from '../core/views/answers.gen.js'
import { maxAwaited, longestWaitMs } from '../core/limits.js'
import type { Clock } from '../core/time/clock.js'
import { gather } from './gather.js'
import { toldPauseMs } from './overload.js'
import { NoStreamError } from './subscribe.js'
import type { Transport } from './transport.js'
import { isPassing } from './wireError.js'

export type End = JobEnd | NoJob

interface Waiter {
  told(end: End): void
  /** Asking again cannot help. */
  failed(error: unknown): void
}

export interface Ends {
  /** Answers with what takes the question back. */
  wait(id: string, waiter: Waiter): () => void
  /** A job that has not ended, as it is. */
  look(id: string): Promise<End | WaitManyAnswer['waiting'][number]>
}

export interface EndsDeps {
  transport: Transport
  clock: Clock
  random: () => number
}

/** Browsers open six connections to one host in all. */
const maxChannels = 4
/** How much later than it was asked for a look may still be answered. */
const lookLimitMs = 5_000
/** A channel that ends sooner, and told nothing, has failed. */
const soonMs = 5_000
const firstPauseMs = 250
const longestPauseMs = 5_000
const cutsBeforePolls = 3
/** After so long a stream is tried again. */
const pollsForMs = 300_000

interface Channel {
  ids: Set<string>
  stop: AbortController
  startedAt: number
  isOpen: boolean
  hasTold: boolean
  opened: () => void
}

export function createEnds({ transport, clock, random }: EndsDeps): Ends {
  const waiters = new Map<string, Set<Waiter>>()
  /** Waited for, and in no channel. */
  const fresh = new Set<string>()
  const channels = new Set<Channel>()
  let opening = false
  let pauseMs = 0
  let cuts = 0
  let pollsUntil = 0
  const nowMs = () => clock.now().getTime()

  const open = () => {
    if (opening || fresh.size === 0) return
    opening = true
    // the calls of one turn share a channel, and those that come while it is opened share the next
    queueMicrotask(() => void openChannels())
  }

  const openChannels = async () => {
    while (fresh.size > 0) {
      if (pauseMs > 0) await clock.sleep(pauseMs * (0.5 + random() / 2))
      await makeRoom()
      const ids = [...fresh].slice(0, maxAwaited)
      if (ids.length === 0) break
      for (const id of ids) fresh.delete(id)
      await new Promise<void>((opened) => {
        const stop = new AbortController()
        const startedAt = nowMs()
        const channel = { ids: new Set(ids), stop, startedAt, isOpen: false, hasTold: false, opened }
        channels.add(channel)
        void run(channel).finally(opened)
      })
    }
    opening = false
  }

  /** With too many channels the smallest one joins the next; the more it carries over, the longer others may join. */
  const makeRoom = async () => {
    const smallest = [...channels].toSorted((a, b) => a.ids.size - b.ids.size)[0]
    if (channels.size < maxChannels || !smallest || smallest.ids.size + fresh.size > maxAwaited) return
    if (smallest.ids.size > 20) await clock.sleep(smallest.ids.size / 20)
    for (const id of smallest.ids) fresh.add(id)
    close(smallest)
  }

  const close = (channel: Channel) => {
    channels.delete(channel)
    channel.ids.clear()
    channel.stop.abort()
  }

  const run = async (channel: Channel) => {
    try {
      await (nowMs() < pollsUntil ? poll(channel) : stream(channel))
      if (!channel.stop.signal.aborted) ended(channel, undefined)
    } catch (error) {
      if (!channel.stop.signal.aborted) ended(channel, error)
    }
  }

  const stream = async (channel: Channel) => {
    const { ids, stop } = channel
    const opened = () => {
      channel.isOpen = true
      channel.opened()
    }
    const events = transport.subscribe<End>('jobs.ended', { input: { ids: [...ids] }, signal: stop.signal, opened })
    for await (const end of events) tell(channel, end)
  }

  const poll = async (channel: Channel) => {
    const { ids, stop } = channel
    channel.opened()
    while (ids.size > 0) {
      const askedAt = nowMs()
      const answer = await transport.call(
        (router, options) => router.jobs.waitMany.query({ ids: [...ids], timeoutMs: longestWaitMs }, options),
        { timeoutMs: longestWaitMs + transport.timeoutMs, signal: stop.signal },
      )
      for (const end of answer.ended) tell(channel, end)
      // a coordinator that stops answers before the time
      if (answer.ended.length === 0 && nowMs() - askedAt < longestWaitMs) return
    }
  }

  const tell = (channel: Channel, end: End) => {
    channel.ids.delete(end.id)
    channel.hasTold = true
    pauseMs = 0
    cuts = 0
    const told = waiters.get(end.id)
    waiters.delete(end.id)
    for (const waiter of told ?? []) waiter.told(end)
  }

  /** Asks anew for jobs that were not told, after a pause where the channel has failed. */
  const ended = (channel: Channel, error: unknown) => {
    const ids = [...channel.ids]
    close(channel)
    if (error instanceof NoStreamError) goPolling()
    else if (error !== undefined && !isPassing(error)) return fail(ids, error)
    else if (!channel.hasTold && nowMs() - channel.startedAt < soonMs) {
      pauseMs = Math.min(Math.max(firstPauseMs, pauseMs * 2), longestPauseMs)
      // half of a pause may be left out below
      pauseMs = Math.max(pauseMs, 2 * (toldPauseMs(error) ?? 0))
      if (channel.isOpen && ++cuts >= cutsBeforePolls) goPolling()
    } else pauseMs = 0
    for (const id of ids) if (waiters.has(id)) fresh.add(id)
    open()
  }

  const goPolling = () => {
    pollsUntil = nowMs() + pollsForMs
    pauseMs = 0
    cuts = 0
  }

  const fail = (ids: string[], error: unknown) => {
    for (const id of ids) {
      const failed = waiters.get(id)
      waiters.delete(id)
      for (const waiter of failed ?? []) waiter.failed(error)
    }
  }

  const takeBack = (id: string, waiter: Waiter) => {
    const left = waiters.get(id)
    if (!left?.delete(waiter) || left.size > 0) return
    waiters.delete(id)
    fresh.delete(id)
    for (const channel of channels) if (channel.ids.delete(id) && channel.ids.size === 0) close(channel)
  }

  const look = gather<string, End | WaitManyAnswer['waiting'][number]>({
    split: (calls) => inSlices(calls, maxAwaited),
    async send(ids) {
      const found = new Map<string, End | WaitManyAnswer['waiting'][number]>()
      // what ended comes many at a time
      for (let left = ids; left.length > 0; left = ids.filter((id) => !found.has(id))) {
        const { ended, waiting } = await transport.call(
          (router, options) => router.jobs.waitMany.query({ ids: [...new Set(left)], timeoutMs: 0 }, options),
          { timeoutMs: lookLimitMs },
        )
        for (const job of [...ended, ...waiting]) found.set(job.id, job)
      }
      return ids.map((id) => found.get(id)!)
    },
  })

  return {
    wait(id, waiter) {
      const others = waiters.get(id)
      if (others) others.add(waiter)
      else {
        waiters.set(id, new Set([waiter]))
        fresh.add(id)
        open()
      }
      return () => takeBack(id, waiter)
    },
    look,
  }
}

function* inSlices<Item>(items: Item[], size: number): Generator<Item[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
