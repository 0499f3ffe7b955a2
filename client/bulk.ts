/** Retry, replay, cancel and erase by filter: a count, or all pages of the operation. */
import type { BulkCount, BulkOutcome } from '../core/views/answers.gen.js'
import type { TRPCClient } from '@trpc/client'
import { mostSkipped } from '../core/views/bulkView.js'
import type { Router } from '../server/api/router/index.js'
import type { EraseFilter, ManyFilter, ManyJobs, ManyOutcome } from './bulkTypes.js'
import type { Transport } from './transport.js'

export type ManyOperation = keyof ManyJobs

export const createManyJobs = (transport: Transport): ManyJobs => ({
  cancelMany: many(transport, 'cancelMany'),
  retryMany: many(transport, 'retryMany'),
  replayMany: many(transport, 'replayMany'),
  erase: many(transport, 'erase'),
})

interface ManyOptions {
  dryRun?: true | undefined
  token?: string | undefined
}

/** As all of them are; their types tell what comes of which option. */
// oxlint-disable-next-line typescript/no-explicit-any
type AnyMany = (filter: ManyFilter<string, any> | EraseFilter, options: ManyOptions) => Promise<any>

const many =
  ({ call }: Transport, operation: ManyOperation): AnyMany =>
  (filter, { dryRun, token }) => {
    const ask: Ask = (page) => call((router, options) => askMany(router, operation, { filter, ...page }, options))
    return dryRun ? ask({ dryRun }) : allPages(ask, token)
  }

interface Page extends ManyOptions {
  cursor?: string | undefined
}

export type Ask = (page: Page) => Promise<BulkCount | BulkOutcome>

/** One request. Which states fit which operation, and that there is a token, the coordinator checks. */
export const askMany = (
  router: TRPCClient<Router>,
  operation: ManyOperation,
  { filter, ...page }: Page & { filter: object },
  options: { signal: AbortSignal },
): Promise<BulkCount | BulkOutcome> => router.jobs[operation].mutate({ filter, ...definedIn(page) }, options)

function definedIn({ dryRun, token, cursor }: Page): { dryRun?: true; token?: string; cursor?: string } {
  return {
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(token === undefined ? {} : { token }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}

/** Works all pages off, one after the other. */
export async function allPages(ask: Ask, token: string | undefined): Promise<ManyOutcome> {
  const sum: ManyOutcome = { matched: 0, done: 0, skipped: [] }
  let cursor: string | undefined
  do {
    const page = (await ask({ token, cursor })) as BulkOutcome
    sum.matched += page.matched
    sum.done += page.done
    sum.skipped = [...sum.skipped, ...page.skipped].slice(0, mostSkipped)
    cursor = page.cursor ?? undefined
  } while (cursor !== undefined)
  return sum
}
