/** Tells where stored args do not fit a contract, without the args: no value, no index, no key of a record. */
import { safeParseAsync } from 'zod/v4/core'
import type * as z from 'zod/v4/core'
import type { StoredArgs } from '../../core/requests/compat.js'
import type { Contract } from '../../core/job/contract.js'
import { isKey } from '../../core/job/names.js'
import { firstVersion, isAhead, migrated } from '../../core/job/migrate.js'
import { decodePayload } from '../../core/payload/payload.js'
import { pathOf, valueAt } from './path.js'

/** Stored args that are alike in `code`, `path` and `what` have the same problem. */
export interface Incompatibility {
  /** zod's code of the issue, such as `invalid_type`, or one of ours. */
  code: z.$ZodIssue['code'] | OwnCode
  /** Where in the args: `lines[].price`; `''` where the args as a whole are meant. */
  path: string
  /** Goes on behind a subject in the plural: `have no \`locale\``. */
  what: string
  /** The schema's own words, where they hold none of the args. */
  why?: string | undefined
}

type OwnCode =
  'unknown_worker' | 'missing' | 'version_ahead' | 'unreadable' | 'migrate_threw' | 'schema_threw' | 'bad_key'

const incompatibility = (code: OwnCode, what: string): Incompatibility[] => [{ code, path: '', what }]

export async function incompatibilitiesOf(contract: Contract, stored: StoredArgs): Promise<Incompatibility[]> {
  const version = stored.argsVersion ?? firstVersion
  if (isAhead(contract, version)) {
    return incompatibility(
      'version_ahead',
      `have args of version ${version}, and the worker is at version ${contract.version}`,
    )
  }
  let args: unknown
  try {
    args = decodePayload({ json: stored.args, ...(stored.argsMeta === undefined ? {} : { meta: stored.argsMeta }) })
  } catch {
    return incompatibility('unreadable', 'have args that cannot be read')
  }
  try {
    args = await migrated(contract, args, version)
  } catch (error) {
    return incompatibility(
      'migrate_threw',
      `cannot be migrated from version ${version}: migrate throws ${nameOf(error)}`,
    )
  }
  return fitSchema(contract, args)
}

async function fitSchema(contract: Contract, args: unknown): Promise<Incompatibility[]> {
  try {
    const parsed = await safeParseAsync(contract.args, args)
    if (parsed.success) return keyIncompatibilities(contract, parsed.data)
    const found = parsed.error.issues.map((issue) => incompatibilityOf(contract.args, args, issue))
    // ten lines without a price are one problem of the job
    return [...new Map(found.map((one) => [`${one.code}\n${one.what}`, one])).values()]
  } catch (error) {
    return incompatibility('schema_threw', `make the schema throw ${nameOf(error)}`)
  }
}

function incompatibilityOf(schema: z.$ZodType, args: unknown, issue: z.$ZodIssue): Incompatibility {
  const path = pathOf(schema, issue.path)
  const value = valueAt(args, issue.path)
  if (issue.code === 'unrecognized_keys') {
    const fields = issue.keys.map((key) => `\`${path === '' ? key : `${path}.${key}`}\``)
    return { code: issue.code, path, what: `have fields that the schema does not take: ${fields.join(', ')}` }
  }
  if (value === undefined && issue.path.length > 0 && issue.code.startsWith('invalid_')) {
    return { code: 'missing', path, what: `have no \`${path}\`` }
  }
  const what = path === '' ? 'do not fit' : `do not fit in \`${path}\``
  return { code: issue.code, path, what, why: repeats(issue.message, args, 0) ? undefined : issue.message }
}

/** The author of a schema may have put a value into its message. */
function repeats(message: string, value: unknown, depth: number): boolean {
  if (depth > 20) return true
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
    return String(value).length > 2 && message.includes(String(value))
  }
  if (value instanceof Date)
    return [String(value), JSON.stringify(value).slice(1, 11)].some((text) => message.includes(text))
  if (typeof value !== 'object' || value === null) return false
  const parts = value instanceof Map || value instanceof Set ? [...value] : Object.values(value)
  return parts.some((part) => repeats(message, part, depth + 1))
}

/** Keys are taken when a job is enqueued, at a schedule's occurrences, and when a job is replayed. */
function keyIncompatibilities({ throttle, concurrency, unique }: Contract, args: unknown): Incompatibility[] {
  const functions = {
    'throttle.key': throttle?.key,
    'concurrency.key': concurrency?.key,
    'unique.key': unique?.key,
  }
  return Object.entries(functions).flatMap(([option, keyOf]) => {
    if (!keyOf) return []
    try {
      return isKey(keyOf(args)) ? [] : incompatibility('bad_key', `get no key from ${option}, which must return a text`)
    } catch (error) {
      return incompatibility('bad_key', `make ${option} throw ${nameOf(error)}`)
    }
  })
}

/** Without its message, which may hold args. */
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'something that is no Error')
