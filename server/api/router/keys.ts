/** Creates, lists and revokes API keys. */
import { createKeyRequest, keyNameRequest } from '../../../core/requests/keys.js'
import { createKey, listKeys, revokeKey } from '../../access/keys.js'
import { createRouter, toOperate } from './procedure.js'

export const keysRouter = createRouter({
  create: toOperate
    .input(createKeyRequest)
    .mutation(({ ctx, input }) => createKey(ctx.deps, ctx.guard, input, ctx.actor)),
  list: toOperate.query(({ ctx }) => listKeys(ctx.deps, ctx.guard)),
  revoke: toOperate.input(keyNameRequest).mutation(({ ctx, input }) => revokeKey(ctx.deps, ctx.guard, input.name)),
})
