/**
 * Parts of answers. An answer is what a caller gets of an operation, by tRPC and by REST: its schema types the procedure,
 * describes it in `/openapi.json`, and is what tests hold all answers against. `core/views/answers.gen.ts` has the same
 * as plain types.
 *
 * A description stands where the field's name does not say all; it becomes the comment in the types. An `id` makes a
 * schema a type of its own.
 */
import { z } from 'zod'
import { jobStates } from '../states.js'

/** ISO 8601, in UTC. */
export const time = z.iso.datetime().meta({ isTime: true })

/** A time that superjson carries as a Date; in JSON it is ISO 8601. */
export const date = z.date()

export const count = z.int().min(0)

/** Such as `10m`. */
export const durationText = z.templateLiteral([z.number(), z.enum(['ms', 's', 'm', 'h', 'd'])])

/** There, or absent. */
export const flag = z.literal(true)

export const state = z.enum(jobStates)

export const worker = z.string().describe('The name of the worker.')

/** Of a list that comes in pages. */
export const nextCursor = z.string().nullable().describe('Where the next page begins; null on the last one.')

/** An issue of an input. */
export const issue = z
  .strictObject({ path: z.array(z.union([z.string(), z.number()])), code: z.string(), message: z.string() })
  .meta({ id: 'IssueView' })

/** Of every answer that is no success. */
export const wireError = z
  .looseObject({
    code: z.string(),
    message: z.string().describe('What happened, to which thing, and what to do next.'),
    docs: z.string().describe('Where the docs of the package tell what the code means, and what to do.'),
    issues: z.array(issue).exactOptional(),
  })
  .meta({ id: 'WireError' })

/** Args as a caller is shown them. */
export const shownArgs = {
  args: z.unknown().describe("Fields that the worker's `redact` names are `[redacted]`. Null where all are hidden."),
  argsMeta: z.unknown().exactOptional().describe("superjson's meta for `args`, where they hold what JSON cannot say."),
  argsHidden: flag
    .exactOptional()
    .describe(
      'They are not for this API key; or it is not known what to redact, because their worker is not deployed or has another version; or a list would be too large with them; or see `argsProblem`.',
    ),
  argsProblem: z
    .string()
    .exactOptional()
    .describe('Why the stored args cannot be shown to any caller, or not as they were given.'),
  argsRedacted: flag.exactOptional().describe('Something in them is `[redacted]`, so they are not what was enqueued.'),
  argsVersion: z.int().min(1).exactOptional().describe('Of the contract that took the args; absent for version 1.'),
}
