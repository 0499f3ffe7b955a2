/** Carries what the router takes and answers over tRPC: as superjson, which is asked only for what JSON cannot say. */
import { maxDepthAround } from './depth.js'
import { ErrandError } from '../errors.js'
import { MetaError } from './restore.js'
import { isPlainJson, restorePayload, serialize, type Serialized } from './payload.js'

/** An answer holds payloads some levels down. */
const answerDepth = maxDepthAround + 10

/**
 * Payloads come and go as JSON, whose keys are their own: superjson would refuse a whole list for the `constructor` in
 * one job's args.
 */
const none: ReadonlySet<string> = new Set()

export const transformer = {
  serialize: (value: unknown): Serialized =>
    isPlainJson(value, answerDepth, none) ? { json: value as Serialized['json'] } : serialize(value),
  /** Throws `BAD_REQUEST`. */
  deserialize: ({ json, meta }: Serialized): unknown => {
    try {
      return restorePayload(json, meta)
    } catch (error) {
      // a RegExp, or a URL, that is none repeats what was given
      const problem = error instanceof MetaError ? error.message : "superjson's meta does not fit it"
      throw new ErrandError(
        'BAD_REQUEST',
        `The input must be JSON as superjson writes it, and cannot be read: ${problem}.`,
        {
          issues: [{ path: ['meta'], code: 'invalid_meta', message: 'cannot be read' }],
        },
      )
    }
  },
}
