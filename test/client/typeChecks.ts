/**
 * What the client's types take and refuse. Nothing here runs: `npm run types` checks each line, and types.test.ts once
 * more. A line below `@ts-expect-error` that compiles after all is an error too.
 */
import { expectTypeOf } from 'vitest'
import type { z } from 'zod'
import type {
  Client,
  EnqueueItem,
  EnqueueOutcome,
  GroupSummary,
  JobHandle,
  Receipt,
  ReceiptError,
} from '../../client/index.js'
import type { groupSummary } from '../../core/index.js'
import type { ReceiptError as WireReceiptError } from '../../core/requests/wire.js'
import type { Jobs as ShippedJobs } from '../../jobs/registry.gen.js'
import type { Jobs, MailSendResult, ShopTotalArgs, ShopTotalResult, workers } from './workers.js'

const to = { to: 'ada@example.org' }

export async function givesEachWorkerItsArgsAndItsResult(errand: Client<Jobs>) {
  const mail = await errand.enqueue('mail.send', { to: 'ada@example.org', at: new Date() }, { delay: '10m' })
  expectTypeOf(mail).toEqualTypeOf<JobHandle<MailSendResult>>()
  expectTypeOf(await mail.result()).toEqualTypeOf<MailSendResult>()
  const receipt = await mail.receipt({ timeout: '1m' })
  expectTypeOf(receipt).toEqualTypeOf<Receipt<MailSendResult>>()
  if (receipt.status === 'success') expectTypeOf(receipt.result).toEqualTypeOf<MailSendResult>()
  if (receipt.status === 'failure') expectTypeOf(receipt.error).toEqualTypeOf<ReceiptError>()
  // @ts-expect-error a cancelled job has no result
  if (receipt.status === 'cancelled') void receipt.result
  expectTypeOf(await errand.job<'shop.total'>('id').result()).toEqualTypeOf<ShopTotalResult>()
  expectTypeOf(await errand.job('id').result()).toBeUnknown()
}

export const refusesWhatIsUnknownWrongOrMissing = (errand: Client<Jobs>, anyText: string) => [
  // @ts-expect-error no such worker
  errand.enqueue('mail.sned', to),
  // @ts-expect-error any text is not a worker
  errand.enqueue(anyText, to),
  // @ts-expect-error `to` is a string
  errand.enqueue('mail.send', { to: 42 }),
  // @ts-expect-error no such field
  errand.enqueue('mail.send', { to: 'a', cc: 'b' }),
  // @ts-expect-error `to` is missing
  errand.enqueue('mail.send', {}),
  // @ts-expect-error the args are missing
  errand.enqueue('mail.send'),
  // @ts-expect-error `to` is missing
  errand.schedule('mail.send', {}, { cron: '* * * * *' }),
  // @ts-expect-error a schedule needs its cron
  errand.schedule('mail.send', to, {}),
  // @ts-expect-error no such worker
  errand.jobs.list({ worker: 'mail.sned' }),
  // @ts-expect-error no such state
  errand.jobs.list({ state: 'done' }),
]

expectTypeOf<ShopTotalArgs>().toExtend<z.input<(typeof workers)['shop.total']['args']>>()
export const takesWhatCallersGiveToATransform = (errand: Client<Jobs>) => [
  errand.enqueue('shop.total', { amount: '12' }),
  // @ts-expect-error the schema makes a number of it; callers give the text
  errand.enqueue('shop.total', { amount: 12 }),
]

export const letsArgsBeLeftOutOnlyWhereNoneIsNeeded = (errand: Client<Jobs>) => [
  errand.enqueue('tick'),
  errand.enqueue('tick', {}, { delay: '1s' }),
  errand.enqueueMany([{ worker: 'tick' }]),
  // @ts-expect-error the args are missing
  errand.enqueueMany([{ worker: 'mail.send' }]),
]

export const takesDurationsWithTheirUnitAndEitherDelayOrRunAt = (errand: Client<Jobs>) => [
  errand.enqueue('mail.send', to, { runAt: new Date(), priority: 3, key: 'k' }),
  errand.enqueue('mail.send', to, { unique: { key: 'k', until: '10m', onConflict: 'debounce', maxWait: '1h' } }),
  // @ts-expect-error no such policy
  errand.enqueue('mail.send', to, { unique: { key: 'k', onConflict: 'ignore' } }),
  errand.enqueue('mail.send', to, { runAt: '2030-01-01 10:00:00 AM', timezone: 'America/Montreal' }),
  // @ts-expect-error a number has no unit
  errand.enqueue('mail.send', to, { delay: 30 }),
  // @ts-expect-error no such unit
  errand.enqueue('mail.send', to, { delay: '5 minutes' }),
  // @ts-expect-error one of them
  errand.enqueue('mail.send', to, { delay: '5m', runAt: new Date() }),
  // @ts-expect-error one of them
  errand.enqueueMany([{ worker: 'mail.send', args: to, delay: '5m', runAt: new Date() }]),
  // @ts-expect-error no such option
  errand.enqueue('mail.send', to, { prio: 3 }),
]

