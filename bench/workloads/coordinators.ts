/**
 * W9: whether several coordinators on one database are as fast together as one. All of them share this machine's cores.
 */
import { perSecond } from '../harness/time.js'
import { drain } from './drain.js'
import { withSession, type Figure, type Workload } from './workload.js'

export const coordinators: Workload = {
  name: 'W9',
  title: 'W7 with 1, 2 and 4 coordinators',
  only: ['errand'],
  async measure(system, bench, scale) {
    const figures: Figure[] = []
    const jobs = scale.jobs(system.pace)
    for (const count of [1, 2, 4]) {
      const { span } = await withSession(system, bench, 'http', (session) =>
        drain(session, jobs, { work: { coordinators: count } }),
      )
      figures.push({ workload: `W9 with ${count}`, value: perSecond(jobs, span), unit: 'jobs/s', settings: { jobs } })
    }
    return figures
  },
}
