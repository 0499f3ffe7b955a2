/** Pauses as they travel: what does not start until an operator resumes it. */
import { z } from 'zod'

const targetFields = {
  /** Everything. Excludes `worker` and `key`. */
  all: z.literal(true).optional(),
  /** All jobs of this worker, or with `key` those of its jobs that have the key. */
  worker: z.string().min(1).max(200).optional(),
  /** A job's throttle key, concurrency key or unique key. */
  key: z.string().min(1).max(512).optional(),
}

type Target = { all?: true | undefined; worker?: string | undefined; key?: string | undefined }

const namesOne = ({ all, worker }: Target): boolean => (all === undefined) !== (worker === undefined)
const nameOne = { message: 'Name a worker, or say `all: true`; not both.', path: ['worker'] }
const keyHasWorker = ({ key, worker }: Target): boolean => key === undefined || worker !== undefined
const nameWorker = { message: 'A key belongs to a worker. Name it as `worker`.', path: ['key'] }

/** The target of a pause, or of its end. */
export const pauseTarget = z.strictObject(targetFields).refine(namesOne, nameOne).refine(keyHasWorker, nameWorker)
export type PauseTarget = z.output<typeof pauseTarget>

export const pauseRequest = z
  .strictObject({
    ...targetFields,
    /** For those who find it paused. */
    reason: z.string().min(1).max(500).optional(),
  })
  .refine(namesOne, nameOne)
  .refine(keyHasWorker, nameWorker)
export type PauseRequest = z.input<typeof pauseRequest>
