/** Numbers for Prometheus. A registry for each coordinator, so that two can live in one process. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { addIntakeMetrics } from './intakeMetrics.js'
import { isBreaker, pauseView } from '../flowControl/knownPauses.js'
import type { Store } from '../store/index.js'
import type { Intake, Metrics } from '../deps.js'

/** The counts of waiting jobs are asked of the database, so at most this often. */
const freshMs = 5_000

export interface MetricsDeps {
  store: Store
  intake: Intake
  now: () => Date
}

export function createMetrics({ store, intake, now }: MetricsDeps): Metrics {
  const registry = new Registry()
  const registers = [registry]
  addIntakeMetrics(intake, registry)
  const attempts = new Counter({
    name: 'errand_attempts_total',
    help: 'Attempts that have their receipt, by worker and status.',
    labelNames: ['worker', 'status'],
    registers,
  })
  const enqueued = new Counter({
    name: 'errand_jobs_enqueued_total',
    help: 'Jobs that were enqueued on this coordinator, by worker.',
    labelNames: ['worker'],
    registers,
  })
  const snoozes = new Counter({
    name: 'errand_snoozes_total',
    help: 'Times that jobs asked to be run again later, by worker.',
    labelNames: ['worker'],
    registers,
  })
  const duration = new Histogram({
    name: 'errand_attempt_duration_seconds',
    help: 'From the claim of a job to the receipt of its attempt.',
    labelNames: ['worker'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
    registers,
  })
  let countedAt = 0
  // it registers itself
  // oxlint-disable-next-line no-new
  new Gauge({
    name: 'errand_jobs',
    help: 'Jobs that are not final, by worker and state.',
    labelNames: ['worker', 'state'],
    registers,
    async collect() {
      if (now().getTime() - countedAt < freshMs) return
      countedAt = now().getTime()
      this.reset()
      for (const { worker, state, count } of await store.jobs.countWaiting()) this.set({ worker, state }, count)
    },
  })

  // oxlint-disable-next-line no-new
  new Gauge({
    name: 'errand_paused_jobs',
    help: 'Queued jobs that the pause of a worker or a key keeps from starting, by worker. A pause of everything holds none.',
    labelNames: ['worker'],
    registers,
    async collect() {
      this.reset()
      for (const { worker, count } of await store.jobs.countPaused()) this.set({ worker }, count)
    },
  })
  // oxlint-disable-next-line no-new
  new Gauge({
    name: 'errand_pauses',
    help: 'What is paused, by scope: all, worker or key; breaker for functions that fail.',
    labelNames: ['scope'],
    registers,
    async collect() {
      this.reset()
      for (const pause of await store.pauses.list()) {
        this.inc({ scope: isBreaker(pause) ? 'breaker' : pauseView(pause).scope })
      }
    },
  })

  // looking a child up by its labels costs more than counting; there are as many as workers
  const enqueuedOf = byName((worker) => enqueued.labels(worker))
  const successesOf = byName((worker) => attempts.labels(worker, 'success'))
  const failuresOf = byName((worker) => attempts.labels(worker, 'failure'))
  const durationOf = byName((worker) => duration.labels(worker))

  return {
    attempt(worker, { status, startedAt, finishedAt }) {
      ;(status === 'success' ? successesOf : failuresOf)(worker).inc()
      durationOf(worker).observe((finishedAt.getTime() - startedAt.getTime()) / 1_000)
    },
    enqueued: (worker) => enqueuedOf(worker).inc(),
    snoozed: (worker) => snoozes.inc({ worker }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

function byName<Child>(make: (name: string) => Child): (name: string) => Child {
  const children = new Map<string, Child>()
  return (name) => {
    let child = children.get(name)
    if (!child) children.set(name, (child = make(name)))
    return child
  }
}
