/** One of many jobs in a request, checked and not yet stored. */
import { enqueueRequest } from '../../core/requests/wire.js'
import type { Asker } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { prepare, type PreparedJob } from './enqueue.js'
import { parse } from './judge.js'

/**
 * `id` is for one that has none. Throws as `prepare` does, and `BAD_REQUEST`. The args in an item are let go, because thousands of them may wait to be
 * written: the job has them as text.
 */
export async function prepareItem(
  deps: Deps,
  item: unknown,
  asker: Asker,
  { mostIssues, id }: { mostIssues: number; id: string | undefined },
): Promise<PreparedJob> {
  const request = parse(enqueueRequest, item, mostIssues)
  request.id ??= id
  const prepared = await prepare(deps, request, asker, mostIssues)
  Object.assign(item as object, { args: undefined, argsMeta: undefined })
  return prepared
}
