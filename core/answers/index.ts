/** All answers that are types of their own, by their ids. */
import { z } from 'zod'
import * as access from './access.js'
import * as bulk from './bulk.js'
import * as compat from './compat.js'
import * as deployments from './deployments.js'
import * as fields from './fields.js'
import * as groups from './groups.js'
import * as jobs from './jobs.js'
import * as pauses from './pauses.js'
import * as schedules from './schedules.js'
import * as tick from './tick.js'
import * as why from './why.js'
import * as workers from './workers.js'

const modules = [fields, pauses, jobs, why, schedules, groups, bulk, deployments, workers, access, compat, tick]

export const answers: readonly z.ZodType[] = modules.flatMap((module) =>
  Object.values(module).filter((value) => value instanceof z.ZodType),
)
