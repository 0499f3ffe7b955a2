/** Registers, switches, lists and retires deployments. */
import { activated, deploymentList, deploymentView } from '../../../core/answers/deployments.js'
import {
  activateRequest,
  deploymentRequest,
  maxRegisterBytes,
  registerRequest,
  rollbackRequest,
} from '../../../core/requests/deployments.js'
import { activate, deactivate, listDeployments, register, retire, rollBack } from '../../deployments/deployments.js'
import { answer } from './answer.js'
import { createRouter, toDeploy } from './procedure.js'

export const deploymentsRouter = createRouter({
  register: toDeploy
    .meta({
      http: 'POST /deployments',
      about: 'Register what was built. The coordinator runs its contracts; nothing goes live',
      creates: true,
      maxBytes: maxRegisterBytes,
      errors: ['BAD_WORKER'],
    })
    .input(registerRequest)
    .output(answer(deploymentView))
    .mutation(({ ctx, input }) => register(ctx.deps, input, ctx.actor.name)),
  activate: toDeploy
    .meta({
      http: 'POST /deployments/:id/activate',
      about: 'Ask each function whether it is there, and make the deployment live in one switch',
      errors: ['UNKNOWN_DEPLOYMENT', 'PROBE_FAILED', 'DEPLOYED_MEANWHILE', 'WRONG_STATE'],
    })
    .input(activateRequest)
    .output(answer(activated))
    .mutation(({ ctx, input }) => activate(ctx.deps, input, ctx.actor.name)),
  rollBack: toDeploy
    .meta({
      http: 'POST /deployments/rollback',
      about: 'Make the deployment live that was before, or the one of that number',
      errors: ['UNKNOWN_DEPLOYMENT', 'PROBE_FAILED', 'DEPLOYED_MEANWHILE', 'WRONG_STATE'],
    })
    .input(rollbackRequest.default({}))
    .output(answer(activated))
    .mutation(({ ctx, input }) => rollBack(ctx.deps, input, ctx.actor.name)),
  deactivate: toDeploy
    .meta({
      http: 'POST /deployments/deactivate',
      about: 'Work by the contracts and the setting that coordinators have themselves',
      errors: ['DEPLOYED_MEANWHILE', 'WRONG_STATE'],
    })
    .output(answer(activated))
    .mutation(({ ctx }) => deactivate(ctx.deps, ctx.actor.name)),
  retire: toDeploy
    .meta({
      http: 'DELETE /deployments/:id',
      about: 'Retire a deployment: jobs that are pinned to it run on the live one',
      errors: ['UNKNOWN_DEPLOYMENT', 'DEPLOYED_MEANWHILE', 'WRONG_STATE'],
    })
    .input(deploymentRequest)
    .output(answer(deploymentView))
    .mutation(({ ctx, input }) => retire(ctx.deps, input.id, ctx.actor.name)),
  list: toDeploy
    .meta({ http: 'GET /deployments', about: 'The deployments, newest first' })
    .output(answer(deploymentList))
    .query(({ ctx }) => listDeployments(ctx.deps)),
})
