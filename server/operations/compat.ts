/**
 * Shows the args of every job that may still run, page by page and only those that the caller may see whole, so that
 * new contracts can be tried on them before they are deployed.
 *
 * A page is a slice of all jobs by id, in any state, without those that are final. A job keeps its id, so one that
 * waits throughout is seen exactly once, however it moves between states meanwhile; and a page costs the database no
 * more than its slice, on any coordinator.
 */
import type { WaitingPage } from '../../core/views/answers.gen.js'
import type { WaitingRequest } from '../../core/requests/compat.js'
import { ErrandError } from '../../core/errors.js'
import { versionField } from '../../core/job/migrate.js'
import type { Deps } from '../deps.js'
import { disclosuresOf, type Viewer } from '../access/disclosure.js'

const slice = 5_000

/** Of the args on one page, as text, which they are in the database already. */
const maxPageLength = 2 * 1024 * 1024

/** Throws `FORBIDDEN` where the caller may not see args: without them everything would seem to fit. */
export async function waitingPage(
  { store, contracts }: Deps,
  { cursor }: WaitingRequest,
  viewer: Viewer,
): Promise<WaitingPage> {
  if (!viewer.seesArgs) {
    throw new ErrandError(
      'FORBIDDEN',
      'This API key may not see args, and new contracts are tried on them. Take one of the role operate, or of observe that sees args.',
    )
  }
  const { jobs, end } = await store.jobs.waiting(cursor, slice, maxPageLength)
  const workers = jobs.map(({ worker }) => worker)
  const disclosures = await disclosuresOf(contracts, workers, viewer)
  return {
    jobs: jobs.map(({ _id: id, worker, ...stored }) => {
      const args = disclosures(worker).wholeArgs(stored)
      if (!args) return { id, worker, argsHidden: true }
      const meta = args.meta === undefined ? {} : { argsMeta: args.meta }
      return { id, worker, args: args.json, ...meta, ...versionField(stored.argsVersion) }
    }),
    cursor: end ?? null,
  }
}
