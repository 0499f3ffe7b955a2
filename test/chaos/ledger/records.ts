/** What stands in the ledger. Times are milliseconds of this machine's clock, which all processes of a run share. */

/**
 * What a caller was told: `acked` by a success, `refused` by an answer that says no, `unknown` by anything else, or
 * nothing.
 */
export type Outcome = 'acked' | 'refused' | 'unknown'

interface At {
  at: number
}

export type LedgerRecord = At & (LoadRecord | HouseRecord)

export type LoadRecord =
  /** A job that a caller was given, by whatever door. `existing`: the one that holds the key. */
  | { kind: 'job'; id: string; worker: string; n: number; existing?: true }
  /** A job that was asked for without an answer that tells how it went; it may be there or not. */
  | { kind: 'maybe'; worker: string; n: number }
  /** A job under a key of its caller's, asked for again until there was an answer. */
  | { kind: 'keyed'; worker: string; key: string; id: string }
  /** New args for the job that holds a key. `id` where the answer names it. */
  | { kind: 'replaced'; worker: string; key: string; v: number; outcome: Outcome; id?: string; askedAt: number }
  /** Jobs that come all or none. */
  | { kind: 'atomic'; of: string; size: number; outcome: Outcome; ids: string[] }
  | { kind: 'group'; of: string; size: number; callbacks: number; outcome: Outcome; id?: string }
  | { kind: 'cancelled'; id: string; outcome: Outcome; askedAt: number }
  | { kind: 'groupCancelled'; id: string; outcome: Outcome; askedAt: number }
  | { kind: 'retried'; id: string; outcome: Outcome; askedAt: number }
  | { kind: 'replayed'; id: string; outcome: Outcome; newId?: string }
  | { kind: 'paused'; what: string; outcome: Outcome; askedAt: number }
  | { kind: 'resumed'; what: string; outcome: Outcome; askedAt: number }
  | { kind: 'schedule'; id: string; outcome: Outcome; paused?: true; askedAt: number }
  | { kind: 'scheduleRun'; id: string; outcome: Outcome; jobId?: string }
  /** How a job ended, as whoever waits for it was told. */
  | { kind: 'told'; id: string; state: string; attempt?: number; status?: string }
  /** An answer that only a fault of the coordinator's own explains. */
  | { kind: 'answered5xx'; status: number; code: string; what: string }

type HouseRecord =
  | { kind: 'process'; id: string; name: string; pid: number }
  | {
      kind: 'gone'
      id: string
      name: string
      code: number | null
      signal: string | null
      wasReady: boolean
      wanted: boolean
    }
  | { kind: 'fault'; fault: string; target: string; until?: number }
  | { kind: 'faultOver'; fault: string; target: string; since: number }
  | { kind: 'recovered'; fault: string; target: string; ms: number | null }
  | { kind: 'phase'; phase: 'load' | 'heal' | 'settled' | 'checked' }
  | { kind: 'memory'; name: string; rssMb: number }

/** What a function wrote down, by its own account. `deadline` is what it had been told by then. */
export type FunctionRecord = At & { run: string } & (
    | { kind: 'start'; job: string; worker: string; attempt: number; deadline: number; args: Record<string, unknown> }
    | { kind: 'stop'; code: string; deadline: number }
    | { kind: 'end'; how: 'returned' | 'threw'; deadline: number }
    | { kind: 'followed'; call: string; child: string }
  )
