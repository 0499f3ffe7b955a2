/** The reasons why a job does not run now. `core/views/why` says them in words. */
import { z } from 'zod'
import { finalStates } from '../states.js'
import { count, flag, state, time, worker } from './fields.js'
import { pauseView } from './pauses.js'

/** The name and code of a receipt's error: its text is left to those who look at the job. */
export const errorName = z
  .strictObject({ name: z.string(), code: z.string().exactOptional() })
  .meta({ id: 'ErrorName' })

const kind = <Name extends string>(name: Name) => ({ kind: z.literal(name), message: z.string().describe('In words.') })
const attempts = { attempt: count, maxAttempts: count }
const lanes = z.strictObject({ taken: count, limit: count }).describe('Of the coordinator that answers.')
const key = { key: z.string().exactOptional(), keyHidden: flag.exactOptional() }
const rule = z
  .strictObject({ intervalMs: z.number(), burst: count })
  .exactOptional()
  .describe('Absent where the worker has none any more.')
const estimate = time.describe('An estimate.')

export const reason = z
  .discriminatedUnion('kind', [
    z.strictObject({
      ...kind('final'),
      state: z.enum(finalStates),
      finishedAt: time,
      ...attempts,
      error: errorName.exactOptional(),
    }),
    z.strictObject({ ...kind('claimed'), since: time, lanes }),
    z.strictObject({ ...kind('running'), ...attempts, startedAt: time, deadline: time }),
    z.strictObject({ ...kind('paused'), ...pauseView.shape }),
    z.strictObject({
      ...kind('broken'),
      worker,
      since: time,
      until: time.describe('One job tries the function then.'),
      code: z.string(),
      times: count.describe('How often it was tried again, in vain.'),
    }),
    z.strictObject({
      ...kind('not-deployed'),
      worker,
      nearest: z.string().exactOptional().describe('The deployed worker whose name is most like it.'),
      deployment: z.int().min(1).exactOptional().describe('The live one, which does not have it.'),
    }),
    z.strictObject({ ...kind('atomic') }),
    z.strictObject({ ...kind('not-due'), until: time }),
    z.strictObject({ ...kind('retry'), until: time, ...attempts, error: errorName.exactOptional() }),
    z.strictObject({ ...kind('snoozed'), until: time, snoozes: count }),
    z.strictObject({
      ...kind('throttled'),
      worker,
      ...key,
      until: estimate,
      before: count.describe('Throttled jobs of the key that come earlier.'),
      rule,
    }),
    z.strictObject({
      ...kind('over-budget'),
      worker,
      until: estimate,
      before: count.describe('Retries of the worker that come earlier.'),
      rule,
    }),
    z.strictObject({
      ...kind('blocked'),
      worker,
      ...key,
      limit: count.exactOptional(),
      holding: count,
      users: z
        .array(z.strictObject({ id: z.string(), since: time, until: time }))
        .describe(
          "The runs that use the key's slots, at most a hundred of them: each until its function has answered, or until `until`, also where its job has moved on.",
        ),
      before: count.describe('Blocked jobs that are better.'),
    }),
    z.strictObject({ ...kind('busy'), before: count.describe('Queued jobs that are better.'), lanes }),
    z.strictObject({
      ...kind('waiting-for-coordinator'),
      step: z.enum(['stage', 'release']),
      since: time.exactOptional(),
    }),
    z.strictObject({ ...kind('failing'), worker, receipts: count, error: errorName, at: time }),
  ])
  .meta({ id: 'WhyReason' })

export const whyView = z
  .strictObject({
    id: z.string(),
    worker,
    state,
    running: z.boolean(),
    reasons: z.array(reason).describe('The reason that would have to go first stands first.'),
  })
  .meta({ id: 'WhyView' })
