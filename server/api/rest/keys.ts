/** Creates, lists and revokes API keys. */
import type { Hono } from 'hono'
import { createKeyRequest } from '../../../core/requests/apiKeys.js'
import { createApiKey, listApiKeys, revokeApiKey } from '../../access/apiKeys.js'
import { limitBody, operate, readBody, type RestOptions } from './request.js'

const maxKeyBytes = 64 * 1024

export function addKeyRoutes(app: Hono, options: RestOptions): void {
  const { deps, guard } = options

  app.post('/keys', limitBody(maxKeyBytes), operate(options, 'keys.create'), async (context) => {
    const created = await createApiKey(deps, guard, await readBody(createKeyRequest, context), context.get('actor'))
    return context.json(created, 201, { 'cache-control': 'no-store' })
  })

  app.get('/keys', operate(options, 'keys.list'), async (context) =>
    context.json({ keys: await listApiKeys(deps, guard) }),
  )

  app.delete('/keys/:name', operate(options, 'keys.revoke'), async (context) =>
    context.json(await revokeApiKey(deps, guard, context.req.param('name'))),
  )
}
