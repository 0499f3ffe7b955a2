/**
 * What a procedure answers: its schema types it and describes it. Nothing is parsed on its way out, since the code that
 * makes an answer is typed by the same schema; tests hold every answer against it (test/support/answers).
 */
import type { z } from 'zod'

type Check = (schema: z.ZodType, answer: unknown) => void

let check: Check | undefined

/** For tests: looks at every answer of this process. */
export function checkAnswers(by: Check): void {
  check = by
}

/** The schema, as tRPC takes it for an output. */
export function answer<Schema extends z.ZodType>(schema: Schema): Schema {
  const pass = {
    value: (given: unknown) => {
      check?.(schema, given)
      return given
    },
  }
  return Object.create(schema, { parse: pass, parseAsync: pass, schema: { value: schema } }) as Schema
}

/** The same for a route that no procedure stands behind. */
export function answered<Schema extends z.ZodType>(schema: Schema, given: z.input<Schema>): z.input<Schema> {
  check?.(schema, given)
  return given
}
