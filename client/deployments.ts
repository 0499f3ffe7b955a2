/** Registers, switches, lists and retires deployments. */
import type { DeploymentView } from '../core/views/answers.gen.js'
import type { Deployment, DeploymentsClient } from './deploymentTypes.js'
import type { Transport } from './transport.js'

/** A deployment of a thousand functions that start cold is asked for longer than other requests take. */
const switchMs = 120_000

export function createDeployments({ call, timeoutMs }: Transport): DeploymentsClient {
  const limits = { timeoutMs: Math.max(timeoutMs, switchMs) }
  return {
    register: async (request) =>
      deploymentOf(await call((router, options) => router.deployments.register.mutate(request, options), limits)),
    activate: (id, { force } = {}) =>
      call((router, options) => router.deployments.activate.mutate({ id, force }, options), limits),
    rollBack: (id, { force } = {}) =>
      call((router, options) => router.deployments.rollBack.mutate({ id, force }, options), limits),
    deactivate: () => call((router, options) => router.deployments.deactivate.mutate(undefined, options)),
    retire: async (id) =>
      deploymentOf(await call((router, options) => router.deployments.retire.mutate({ id }, options))),
    list: async () => {
      const { deployments } = await call((router, options) => router.deployments.list.query(undefined, options))
      return deployments.map(deploymentOf)
    },
  }
}

const deploymentOf = ({ createdAt, retiredAt, ...view }: DeploymentView): Deployment => ({
  ...view,
  createdAt: new Date(createdAt),
  ...(retiredAt === undefined ? {} : { retiredAt: new Date(retiredAt) }),
})
