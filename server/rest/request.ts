/** What every route shares: who may call it, and how its body is read. */
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import { ErrandError } from '../../core/errors.js'
import type { Guard, Role } from '../auth.js'
import type { Deps } from '../deps.js'
import type { Waits } from '../wait.js'
import { badRequest } from '../wireError.js'

export interface RestOptions {
  deps: Deps
  waits: Waits
  guard: Guard
  /** The largest body of a request to enqueue, in bytes. */
  maxBodyBytes: number
}

/** Throws `UNAUTHORIZED` and `FORBIDDEN`. */
export const allow = ({ guard }: RestOptions, context: Context, ...roles: Role[]): void =>
  guard.require(context.req.header('authorization'), roles)

export const limitBody = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new ErrandError(
        'PAYLOAD_TOO_LARGE',
        `The body is larger than ${maxSize} bytes. Store large data elsewhere and send its address.`,
        {
          details: { maxBytes: maxSize },
        },
      )
    },
  })

/** The body, as the schema reads it. Throws `UNSUPPORTED_MEDIA_TYPE` and `BAD_REQUEST`. */
export const readBody = async <Schema extends z.ZodType>(schema: Schema, context: Context): Promise<z.output<Schema>> =>
  parse(schema, await readJson(context))

/** Throws `BAD_REQUEST` with an issue for each thing that does not fit. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input)
  if (!parsed.success) throw badRequest(parsed.error)
  return parsed.data
}

/** JSON only: a web page of another origin can post text to a loopback address without asking, but not JSON. */
async function readJson(context: Context): Promise<unknown> {
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(context.req.header('content-type') ?? '')) {
    throw new ErrandError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be JSON. Send it with `Content-Type: application/json`.',
    )
  }
  const text = await context.req.text()
  try {
    return JSON.parse(text)
  } catch {
    throw new ErrandError('BAD_REQUEST', 'The body is malformed JSON.', {
      issues: [{ path: [], code: 'malformed_json', message: 'is malformed JSON' }],
    })
  }
}
