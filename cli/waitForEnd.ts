/**
 * Waits until a job is final, as long as it takes and through a restart of the coordinator, and shows the job
 * meanwhile.
 */
import type { JobView } from '../core/views/answers.gen.js'
import { setTimeout as sleep } from 'node:timers/promises'
import { ErrandError } from '../core/errors.js'
import { isFinal } from '../core/states.js'
import type { Cli } from './cli.js'
import { connect, type CallOptions, type Coordinator } from './connection.js'
import { formatAgo } from './format.js'
import type { Output } from './output.js'

export interface Wait {
  id: string
  /** Told to the reader at first. */
  doing: string
  limitMs: number
}

/** So often a person sees what the job does. */
const lookMs = 5_000
/** A coordinator that is restarted is back by then. */
const patienceMs = 30_000
const retryMs = 1_000

/** The job once it is final, or as it is when the time is over. */
export async function waitForEnd(cli: Cli, out: Output, options: CallOptions, wait: Wait): Promise<JobView> {
  const { id, doing, limitMs } = wait
  const coordinator = await connect(cli, options, ['enqueue', 'observe'])
  const giveUpAt = cli.now().getTime() + limitMs
  return out.during(doing, async (progress) => {
    for (;;) {
      const leftMs = Math.max(0, giveUpAt - cli.now().getTime())
      const job = await lookPatiently(cli, coordinator, id, Math.min(leftMs, lookMs))
      if (isFinal(job.state) || leftMs === 0) return job
      progress.update(`${job.worker} ${id} is ${job.state}${details(job, cli.now())}`)
    }
  })
}

async function lookPatiently(cli: Cli, coordinator: Coordinator, id: string, timeoutMs: number): Promise<JobView> {
  const giveUpAt = cli.now().getTime() + patienceMs
  for (;;) {
    try {
      return await coordinator.call((router, options) => router.jobs.wait.query({ id, timeoutMs }, options))
    } catch (error) {
      const mayComeBack = error instanceof ErrandError && error.code === 'UNAVAILABLE'
      if (!mayComeBack || cli.now().getTime() > giveUpAt) throw error
      await sleep(retryMs)
    }
  }
}

function details(job: JobView, now: Date): string {
  if (job.state === 'running') return `, attempt ${job.attempt} of ${job.maxAttempts}`
  return job.state === 'scheduled' ? `, runs ${formatAgo(job.runAt, now)}` : ''
}
