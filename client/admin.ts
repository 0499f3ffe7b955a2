/** Manages keys and reads the audit, for operators. */
import type { KeyView } from '../core/views/answers.gen.js'
import type { Audit, KeyDetails, Keys } from './adminTypes.js'
import type { Transport } from './transport.js'

export const createKeys = ({ call }: Transport): Keys => ({
  create: async ({ name, role, workers, args }) => {
    const request = { name, role, args, workers: workers && [...workers] }
    const { key, first, ...view } = await call((router, options) => router.keys.create.mutate(request, options))
    return { ...keyDetails(view), key, ...(first ? { first } : {}) }
  },
  list: async () => (await call((router, options) => router.keys.list.query(undefined, options))).keys.map(keyDetails),
  revoke: async (name) => {
    await call((router, options) => router.keys.revoke.mutate({ name }, options))
  },
})

const keyDetails = ({ createdAt, lastUsedAt, ...view }: KeyView): KeyDetails => ({
  ...view,
  ...(createdAt === undefined ? {} : { createdAt: new Date(createdAt) }),
  ...(lastUsedAt === undefined ? {} : { lastUsedAt: new Date(lastUsedAt) }),
})

export const createAudit = ({ call }: Transport): Audit => ({
  list: async (filter = {}) => {
    const page = await call((router, options) => router.audit.list.query(filter, options))
    return { ...page, entries: page.entries.map((entry) => ({ ...entry, at: new Date(entry.at) })) }
  },
})
