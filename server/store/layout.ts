/**
 * The layout: the names of Errand's collections, and their owner.
 *
 * They lie in the database that the URI names, which may be an application's own. So each name begins with `errand_`,
 * with the namespace behind it where there is one, and `errand_meta` says which project they belong to, what kind of
 * environment it runs in, and which version of the layout they have. Errand starts only where that is so: two projects
 * in one place would remove each other's schedules, and documents that it has not made are not its own to change.
 */
import type { Collection, Db } from 'mongodb'
import { configError } from '../../core/errors.js'
import { checkNamespace, type Tenant } from './tenant.js'
import { inserts } from './duplicates.js'
import type {
  AttemptResultDocument,
  AuditDocument,
  AtomicRequestDocument,
  DeploymentDocument,
  GroupDocument,
  JobDocument,
  ApiKeyDocument,
  LiveDocument,
  MetaDocument,
  OriginDocument,
  PauseDocument,
  ScheduleDocument,
  SlotsDocument,
  ThrottleDocument,
} from './documents.js'

/**
 * Of names, fields and indexes. A coordinator starts on its own version only: before 0.1.0 there is no way from one to
 * another.
 */
const layoutVersion = 3

export type Collections = ReturnType<typeof collectionsOf>

/** Throws `CONFIG` for what is no namespace. */
export function collectionsOf(db: Db, namespace: string | undefined) {
  const prefix = namespace === undefined ? 'errand_' : `errand_${checkNamespace(namespace)}_`
  const collection = <Item extends object>(name: string): Collection<Item> => db.collection<Item>(prefix + name)
  return {
    jobs: collection<JobDocument>('jobs'),
    receipts: collection<AttemptResultDocument>('receipts'),
    schedules: collection<ScheduleDocument>('schedules'),
    throttles: collection<ThrottleDocument>('throttles'),
    slots: collection<SlotsDocument>('slots'),
    origins: collection<OriginDocument>('origins'),
    pauses: collection<PauseDocument>('pauses'),
    audit: collection<AuditDocument>('audit'),
    atomicRequests: collection<AtomicRequestDocument>('atomic_requests'),
    groups: collection<GroupDocument>('groups'),
    deployments: collection<DeploymentDocument>('deployments'),
    live: collection<LiveDocument>('live'),
    apiKeys: collection<ApiKeyDocument>('api_keys'),
    meta: collection<MetaDocument>('meta'),
  }
}

/** Makes the collections ours, or finds that they are. Throws `CONFIG` where they are not, and changes nothing then. */
export async function claimLayout(collections: Collections, tenant: Tenant, now: Date): Promise<void> {
  const { meta } = collections
  const found = await meta.findOne({ _id: 'layout' })
  if (found) return checkLayout(meta, found, tenant)
  const foreign = await foreignIn(collections)
  if (foreign !== undefined) throw foreignDocuments(foreign)
  const { project, preview = false } = tenant
  const ours: MetaDocument = {
    _id: 'layout',
    version: layoutVersion,
    ...(project === undefined ? {} : { project }),
    environment: preview ? 'preview' : 'production',
    createdAt: now,
  }
  if (await inserts(meta.insertOne(ours))) return
  // another coordinator was first
  const first = await meta.findOne({ _id: 'layout' })
  if (first) await checkLayout(meta, first, tenant)
}

async function checkLayout(meta: Collection<MetaDocument>, found: MetaDocument, tenant: Tenant): Promise<void> {
  const { project, preview = false, namespace } = tenant
  const where = `the collections ${meta.collectionName.slice(0, -'meta'.length)}…`
  if (found.version !== layoutVersion) {
    throw configError(
      `The database has ${where} of layout ${found.version}, and this Errand has layout ${layoutVersion}. ` +
        `${found.version > layoutVersion ? 'Install the newer errand' : 'There is no way from the older one yet: take an empty database'}, or set ERRAND_NAMESPACE to begin anew beside it.`,
    )
  }
  if (preview && found.environment === 'production') {
    throw configError(
      `This is a preview deployment, and ${where} of its database are a production's: it would run production's jobs by its own code. ` +
        'Give previews a MONGODB_URI of their own, or set ERRAND_NAMESPACE for them.',
    )
  }
  if (!preview && found.environment === 'preview') {
    await meta.updateOne({ _id: 'layout' }, { $set: { environment: 'production' } })
  }
  if (project === undefined || project === found.project) return
  if (found.project === undefined) {
    await meta.updateOne({ _id: 'layout', project: { $exists: false } }, { $set: { project } })
    return
  }
  throw configError(
    `The database has ${where} of the project "${found.project}", and this is "${project}": each would remove the other's schedules. ` +
      `Give it a database of its own, set ERRAND_NAMESPACE${namespace === undefined ? '' : ' to another one'}, or, where it was renamed, set ERRAND_PROJECT=${found.project}.`,
  )
}

/** The name of a collection that holds something, where nothing of ours has begun. */
async function foreignIn({ meta: _, ...collections }: Collections): Promise<string | undefined> {
  const looks = Object.values(collections).map(async (collection) => {
    const first = await (collection as unknown as Collection).findOne({}, { projection: { _id: 1 } })
    return first === null ? [] : [collection.collectionName]
  })
  return (await Promise.all(looks)).flat()[0]
}

const foreignDocuments = (name: string) =>
  configError(
    `The collection ${name} holds documents, and nothing says that this version of Errand made them. ` +
      'Give Errand a database of its own, or set ERRAND_NAMESPACE, so that its collections have other names.',
  )
