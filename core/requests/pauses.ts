/** Pauses as they travel: what does not start until an operator resumes it. */
import { z } from 'zod'
import type { PauseView } from '../views/pauseView.js'

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

/** A pause as `GET /pauses` shows it. */
export interface ListedPause extends PauseView {
  /**
   * How many jobs it keeps from starting that would be claimed otherwise; 10,000 stands for as many or more. Of
   * everything this is not counted.
   */
  waiting?: number
}

/** The pause that has ended. */
export interface Resumed extends PauseView {
  /** How many waiting jobs may start at once. Where very many wait, the rest follow by themselves. */
  released: number
}
