/** What ran is what is shown. */
import { isDeepStrictEqual } from 'node:util'
import type { JobDocument, ReceiptDocument } from '../../../server/store/documents.js'
import type { Evidence, Run } from './evidence.js'
import { groupBy } from './evidence.js'
import { receiptsOf } from './jobs.js'
import type { Zero } from './zero.js'

export const args: Zero = {
  name: 'args that ran and are not those shown',
  counted:
    'The run behind the last receipt of a job had the args that the job is shown with; and they are those of the last replacement that was acknowledged, or of a later one that had no answer.',
  check(evidence) {
    const jobs = [...evidence.jobs.values()].filter(({ _id }) => evidence.runsOf.has(_id))
    return {
      of: jobs.length,
      broken: [...jobs.flatMap((job) => ranOtherwise(evidence, job)), ...replacementsLost(evidence)],
    }
  },
}

function ranOtherwise(evidence: Evidence, job: JobDocument): string[] {
  const receipt = receiptsOf(evidence, job)
    .toSorted((a, b) => a.attempt - b.attempt)
    .at(-1)
  if (!receipt) return []
  const runs = runsBehind(evidence.runsOf.get(job._id)!, receipt)
  if (runs.length === 0) return []
  const shown = JSON.parse(job.args) as Record<string, unknown>
  if (runs.some((run) => isSame(run.args, shown))) return []
  return [
    `job ${job._id} of ${job.worker}, attempt ${receipt.attempt}, ran version ${String(runs[0]!.args['v'])} and shows version ${String(shown['v'])}`,
  ]
}

/** The one that the receipt names; where no function spoke, all that had its attempt. */
function runsBehind(runs: readonly Run[], { attempt, result, error }: ReceiptDocument): Run[] {
  const named = /"run":"([^"]+)"/.exec(result ?? '')?.[1] ?? /in run (\S+)/.exec(error?.message ?? '')?.[1]
  return runs.filter((run) => (named === undefined ? run.attempt === attempt : run.run === named))
}

/** What a job that was asked for with less is shown without, and its function is given. */
const defaults = { v: 0, key: '', ms: 0, how: 'answer', times: 1, of: '' }

/** But for the summary of a group, which the function counts and does not keep. */
const isSame = (
  { group: _ran, ...ran }: Record<string, unknown>,
  { group: _shown, ...shown }: Record<string, unknown>,
): boolean => isDeepStrictEqual({ ...ran }, { ...defaults, ...shown })

function replacementsLost({ records, jobs }: Evidence): string[] {
  const asked = records.flatMap((record) => (record.kind === 'replaced' ? [record] : []))
  const acked = groupBy(
    asked.filter(({ outcome, id }) => outcome === 'acked' && id !== undefined),
    ({ id }) => id!,
  )
  return [...acked].flatMap(([id, versions]) => {
    const job = jobs.get(id)
    if (!job) return []
    const shown = (JSON.parse(job.args) as { v: number }).v
    const last = Math.max(...versions.map(({ v }) => v))
    const { key } = versions[0]!
    // one that was asked for twice, because its first answer was lost, may have changed this job before it was acknowledged
    // as another
    const isUnanswered = ({ outcome, id: acknowledged }: (typeof asked)[number]) =>
      outcome === 'unknown' || (outcome === 'acked' && acknowledged !== id)
    const mayBe = asked.some((each) => each.key === key && each.v === shown && isUnanswered(each))
    if (shown === last || (shown > last && mayBe)) return []
    return [`job ${id} of ${job.worker}: version ${last} was acknowledged, and version ${shown} is shown`]
  })
}
