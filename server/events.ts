/**
 * Signals between the steps inside one coordinator. They save waiting for a poll; nothing depends on them being heard.
 */
import type { ClaimedJob, JobDocument, ReceiptDocument } from './store/documents.js'

export interface EventMap {
  /** Jobs may be claimed now. */
  queued: void
  /** A job was scheduled for this moment. */
  scheduled: Date
  /** A schedule has its next occurrence at this moment. */
  scheduleDue: Date
  /** A pause has ended: jobs that it held may still have to be released. */
  resumed: Date
  /** The place of a run whose function was not heard to answer falls free at this moment. */
  slotExpires: Date
  /** A circuit breaker is open until this moment. */
  broken: Date
  /** A job reached a final state. `scheduleId` where its schedule waits for that. */
  finished: { id: string; scheduleId?: string }
  /** An attempt has its receipt, and its job has moved. */
  attempted: { job: ClaimedJob; receipt: ReceiptDocument }
  /** A group is over: closed, or stuck. */
  groupOver: { id: string }
  /** A running job was cancelled. */
  cancelled: { id: string; claim: string }
  /** The database answered after it had failed to. */
  databaseBack: void
}

export interface Events {
  emit<Name extends keyof EventMap>(name: Name, value: EventMap[Name]): void
  /** Answers with the function that stops listening. */
  on<Name extends keyof EventMap>(name: Name, listener: (value: EventMap[Name]) => void): () => void
}

export function createEvents(): Events {
  const listeners: { [Name in keyof EventMap]: Set<(value: EventMap[Name]) => void> } = {
    queued: new Set(),
    scheduled: new Set(),
    scheduleDue: new Set(),
    resumed: new Set(),
    slotExpires: new Set(),
    broken: new Set(),
    finished: new Set(),
    attempted: new Set(),
    groupOver: new Set(),
    cancelled: new Set(),
    databaseBack: new Set(),
  }
  return {
    emit(name, value) {
      for (const listener of listeners[name]) listener(value)
    },
    on(name, listener) {
      listeners[name].add(listener)
      return () => listeners[name].delete(listener)
    },
  }
}

export const finishedEvent = ({ _id: id, scheduleId, followed }: JobDocument): EventMap['finished'] =>
  followed && scheduleId !== undefined ? { id, scheduleId } : { id }
