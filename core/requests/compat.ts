/** The jobs that may still run, as a coordinator shows them for `errand codegen --compat` to try new contracts on. */
import { z } from 'zod'

export const waitingRequest = z.strictObject({
  /** Where the last page ended. */
  cursor: z.string().min(1).max(100).optional(),
})
export type WaitingRequest = z.output<typeof waitingRequest>

/** Args as a contract took them: text, because most of it is only passed on. */
export interface StoredArgs {
  worker: string
  /** JSON. */
  args: string
  /** superjson's meta, as JSON. */
  argsMeta?: string
  /** Of the contract that took the args; absent for version 1. */
  argsVersion?: number
}
