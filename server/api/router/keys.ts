/** Creates, lists and revokes API keys. */
import { createKeyRequest, keyNameRequest } from '../../../core/requests/apiKeys.js'
import { createApiKey, listApiKeys, revokeApiKey } from '../../access/apiKeys.js'
import { createRouter, toOperate } from './procedure.js'

export const keysRouter = createRouter({
  create: toOperate
    .input(createKeyRequest)
    .mutation(({ ctx, input }) => createApiKey(ctx.deps, ctx.guard, input, ctx.actor)),
  list: toOperate.query(({ ctx }) => listApiKeys(ctx.deps, ctx.guard)),
  revoke: toOperate.input(keyNameRequest).mutation(({ ctx, input }) => revokeApiKey(ctx.deps, ctx.guard, input.name)),
})
