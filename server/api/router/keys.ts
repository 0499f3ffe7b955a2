/** Creates, lists and revokes API keys. */
import { createdKey, keyList, revokedKey } from '../../../core/answers/access.js'
import { createKeyRequest, keyNameRequest } from '../../../core/requests/apiKeys.js'
import { createApiKey, listApiKeys, revokeApiKey } from '../../access/apiKeys.js'
import { answer } from './answer.js'
import { createRouter, toOperate } from './procedure.js'

export const keysRouter = createRouter({
  create: toOperate
    .meta({
      http: 'POST /keys',
      about: 'Create an API key; the first one must be for the role operate',
      creates: true,
      errors: ['NAME_TAKEN', 'OPERATE_KEY_NEEDED'],
    })
    .input(createKeyRequest)
    .output(answer(createdKey))
    .mutation(({ ctx, input }) => createApiKey(ctx.deps, ctx.guard, input, ctx.actor)),
  list: toOperate
    .meta({ http: 'GET /keys', about: 'The API keys by name, without the keys' })
    .output(answer(keyList))
    .query(async ({ ctx }) => ({ keys: await listApiKeys(ctx.deps, ctx.guard) })),
  revoke: toOperate
    .meta({
      http: 'DELETE /keys/:name',
      about: 'Revoke an API key, within seconds on every coordinator',
      errors: ['UNKNOWN_KEY', 'OPERATE_KEY_NEEDED', 'WRONG_STATE'],
    })
    .input(keyNameRequest)
    .output(answer(revokedKey))
    .mutation(({ ctx, input }) => revokeApiKey(ctx.deps, ctx.guard, input.name)),
})
