/** Lays jobs out as the rows of a table. */
import type { JobRow } from '../core/views/answers.gen.js'
import { formatAgo, formatPercent, formatTable } from './format.js'
import { describePause } from './jobText.js'
import { paintState, type Style } from './style.js'

export const jobTable = (style: Style, jobs: readonly JobRow[], now: Date): string =>
  formatTable(
    style,
    ['ID', 'WORKER', 'STATE', 'ATTEMPT', 'CREATED', ''],
    jobs.map((job) => jobRow(style, job, now)),
  )

const jobRow = (style: Style, job: JobRow, now: Date): string[] => [
  job.id,
  job.worker,
  paintState(style, job.state),
  `${job.attempt} of ${job.maxAttempts}`,
  formatAgo(job.createdAt, now),
  style.dim(whatNext(job, now)),
]

function whatNext(job: JobRow, now: Date): string {
  if (job.finishedAt !== undefined) return `ended ${formatAgo(job.finishedAt, now)}`
  if (!job.workerKnown) return 'waits for its worker to be deployed'
  if (job.state === 'running' && job.progress) return formatPercent(job.progress.fraction)
  if (job.paused !== undefined) return describePause(job.paused, now)
  return job.state === 'scheduled' ? `runs ${formatAgo(job.runAt, now)}` : ''
}