export async function followsEachItemOfEnqueueMany(errand: Client<Jobs>) {
  const [mail, total] = await errand.enqueueMany([
    { worker: 'mail.send', args: { to: 'a' }, delay: '1s' },
    { worker: 'shop.total', args: { amount: '1' } },
  ])
  expectTypeOf(mail).toEqualTypeOf<EnqueueOutcome<MailSendResult>>()
  expectTypeOf(total).toEqualTypeOf<EnqueueOutcome<ShopTotalResult>>()
  const mapped = await errand.enqueueMany(['a', 'b'].map((to) => ({ worker: 'mail.send', args: { to } })))
  expectTypeOf(mapped).toEqualTypeOf<EnqueueOutcome<MailSendResult>[]>()
  const built: (EnqueueItem<Jobs, 'mail.send'> | EnqueueItem<Jobs, 'tick'>)[] = [{ worker: 'tick' }]
  expectTypeOf(await errand.enqueueMany(built)).toEqualTypeOf<EnqueueOutcome<MailSendResult | number>[]>()
  // @ts-expect-error `amount` is a string
  await errand.enqueueMany([{ worker: 'tick' }, { worker: 'shop.total', args: { amount: 1 } }])
  // @ts-expect-error the args of another worker
  await errand.enqueueMany([{ worker: 'shop.total', args: { to: 'a' } }])
  // @ts-expect-error no such worker
  await errand.enqueueMany([{ worker: 'mail.sned', args: { to: 'a' } }])
}

/** As codegen prints `groupSummary(…)`. */
interface Summary<Result> {
  id: string
  total: number
  succeeded: number
  failed: number
  cancelled: number
  members: {
    id: string
    worker?: string | undefined
    state: 'succeeded' | 'failed' | 'cancelled'
    result?: Result | undefined
    resultProblem?: string | undefined
    error?: { name: string; message: string; code?: string | undefined } | undefined
  }[]
  truncated: false | 'results' | 'members'
}
interface Reports extends Jobs {
  'report.merge': { args: { group: Summary<unknown>; title?: string | undefined }; result: MailSendResult }
  'report.month': { args: { group: Summary<{ rows: number }>; month: string }; result: number }
  'report.odd': { args: { group: string }; result: null }
}
expectTypeOf<z.input<ReturnType<typeof groupSummary>>>().toEqualTypeOf<Summary<unknown>>()
expectTypeOf<GroupSummary<{ rows: number }>>().toExtend<Summary<{ rows: number }>>()

export async function givesAGroupTheResultOfItsCallback(errand: Client<Reports>) {
  const named = await errand.group([{ worker: 'tick' }, { worker: 'mail.send', args: to }], { then: 'report.merge' })
  expectTypeOf(await named.result()).toEqualTypeOf<MailSendResult>()
  const withArgs = await errand.group(
    ['a', 'b'].map((to) => ({ worker: 'mail.send', args: { to } })),
    { then: { worker: 'report.month', args: { month: 'May' } }, policy: 'wait' },
  )
  expectTypeOf(await withArgs.receipt()).toEqualTypeOf<Receipt<number>>()
  const nested = await errand.group([
    { group: [{ worker: 'tick', delay: '1s' }, { group: [] }], then: 'report.merge', policy: 'cancelRest' },
  ])
  expectTypeOf(await nested.result()).toBeNever()
  expectTypeOf(await errand.groups.of<'report.month'>('id').result()).toBeNumber()
}

export const refusesCallbacksThatTakeNoSummaryAndWrongMembers = (errand: Client<Reports>) => [
  // @ts-expect-error a mail takes no summary
  errand.group([{ worker: 'tick' }], { then: 'mail.send' }),
  // @ts-expect-error neither does this one
  errand.group([{ worker: 'tick' }], { then: 'report.odd' }),
  // @ts-expect-error `month` is missing
  errand.group([{ worker: 'tick' }], { then: 'report.month' }),
  // @ts-expect-error `month` is a string
  errand.group([{ worker: 'tick' }], { then: { worker: 'report.month', args: { month: 5 } } }),
  // @ts-expect-error the summary is not the caller's to give
  errand.group([{ worker: 'tick' }], { then: { worker: 'report.merge', args: { group: {} } } }),
  // @ts-expect-error no such policy
  errand.group([{ worker: 'tick' }], { policy: 'waits' }),
  // @ts-expect-error no such worker
  errand.group([{ worker: 'tikc' }]),
  // @ts-expect-error `to` is a string
  errand.group([{ worker: 'mail.send', args: { to: 7 } }]),
  // @ts-expect-error `to` is a string, in a nested group as well
  errand.group([{ group: [{ worker: 'mail.send', args: { to: 7 } }] }]),
  // @ts-expect-error a nested group's callback takes a summary as well
  errand.group([{ group: [], then: 'tick' }]),
]

export const takesAnyCallbackWithoutARegistry = (errand: Client) => [
  errand.group([{ worker: 'whatever', args: { a: 1 } }], { then: 'whatever.else' }),
  errand.group([{ group: [{ worker: 'whatever' }], then: { worker: 'whatever.else', args: { b: 2 } } }]),
]

export const takesTheRegistryThatCodegenWrites = (errand: Client<ShippedJobs>) => errand.workers.list()
export const takesAnyNameWithoutARegistry = (errand: Client) => [
  errand.enqueue('whatever', { a: 1 }),
  errand.enqueueMany([{ worker: 'whatever', args: { b: 2 } }]),
]

// both name it, and neither may import the other's
expectTypeOf<ReceiptError>().toEqualTypeOf<WireReceiptError>()
