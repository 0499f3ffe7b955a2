/** Registers, switches, lists and retires deployments. */
import {
  activateRequest,
  deploymentRequest,
  maxRegisterBytes,
  registerRequest,
  rollbackRequest,
} from '../../../core/requests/deployments.js'
import { activate, deactivate, listDeployments, register, retire, rollBack } from '../../deployments/deployments.js'
import { createRouter, toDeploy } from './procedure.js'

export const deploymentsRouter = createRouter({
  register: toDeploy
    .meta({ maxBytes: maxRegisterBytes })
    .input(registerRequest)
    .mutation(({ ctx, input }) => register(ctx.deps, input, ctx.actor.name)),
  activate: toDeploy.input(activateRequest).mutation(({ ctx, input }) => activate(ctx.deps, input, ctx.actor.name)),
  rollBack: toDeploy
    .input(rollbackRequest.default({}))
    .mutation(({ ctx, input }) => rollBack(ctx.deps, input, ctx.actor.name)),
  deactivate: toDeploy.mutation(({ ctx }) => deactivate(ctx.deps, ctx.actor.name)),
  retire: toDeploy.input(deploymentRequest).mutation(({ ctx, input }) => retire(ctx.deps, input.id, ctx.actor.name)),
  list: toDeploy.query(({ ctx }) => listDeployments(ctx.deps)),
})
