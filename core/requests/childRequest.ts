/** Child jobs, which a job enqueues while it runs. */
import { z } from 'zod'
import { enqueueRequest } from './wire.js'

/** `POST /job/:id/enqueue`: a job as for `POST /job`, and the name of the call that asks for it. */
export const childRequest = enqueueRequest.safeExtend({
  /** The name of the call does what an id does elsewhere. */
  id: z.undefined().optional(),
  /**
   * Names the call within the job, for each worker on its own: asked for again under the same name, by this attempt or
   * a later one, the job that was made then is the answer.
   */
  call: z.string().min(1).max(200),
})
export type ParsedChildRequest = z.output<typeof childRequest>
