/** Shows what waits, for checks of new contracts by other tools than `errand codegen --compat`. */
import type { Hono } from 'hono'
import { waitingRequest } from '../../../core/requests/compat.js'
import { waitingPage } from '../../operations/compat.js'
import { allow, readQuery, type RestOptions } from './request.js'

export function addCompatRoutes(app: Hono, options: RestOptions): void {
  app.get('/compat/waiting', async (context) => {
    const actor = allow(options, context, 'observe')
    return context.json(await waitingPage(options.deps, readQuery(waitingRequest, context), actor))
  })
}
