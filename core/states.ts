/**
 * The states of a job.
 *
 *                     ┌──────────── retry after a failure ───────────┐
 *                     ▼                                              │
 *   enqueue ──▶ scheduled ──stage──▶ queued ──claim──▶ running ──receive──▶ succeeded
 *      │                               ▲                │    └──────────▶ failed
 *      └────────── due now ────────────┘                │
 *                                     cancel ──▶ cancelled
 */
export const jobStates = ['scheduled', 'queued', 'blocked', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type JobState = (typeof jobStates)[number]

export const finalStates = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly JobState[]
export type FinalState = (typeof finalStates)[number]

export const isFinal = (state: JobState): state is FinalState => (finalStates as readonly JobState[]).includes(state)

export type UnfinishedState = Exclude<JobState, FinalState>
export const unfinishedStates = jobStates.filter((state): state is UnfinishedState => !isFinal(state))
