/**
 * W10: what limits cost whose keys are many: a throttle and a concurrency limit with 10,000 keys each, ratio to a
 * worker without.
 */
import { perSecond } from '../harness/time.js'
import { keyCount } from '../systems/errandJobs.js'
import { drain } from './drain.js'
import { withSession, type Workload } from './workload.js'

export const keys: Workload = {
  name: 'W10',
  title: 'Drain with 10,000 keys, ratio to none',
  only: ['errand'],
  async measure(system, bench, scale) {
    const jobs = scale.jobs(system.pace)
    const rateOf = (worker: string) =>
      withSession(system, bench, 'http', async (session) =>
        perSecond(jobs, (await drain(session, jobs, { load: { worker } })).span),
      )
    const none = await rateOf('noop')
    const settings = { jobs, keys: keyCount }
    return [
      { workload: 'W10 none', value: none, unit: 'jobs/s', settings: { jobs } },
      { workload: 'W10 throttle', value: (await rateOf('throttled')) / none, unit: 'ratio', settings },
      { workload: 'W10 concurrency', value: (await rateOf('limited')) / none, unit: 'ratio', settings },
    ]
  },
}
