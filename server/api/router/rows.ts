/** The router as rows: what REST and the description read off it. */
import type { z } from 'zod'
import { router } from './index.js'
import type { ProcedureMeta, RouterContext } from './procedure.js'

/** What tRPC gives a procedure. */
interface ProcedureCall {
  ctx: RouterContext
  path: string
  type: string
  getRawInput: () => Promise<unknown>
  signal: AbortSignal
  batchIndex: number
}

/** A schema as tRPC has it, which reads or passes values in its own way. */
interface Parser {
  schema: z.ZodType
}

interface Procedure {
  (call: ProcedureCall): Promise<unknown>
  _def: { type: string; meta: ProcedureMeta; inputs: readonly Parser[]; output?: Parser }
}

/** One procedure. */
export interface Row {
  /** Such as `jobs.cancel`. */
  path: string
  type: string
  meta: ProcedureMeta
  input: z.ZodType | undefined
  /** A stream has none. */
  answer: z.ZodType | undefined
  call: Procedure
}

export const rows: readonly Row[] = Object.entries(router._def.procedures as unknown as Record<string, Procedure>).map(
  ([path, call]) => {
    const { type, meta, inputs, output } = call._def
    return { path, type, meta, input: inputs[0]?.schema, answer: output?.schema, call }
  },
)

const byPath = new Map(rows.map((row) => [row.path, row]))

export const rowOf = (path: string): Row | undefined => byPath.get(path)
