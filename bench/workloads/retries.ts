/** W11: each job fails twice and succeeds at its third attempt, with 100 ms in between. */
import { perSecond } from '../harness/time.js'
import { flakyAttempts } from '../systems/errandJobs.js'
import { drain } from './drain.js'
import { withSession, type Workload } from './workload.js'

export const retries: Workload = {
  name: 'W11',
  title: 'Failing jobs with retries',
  only: ['errand'],
  measure: (system, bench, scale) =>
    withSession(system, bench, 'http', async (session) => {
      const jobs = Math.ceil(scale.jobs(system.pace) / 2)
      const { span } = await drain(session, jobs, { load: { worker: 'flaky' }, timesEach: flakyAttempts })
      const settings = { jobs, attempts: flakyAttempts, backoff: '100ms' }
      return [{ workload: 'W11', value: perSecond(jobs * flakyAttempts, span), unit: 'attempts/s', settings }]
    }),
}
