import { agenda } from './agenda.js'
import { bullmq, bullmqMemory } from './bullmq.js'
import { errand } from './errand.js'
import { graphileWorker } from './graphileWorker.js'
import { mongoJobs } from './mongoJobs.js'
import { pgBoss } from './pgBoss.js'
import { quirrel } from './quirrel.js'
import { raw } from './raw.js'
import type { System } from './system.js'

export const systems: readonly System[] = [
  raw,
  errand,
  bullmq,
  bullmqMemory,
  graphileWorker,
  pgBoss,
  quirrel,
  agenda,
  mongoJobs,
]
