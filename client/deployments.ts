/** Registers, switches, lists and retires deployments. */
import { dated } from './dated.js'
import type { DeploymentsClient } from './deploymentTypes.js'
import type { Transport } from './transport.js'

/** A deployment of a thousand functions that start cold is asked for longer than other requests take. */
const switchMs = 120_000

export function createDeployments({ call, timeoutMs }: Transport): DeploymentsClient {
  const limits = { timeoutMs: Math.max(timeoutMs, switchMs) }
  return {
    register: async (request) =>
      dated(await call((router, options) => router.deployments.register.mutate(request, options), limits)),
    activate: (id, { force } = {}) =>
      call((router, options) => router.deployments.activate.mutate({ id, force }, options), limits),
    rollBack: (id, { force } = {}) =>
      call((router, options) => router.deployments.rollBack.mutate({ id, force }, options), limits),
    deactivate: () => call((router, options) => router.deployments.deactivate.mutate(undefined, options)),
    retire: async (id) => dated(await call((router, options) => router.deployments.retire.mutate({ id }, options))),
    list: async () => {
      const { deployments } = await call((router, options) => router.deployments.list.query(undefined, options))
      return deployments.map(dated)
    },
  }
}
