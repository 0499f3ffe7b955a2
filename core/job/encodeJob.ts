/** Turns a job as TypeScript callers give it into a request: args as JSON with their meta, moments as text. */
import { TooDeepError, tooDeep } from '../payload/depth.js'
import { ErrandError } from '../errors.js'
import type { EnqueueOptions } from './enqueueOptions.js'
import { encodePayload } from '../payload/payload.js'
import type { EnqueueRequest } from '../requests/wire.js'

/** A job ready to be sent. */
export interface EncodedJob {
  request: EnqueueRequest
  /** About how many characters it takes in a request. */
  size: number
}

/** Throws `INVALID_ARGS` for args that cannot be sent, and `INVALID_TIME` for a `runAt` that is an invalid `Date`. */
export function encodeJob(worker: string, args: unknown, options: EnqueueOptions = {}): EncodedJob {
  const { id, delay, runAt, priority, key, unique } = options
  const timezone = 'timezone' in options ? options.timezone : undefined
  const { size, ...encoded } = encodeArgs(worker, args)
  return {
    // what is undefined here, JSON leaves out
    request: { worker, id, ...encoded, delay, runAt: encodeMoment(runAt), timezone, priority, key, unique },
    size: size + 200,
  }
}

export function encodeArgs(
  worker: string,
  args: unknown = {},
): { args: Record<string, unknown>; argsMeta?: unknown; size: number } {
  try {
    const { json, meta } = encodePayload(args)
    return {
      args: JSON.parse(json) as Record<string, unknown>,
      ...(meta === undefined ? {} : { argsMeta: JSON.parse(meta) as unknown }),
      size: json.length + (meta?.length ?? 0),
    }
  } catch (cause) {
    const problem =
      cause instanceof TooDeepError
        ? `are ${tooDeep()}. Send them flatter, or as text.`
        : 'cannot be sent. Use what superjson can say: plain data, Date, Map, Set, BigInt, RegExp, URL.'
    throw new ErrandError('INVALID_ARGS', `The args of ${worker} ${problem}`, { cause })
  }
}

function encodeMoment(moment: Date | string | undefined): string | undefined {
  if (!(moment instanceof Date)) return moment
  if (Number.isNaN(moment.getTime())) throw new ErrandError('INVALID_TIME', '`runAt` is an invalid Date.')
  return moment.toISOString()
}
