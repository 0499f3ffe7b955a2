/** Numbers for Prometheus of what waits to be written, and of requests refused because of it. */
import { Counter, Gauge, type Registry } from 'prom-client'
import { writeLanes } from '../jobs/writeLane.js'
import type { Load, Intake } from '../deps.js'

const gauges: { name: string; help: string; of: keyof Load }[] = [
  {
    name: 'errand_intake_requests',
    help: 'Requests with jobs that are being read or wait to be written',
    of: 'requests',
  },
  { name: 'errand_intake_jobs', help: 'Jobs of requests that wait to be written', of: 'jobs' },
  {
    name: 'errand_intake_bytes',
    help: 'Bytes of requests with jobs that are being read or wait to be written',
    of: 'bytes',
  },
]

/** They are read when Prometheus asks, so that counting costs requests nothing. */
export function addIntakeMetrics(intake: Intake, registry: Registry): void {
  const common = { labelNames: ['lane'], registers: [registry] }
  for (const { name, help, of } of gauges) {
    // it registers itself
    // oxlint-disable-next-line no-new
    new Gauge({
      ...common,
      name,
      help: `${help}, by lane: single or bulk.`,
      collect() {
        for (const lane of writeLanes) this.set({ lane }, intake.waiting(lane)[of])
      },
    })
  }
  // oxlint-disable-next-line no-new
  new Gauge({
    name: 'errand_receipts_unread',
    help: 'Receipts that functions have posted and that wait for their turn to be read.',
    registers: [registry],
    collect() {
      this.set(intake.receipts.waiting)
    },
  })
  // oxlint-disable-next-line no-new
  new Counter({
    ...common,
    name: 'errand_intake_refused_total',
    help: 'Requests with jobs that were refused because too much waited to be written, by lane: single or bulk.',
    collect() {
      this.reset()
      for (const lane of writeLanes) this.inc({ lane }, intake.refused(lane))
    },
  })
}
