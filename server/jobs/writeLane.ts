import type { WriteLane } from '../deps.js'

export const writeLanes: readonly WriteLane[] = ['single', 'bulk']

/** The client gathers what an app enqueues at one moment; so few are as good as single ones. */
const mostSingles = 10

/** Of a request that brings so many jobs. */
export const laneOf = (jobs: number): WriteLane => (jobs > mostSingles ? 'bulk' : 'single')
