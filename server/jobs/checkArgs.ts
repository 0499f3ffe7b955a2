/**
 * Args are checked by the worker's own schema, and stored as they came, for the function to parse again. Before any of
 * it looks into them, they are held to a size and to a depth.
 */
import type { Contract } from '../../core/job/contract.js'
import { maxDepth, maxDepthAround, tooDeep } from '../../core/payload/depth.js'
import { ErrandError } from '../../core/errors.js'
import { aheadMessage, isAhead, migrated } from '../../core/job/migrate.js'
import { isTooDeep, restorePayload } from '../../core/payload/payload.js'
import { redactedPlaces, redactedText } from '../../core/job/redact.js'
import { readRedactPath } from '../../core/job/redactPath.js'
import { formatBytes, isLargerThan } from '../../core/payload/size.js'
import { inSentences, issuesOf, judge, mostIssues } from './judge.js'

/** As they come in a request: plain JSON, and superjson's meta for it. */
export interface GivenArgs {
  args: unknown
  argsMeta?: unknown
}

/** As they lie in the database. */
export const storedArgs = ({ args, argsMeta }: { args: string; argsMeta?: string | undefined }): GivenArgs => ({
  args: JSON.parse(args) as unknown,
  ...(argsMeta === undefined ? {} : { argsMeta: JSON.parse(argsMeta) as unknown }),
})

export interface CheckedArgs {
  json: string
  meta: string | undefined
  /** Of the contract that took them. */
  version: number
  /** The input of the key functions. */
  output: unknown
}

export interface CheckRules {
  /** Of the contract that took them before. Default: this one's. */
  version?: number
  /** Paths beside the worker's own, where no caller may give what is shown in the place of a value. */
  redact?: readonly string[] | undefined
  /** The most they may take, beside the worker's limit. Default: no limit of that kind, as they were stored before. */
  maxBytes?: number
  /**
   * Whether a coordinator put them together itself, around what others gave: they may be some levels deeper. Default:
   * false.
   */
  isPutTogether?: boolean
  /** How many issues are told. Default 100. */
  mostIssues?: number | undefined
}

/**
 * Throws `INVALID_ARGS` with an issue for each thing that does not fit, and where. Args that were taken before, by a
 * contract of `version`, are checked as they are after `migrate`, and kept as they came: the function that gets them
 * migrates them too. Throws `VERSION_AHEAD` where they are newer than the contract, and `PAYLOAD_TOO_LARGE`.
 */
export async function checkArgs(contract: Contract, given: GivenArgs, rules: CheckRules = {}): Promise<CheckedArgs> {
  const { worker } = contract
  const { version = contract.version, redact = [] } = rules
  const { json, meta } = argsTexts(contract, given, rules)
  const restored = restoreArgs(worker, given)
  refuseRedacted(contract, restored, redact)
  const current = version === contract.version ? restored : await migrateArgs(contract, restored, version)
  const verdict = await judge(contract.args, current, { most: rules.mostIssues })
  if (verdict.fits) return { json, meta, version, output: verdict.output }
  const { found } = verdict
  throw new ErrandError('INVALID_ARGS', `The args do not fit ${worker}. ${inSentences(found, 'args')}`, issuesOf(found))
}

/** The texts in which they rest. Throws `INVALID_ARGS` where they are nested too deep, and `PAYLOAD_TOO_LARGE`. */
export function argsTexts(
  contract: Contract,
  { args, argsMeta }: GivenArgs,
  { maxBytes, isPutTogether }: Pick<CheckRules, 'maxBytes' | 'isPutTogether'>,
): Pick<CheckedArgs, 'json' | 'meta'> {
  const depth = isPutTogether ? maxDepthAround : maxDepth
  const json = textOf(args, depth)
  if (json === undefined) throw argsTooDeep(contract, 'args', [])
  const meta = argsMeta === undefined ? undefined : textOf(argsMeta, depth)
  if (argsMeta !== undefined && meta === undefined) throw argsTooDeep(contract, 'argsMeta', ['argsMeta'])
  checkSize(contract, json, meta, maxBytes)
  return { json, meta }
}

/** Undefined where it is too deep, also where it is too deep to be written. */
function textOf(value: unknown, depth: number): string | undefined {
  try {
    const json = JSON.stringify(value)
    return isTooDeep({ json }, depth) ? undefined : json
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const argsTooDeep = ({ worker }: Contract, what: string, path: string[]): ErrandError =>
  new ErrandError('INVALID_ARGS', `The ${what} of ${worker} are ${tooDeep()}. Send them flatter, or as text.`, {
    issues: [{ path, code: 'too_deep', message: `is ${tooDeep()}` }],
  })

/** Throws `INVALID_ARGS` where the meta does not fit. */
export function restoreArgs(worker: string, { args, argsMeta }: GivenArgs): unknown {
  if (argsMeta === undefined) return args
  try {
    // superjson's values are put back in place; the args are still needed as they came
    return restorePayload(structuredClone(args), argsMeta)
  } catch {
    throw new ErrandError(
      'INVALID_ARGS',
      `The argsMeta do not fit the args of ${worker}. Leave them out, or send what superjson made.`,
      { issues: [{ path: ['argsMeta'], code: 'invalid_meta', message: 'does not fit the args' }] },
    )
  }
}

/** A caller that copies args from a shown job would run the next one with what stands in the place of its secrets. */
function refuseRedacted({ worker, redact }: Contract, args: unknown, more: readonly string[]): void {
  const paths = [...redact, ...more.map(readRedactPath)]
  const places = paths.length === 0 ? [] : redactedPlaces(args, paths)
  if (places.length === 0) return
  const named = places.slice(0, 3).map((place) => place.join('.'))
  throw new ErrandError(
    'INVALID_ARGS',
    `The args of ${worker} hold ${redactedText} for what is not shown: ${named.join(', ')}. Give the values themselves; a replay without args has them.`,
    {
      issues: places
        .slice(0, mostIssues)
        .map((path) => ({ path, code: 'redacted', message: `is ${redactedText}, which is not the value` })),
    },
  )
}

function checkSize({ worker, maxArgsBytes }: Contract, json: string, meta = '', maxBytes = Infinity): void {
  const text = meta === '' ? json : json + meta
  if (isLargerThan(maxBytes, text)) {
    throw new ErrandError(
      'PAYLOAD_TOO_LARGE',
      `The args of ${worker} are larger than ${maxBytes} bytes. Store large data elsewhere and send its address.`,
      { details: { maxBytes } },
    )
  }
  if (maxArgsBytes === undefined || !isLargerThan(maxArgsBytes, text)) return
  throw new ErrandError(
    'PAYLOAD_TOO_LARGE',
    `The args are larger than ${worker} takes (${formatBytes(maxArgsBytes)}, by its limits.args). Store what is large elsewhere and pass where.`,
  )
}

async function migrateArgs(contract: Contract, args: unknown, version: number): Promise<unknown> {
  if (isAhead(contract, version)) {
    throw new ErrandError('VERSION_AHEAD', aheadMessage(contract.worker, contract, version))
  }
  try {
    return await migrated(contract, args, version)
  } catch {
    // what it threw may hold args
    throw new ErrandError('INVALID_ARGS', `migrate of ${contract.worker} threw on args of version ${version}.`, {
      issues: [{ path: [], code: 'migrate_threw', message: 'cannot be migrated' }],
    })
  }
}
