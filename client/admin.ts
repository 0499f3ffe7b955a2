/** Manages keys and reads the audit, for operators. */
import { dated } from './dated.js'
import type { Audit, Keys } from './adminTypes.js'
import type { Transport } from './transport.js'

export const createKeys = ({ call }: Transport): Keys => ({
  create: async ({ name, role, workers, args }) => {
    const request = { name, role, args, workers: workers && [...workers] }
    return dated(await call((router, options) => router.keys.create.mutate(request, options)))
  },
  list: async () => dated(await call((router, options) => router.keys.list.query(undefined, options))).keys,
  revoke: async (name) => {
    await call((router, options) => router.keys.revoke.mutate({ name }, options))
  },
})

export const createAudit = ({ call }: Transport): Audit => ({
  list: async (filter = {}) => dated(await call((router, options) => router.audit.list.query(filter, options))),
})
