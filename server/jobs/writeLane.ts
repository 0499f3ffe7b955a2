/**
 * The lane in which a job waits to be written. What somebody asked for by itself and what came in bulk are written apart, each one write at a time: so a
 * single job waits for no bulk, neither for what waits nor for a write of a thousand jobs that is under way; and bulk goes on, however many singles come.
 */
export type WriteLane = 'single' | 'bulk'

export const writeLanes: readonly WriteLane[] = ['single', 'bulk']

/** The client gathers what an app enqueues at one moment; so few are as good as single ones. */
const mostSingles = 10

/** Of a request that brings so many jobs. */
export const laneOf = (jobs: number): WriteLane => (jobs > mostSingles ? 'bulk' : 'single')
