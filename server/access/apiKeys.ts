/**
 * API keys in the database. A key is shown once, when it is made; only its hash is kept.
 *
 * As soon as there is one key, keys are required, so there must always be one that may operate: the first key made is
 * one, and the last one stays. (An operator who wants none again puts an operator's key into ERRAND_API_KEYS, revokes
 * the others, and takes it out of the setting.)
 */
import type { CreatedKey, KeyView } from '../../core/views/answers.gen.js'
import { randomBytes } from 'node:crypto'
import type { Db } from 'mongodb'
import type { z } from 'zod'
import { ErrandError } from '../../core/errors.js'
import type { createKeyRequest } from '../../core/requests/apiKeys.js'
import { digest, type Actor, type Guard } from './auth.js'
import type { Deps } from '../deps.js'
import { repeat, repeatGuarded } from '../repeatedWrite.js'
import type { ApiKeyDocument } from '../store/documents.js'
import { collectionsOf } from '../store/layout.js'

/** So that a scanner of secrets, and a person, knows one by sight. */
const keyPrefix = 'errand_'

/** Throws `NAME_TAKEN`, and `OPERATE_KEY_NEEDED` for a first key that is not an operator's. */
export async function createApiKey(
  deps: Deps,
  guard: Guard,
  { name, role, workers, args }: z.output<typeof createKeyRequest>,
  by: Actor,
): Promise<CreatedKey> {
  const others = await deps.store.apiKeys.all()
  if (role !== 'operate' && ![...guard.fromSetting, ...others].some(({ role }) => role === 'operate')) {
    throw new ErrandError(
      'OPERATE_KEY_NEEDED',
      `There is no key with the role operate, and once "${name}" is there nobody could manage keys. Create one with the role operate first.`,
    )
  }
  // not from deps.random: it must not be guessed
  const key = keyPrefix + randomBytes(32).toString('base64url')
  const document: ApiKeyDocument = {
    _id: name,
    role,
    ...(workers === undefined ? {} : { workers }),
    ...(args === undefined ? {} : { args }),
    hash: digest(key).toString('hex'),
    createdAt: deps.clock.now(),
    createdBy: by.name,
  }
  const isOurs = async () => (await deps.store.apiKeys.find(name))?.hash === document.hash
  if (!(await repeatGuarded(deps, () => deps.store.apiKeys.insert(document), isOurs))) {
    throw new ErrandError('NAME_TAKEN', `There is a key "${name}" already. Choose another name, or revoke it first.`)
  }
  deps.keyRing.forget()
  const first = guard.fromSetting.length + others.length === 0
  return { ...keyView(document), key, ...(first ? { first: true } : {}) }
}

/** Whether there is a key, whatever address the coordinator listens on. */
export const hasStoredApiKeys = async (db: Db, namespace?: string): Promise<boolean> =>
  (await collectionsOf(db, namespace).apiKeys.countDocuments({}, { limit: 1 })) > 0

/** Those of the setting first, then the stored ones by name. */
export async function listApiKeys(deps: Deps, guard: Guard): Promise<KeyView[]> {
  await deps.keyRing.writeUses()
  const stored = await deps.store.apiKeys.all()
  return [
    ...guard.fromSetting.map(({ name, role, workers, seesArgs }): KeyView => ({
      name,
      role,
      ...(workers === undefined ? {} : { workers: [...workers] }),
      ...(role === 'observe' && seesArgs ? { args: true } : {}),
      source: 'setting',
    })),
    ...stored.map(keyView),
  ]
}

const keyView = ({ _id, role, workers, args, createdAt, createdBy, lastUsedAt }: ApiKeyDocument): KeyView => ({
  name: _id,
  role,
  ...(workers === undefined ? {} : { workers }),
  ...(args === undefined ? {} : { args }),
  source: 'stored',
  createdAt: createdAt.toISOString(),
  createdBy,
  ...(lastUsedAt === undefined ? {} : { lastUsedAt: lastUsedAt.toISOString() }),
})

/**
 * Of no use from now on here, and on other coordinators within `keysFreshMs`.
 * Throws `UNKNOWN_KEY`, `WRONG_STATE` for one of the setting, `OPERATE_KEY_NEEDED` for the last one that may operate.
 */
export async function revokeApiKey(deps: Deps, guard: Guard, name: string): Promise<{ name: string; revoked: true }> {
  if (guard.fromSetting.some((actor) => actor.name === name)) {
    throw new ErrandError(
      'WRONG_STATE',
      `"${name}" is an entry of the setting ERRAND_API_KEYS. Take it out there, and start the coordinator again.`,
    )
  }
  const key = await deps.store.apiKeys.find(name)
  if (!key) throw unknownKey(name)
  if (key.role === 'operate' && !guard.fromSetting.some(({ role }) => role === 'operate')) await leave(deps, key)
  const isGone = async () => (await deps.store.apiKeys.find(name))?.hash !== key.hash
  const removed = await repeatGuarded(deps, () => deps.store.apiKeys.remove(key), isGone)
  deps.keyRing.forget()
  if (!removed) throw unknownKey(name)
  return { name, revoked: true }
}

/**
 * Makes sure that an operator's key is left when this one goes. Each that is to go is marked first, and then looks for
 * another one that is not: of two that are revoked at once, at least one sees the other's mark and stays. A mark that a
 * crash left behind means nothing by itself: the key is good, and revoking it again goes on from here.
 */
async function leave(deps: Deps, key: ApiKeyDocument): Promise<void> {
  const { _id: name } = key
  await repeat(deps, () => deps.store.apiKeys.setLeaving(key, true))
  const others = await deps.store.apiKeys.operatorsBeside(name)
  if (others.some(({ leaving }) => !leaving)) return
  await repeat(deps, () => deps.store.apiKeys.setLeaving(key, false))
  const [other] = others
  throw new ErrandError(
    'OPERATE_KEY_NEEDED',
    other
      ? `"${name}" and "${other._id}" are the last keys with the role operate, and "${other._id}" is being revoked. Create another one first.`
      : `"${name}" is the last key with the role operate; without it nobody could manage keys. Create another one first.`,
  )
}

const unknownKey = (name: string): ErrandError =>
  new ErrandError('UNKNOWN_KEY', `There is no key "${name.slice(0, 100)}". \`errand keys list\` names them.`)
