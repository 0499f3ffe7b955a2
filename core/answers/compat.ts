/** The jobs that may still run, for checks of new contracts. */
import { z } from 'zod'
import { nextCursor, worker } from './fields.js'

const id = z.string()

const storedArgs = {
  worker,
  args: z.string().describe('JSON, as a contract took it: text, because most of it is only passed on.'),
  argsMeta: z.string().exactOptional().describe("superjson's meta, as JSON."),
  argsVersion: z.int().min(1).exactOptional().describe('Of the contract that took the args; absent for version 1.'),
}

export const waitingPage = z
  .strictObject({
    jobs: z
      .array(
        z.union([z.strictObject({ id, ...storedArgs }), z.strictObject({ id, worker, argsHidden: z.literal(true) })]),
      )
      .describe('Scheduled, queued, blocked and running jobs, newest first. A page may hold none and not be the last.'),
    cursor: nextCursor,
  })
  .meta({ id: 'WaitingPage' })
