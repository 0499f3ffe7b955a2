/** Deployments, as callers are shown them. */
import { z } from 'zod'
import { targetNames } from '../targets.js'
import { count, flag, time } from './fields.js'

const id = z.int().min(1)

export const deploymentView = z
  .strictObject({
    id,
    live: z.boolean().describe('Coordinators work by it. At most one is.'),
    functions: z.string().describe('Where the functions are, in one of the forms of ERRAND_FUNCTIONS_URL.'),
    workers: count.describe('How many it has.'),
    targets: z.array(z.enum(targetNames)).exactOptional().describe('The platforms it was built for.'),
    note: z.string().exactOptional(),
    createdAt: time,
    createdBy: z.string(),
    retiredAt: time
      .exactOptional()
      .describe('It can go live no more, and jobs that were pinned to it run on the one that is live.'),
  })
  .meta({ id: 'DeploymentView' })

export const deploymentList = z
  .strictObject({ deployments: z.array(deploymentView).describe('Newest first, at most a hundred.') })
  .meta({ id: 'Deployments' })

const names = z.array(z.string())

/** The changes of a switch. */
export const activated = z
  .strictObject({
    id: id.nullable().describe('Null where coordinators work by what they have themselves again.'),
    previous: id.nullable().describe('The one that was live before; null where none was.'),
    already: flag.exactOptional().describe('It was live already.'),
    answered: count.describe('How many functions answered a ping.'),
    added: names.describe('Beside the one before, where there was one: names of workers, sorted.'),
    changed: names,
    gone: names.describe('Their jobs wait.'),
  })
  .meta({ id: 'Activated' })
