/**
 * The schema that a callback's args hold for the summary of its group. The one part of `errand` that needs zod at run
 * time; bundles without it leave it out.
 */
import * as z from 'zod'
import { finalStates } from '../states.js'

const count = () => z.int().min(0)

/**
 * A schema for the `group` of a callback's args: `args: z.object({ month: z.string(), group: groupSummary() })`. With a
 * schema of what the members' `run` returns, their results are checked and typed: `groupSummary(z.object({ rows:
 * z.number() }))`.
 */
export const groupSummary = <Result extends z.ZodType = z.ZodUnknown>(
  result: Result = z.unknown() as unknown as Result,
) =>
  z.object({
    id: z.string(),
    total: count(),
    succeeded: count(),
    failed: count(),
    cancelled: count(),
    members: z.array(
      z.object({
        id: z.string(),
        worker: z.string().optional(),
        state: z.enum(finalStates),
        result: result.optional(),
        resultProblem: z.string().optional(),
        error: z.object({ name: z.string(), message: z.string(), code: z.string().optional() }).optional(),
      }),
    ),
    truncated: z.union([z.literal(false), z.enum(['results', 'members'])]),
  })
