/**
 * Shows the args of every job that may still run, page by page, so that new contracts can be tried on them before they are deployed.
 *
 * A page is a slice of all jobs by id, whatever their state, less those that are final. A job keeps its id, so one that waits throughout is seen
 * exactly once, however it moves between states meanwhile; and a page costs the database no more than its slice, on whatever coordinator.
 */
import type { WaitingPage, WaitingRequest } from '../core/compat.js'
import { versionField } from '../core/migrate.js'
import type { Deps } from './deps.js'

const slice = 5_000

/** Of the args on one page, as text, which they are in the database already. */
const maxPageLength = 2 * 1024 * 1024

export async function waitingPage({ store }: Deps, { cursor }: WaitingRequest): Promise<WaitingPage> {
  const { jobs, end } = await store.jobs.waiting(cursor, slice, maxPageLength)
  return {
    jobs: jobs.map(({ _id: id, worker, args, argsMeta, argsVersion }) => ({
      id,
      worker,
      args,
      ...(argsMeta === undefined ? {} : { argsMeta }),
      ...versionField(argsVersion),
    })),
    cursor: end ?? null,
  }
}
