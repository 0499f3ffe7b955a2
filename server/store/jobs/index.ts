/**
 * The jobs, by the steps of their lives. Every write on a job is guarded by the state it expects, so that the second of
 * two changes nothing. Reads come before writes here and there, but only the guarded write decides;
 * docs/decisions/guards.md lists them all.
 */
import type { Collection } from 'mongodb'
import type { JobDocument } from '../documents.js'
import { attemptStore } from './attempt.js'
import { claimStore } from './claim.js'
import { holdStore } from './hold.js'
import { insertStore } from './insert.js'
import { operateStore } from './operate.js'
import { purgeStore } from './purge.js'
import { readStore } from './read.js'
import { blockedStore } from './slots.js'

export const jobsStore = (jobs: Collection<JobDocument>) => ({
  ...insertStore(jobs),
  ...readStore(jobs),
  ...holdStore(jobs),
  ...claimStore(jobs),
  ...blockedStore(jobs),
  ...attemptStore(jobs),
  ...operateStore(jobs),
  ...purgeStore(jobs),
})

export type JobsStore = ReturnType<typeof jobsStore>
