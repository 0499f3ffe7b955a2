/**
 * Enqueues jobs for every worker in jobs/, with the typed client, as an app would: a wrong name or field here does not
 * compile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, JobReference } from 'errand/client'
import type { Jobs } from '../jobs/registry.gen.js'
import type { Run } from './run.js'

export type DemoClient = Client<Jobs>

export interface Work {
  /** How many orders each shop has. */
  orders: Record<string, number>
  /** The day to report. */
  day: string
  picture: string
}

/** One job or a few for every worker but the shop's. */
export function enqueueSingles(errand: DemoClient, { day, picture }: Work): Promise<JobReference<unknown>[]> {
  return Promise.all([
    errand.enqueue('mail.send', { to: 'ada@example.org', subject: 'Your order', text: 'It is on its way.' }),
    errand.enqueue('mail.send', { to: 'grace@example.org', subject: 'Your order', html: '<p>It is on its way.</p>' }),
    errand.enqueue('mail.send', { to: 'busy@example.org', subject: 'Again?', text: 'Taken at the second try.' }),
    errand.enqueue('mail.send', { to: 'unknown@example.org', subject: 'Anybody there?', text: 'No.' }),
    errand.enqueue('image.thumbnail', { source: picture, name: 'sunset.jpg', width: 320, height: 240 }),
    errand.enqueue('report.daily', { day }),
    errand.enqueue('failWhale', { wish: 'fly' }),
  ])
}

/** All orders of all shops in one go. */
export async function enqueueOrders(errand: DemoClient, { orders }: Work): Promise<JobReference<unknown>[]> {
  const outcomes = await errand.enqueueMany(
    Object.entries(orders).flatMap(([shop, count]) =>
      Array.from({ length: count }, (_, index) => ({
        worker: 'shop.syncOrder' as const,
        args: { shop, orderId: 1_001 + index, placedAt: new Date() },
      })),
    ),
  )
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw outcome.error
    return outcome.job
  })
}

/**
 * Lets a schedule make the report too: every second until the first job is there, then no more. Answers with what it
 * made.
 */
export async function reportBySchedule(run: Run, errand: DemoClient, day: string): Promise<JobReference<unknown>[]> {
  const id = 'demo-every-second'
  const cron = '* * * * * *'
  await errand.schedule('report.daily', { day }, { id, cron, timezone: 'America/Montreal' })
  const made = async () =>
    (await errand.jobs.list({ worker: 'report.daily' })).jobs.filter(({ scheduleId }) => scheduleId === id)
  while ((await made()).length === 0) await sleep(100, undefined, { signal: run.interrupted })
  await errand.schedules.remove(id)
  return (await made()).map((job) => errand.job<'report.daily'>(job.id))
}

/** Waits until every job is final, and tells now and then how many are. */
export async function waitForAll(run: Run, jobs: readonly JobReference<unknown>[]): Promise<void> {
  let done = 0
  const tell = () => run.terminal.progress(`  ${done} of ${jobs.length} jobs are final`)
  const telling = setInterval(tell, 1_000)
  try {
    await Promise.all(
      jobs.map(async (job) => {
        await job.receipt({ timeout: '45s', signal: run.interrupted })
        done++
      }),
    )
  } finally {
    clearInterval(telling)
  }
}
