/** Registers, switches, lists and retires deployments. */
import type { Context, Hono } from 'hono'
import {
  activateRequest,
  deploymentRequest,
  maxRegisterBytes,
  registerRequest,
  rollbackRequest,
} from '../../../core/requests/deployments.js'
import { activate, deactivate, listDeployments, register, retire, rollBack } from '../../deployments/deployments.js'
import { parse } from '../../jobs/judge.js'
import { bodyOf, limitBody, operate, readBody, type RestOptions } from './request.js'

const maxSwitchBytes = 1_024

export function addDeploymentRoutes(app: Hono, options: RestOptions): void {
  const { deps } = options
  const toDeploy = (action: string) => operate(options, `deployments.${action}`, 'deploy')

  app.get('/deployments', toDeploy('list'), async (context) => context.json(await listDeployments(deps)))

  app.post('/deployments', limitBody(maxRegisterBytes), toDeploy('register'), async (context) => {
    const registered = await register(deps, await readBody(registerRequest, context), context.get('actor').name)
    return context.json(registered, 201)
  })

  app.post('/deployments/rollback', limitBody(maxSwitchBytes), toDeploy('rollBack'), async (context) => {
    const request = (await hasBody(context)) ? await readBody(rollbackRequest, context) : {}
    return context.json(await rollBack(deps, request, context.get('actor').name))
  })

  app.post('/deployments/deactivate', limitBody(maxSwitchBytes), toDeploy('deactivate'), async (context) =>
    context.json(await deactivate(deps, context.get('actor').name)),
  )

  app.post('/deployments/:id/activate', limitBody(maxSwitchBytes), toDeploy('activate'), async (context) => {
    const more = (await hasBody(context)) ? await readBody(activateRequest.omit({ id: true }), context) : {}
    const request = parse(activateRequest, { ...more, id: Number(context.req.param('id')) })
    return context.json(await activate(deps, request, context.get('actor').name))
  })

  app.delete('/deployments/:id', toDeploy('retire'), async (context) => {
    const { id } = parse(deploymentRequest, { id: Number(context.req.param('id')) })
    return context.json(await retire(deps, id, context.get('actor').name))
  })
}

const hasBody = async (context: Context): Promise<boolean> => (await bodyOf(context)).trim() !== ''
