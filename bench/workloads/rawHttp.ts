/**
 * The limit that nothing here can pass: round trips between two processes by undici, 100 under way, with a job's body
 * and nothing behind it.
 */
import { openAll } from '../harness/closers.js'
import { openRole } from '../harness/role.js'
import { perSecond } from '../harness/time.js'
import { httpCaller, httpEndpoint } from '../harness/http.js'
import { warmUpOf, type Workload } from './workload.js'

const roles = new URL('../harness/http.js', import.meta.url).href

export const rawHttp: Workload = {
  name: 'raw',
  title: 'Raw HTTP round trips between two processes',
  only: ['raw'],
  async measure(_system, _bench, scale) {
    const calls = scale.jobs('fast')
    const span = await openAll(async (closers) => {
      const endpoint = closers.add(await openRole(roles, httpEndpoint, {}))
      const caller = closers.add(await openRole(roles, httpCaller, { url: endpoint.ready.url }))
      await caller.call('callMany', { count: warmUpOf(calls), callers: 100 })
      const made = await caller.call('callMany', { count: calls, callers: 100 })
      await closers.close()
      return made
    })
    return [{ workload: 'raw', value: perSecond(calls, span), unit: 'calls/s', settings: { calls, callers: 100 } }]
  },
}
