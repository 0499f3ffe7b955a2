/**
 * Judges an input by a schema, and tells of its problems only as many as a caller reads. An input can hold half a
 * million wrong values, and zod makes an issue of each: 158 MB and 0.4 s, and seconds more for their sentences. So it
 * is asked first to stop at the first one (`abortEarly`, as its own `validate` does; what fits costs as much as ever).
 * All issues are looked for only in an input that holds few values, and at most a hundred are put into words.
 */
import { config, util, type $ZodRawIssue, type $ZodType, type output, type ParsePayload } from 'zod/v4/core'
import { maxDepth } from '../../core/payload/depth.js'
import { ErrandError, type ErrandErrorOptions, type Issue } from '../../core/errors.js'
import { look } from '../../core/thrown.js'

/** As many are told of one request. */
export const mostIssues = 100
/** Of each of many items: of all together no more than of one, and the first few in any case. */
export const mostIssuesOf = (items: number): number => Math.max(3, Math.floor(mostIssues / items))
/** In an input that holds more, only what is wrong first is looked for. */
const mostValues = 20_000

export type Verdict<Output> = { fits: true; output: Output } | { fits: false; found: FoundIssues }

export interface FoundIssues {
  /** The first of them. */
  issues: Issue[]
  /** How many there are. */
  count: number
  /** There may be more: the rest was not looked at. */
  isMore: boolean
}

export interface JudgeOptions {
  /** How many issues are put into words. Default 100. */
  most?: number | undefined
  /** Whether each field that is not known is an issue of its own. Default: one for all fields of an object. */
  nameFields?: boolean
  /** Which issues count; where none does, the input fits. Default: all. */
  isMeant?: (issue: Pick<Issue, 'code'> & { path: PropertyKey[] }) => boolean
}

/**
 * By a worker's schema, whose checks may be asynchronous, and may throw: that is not a fault of the coordinator, and
 * what they throw may hold the input.
 */
export async function judge<Schema extends $ZodType>(
  schema: Schema,
  input: unknown,
  options: JudgeOptions = {},
): Promise<Verdict<output<Schema>>> {
  try {
    const first = await run(schema, input, { async: true, abortEarly: true })
    if (first.issues.length === 0) return { fits: true, output: first.value as output<Schema> }
    if (hasMoreValues(input, mostValues)) return verdictOf(first, true, options)
    return verdictOf(await run(schema, input, { async: true }), false, options)
  } catch (error) {
    return look(() => error instanceof RangeError) ? tooMuch(error) : threw(options)
  }
}

/** The same by a schema whose checks are not, which zod is quicker by. */
function judgeNow<Schema extends $ZodType>(
  schema: Schema,
  input: unknown,
  options: JudgeOptions,
): Verdict<output<Schema>> {
  try {
    const first = run(schema, input, { async: false, abortEarly: true }) as ParsePayload
    if (first.issues.length === 0) return { fits: true, output: first.value as output<Schema> }
    if (hasMoreValues(input, mostValues)) return verdictOf(first, true, options)
    return verdictOf(run(schema, input, { async: false }) as ParsePayload, false, options)
  } catch (error) {
    return tooMuch(error)
  }
}

const run = (
  schema: $ZodType,
  value: unknown,
  how: { async: boolean; abortEarly?: boolean },
): ParsePayload | Promise<ParsePayload> => schema._zod.run({ value, issues: [] }, how)

function verdictOf<Output>(
  { value, issues }: ParsePayload,
  isMore: boolean,
  { most = mostIssues, nameFields = false, isMeant }: JudgeOptions,
): Verdict<Output> {
  const meant = isMeant ? issues.filter(({ path = [], code }) => isMeant({ path, code: code ?? 'custom' })) : issues
  return meant.length === 0
    ? { fits: true, output: value as Output }
    : { fits: false, found: { ...told(meant, most, nameFields), isMore } }
}

/** It counts as a check that does not pass: a transform or a refinement had expected something else. */
function threw<Output>({ isMeant = () => true }: JudgeOptions): Verdict<Output> {
  if (!isMeant({ path: [], code: 'custom' })) return { fits: true, output: undefined as Output }
  const issue = { path: [], code: 'schema_threw', message: 'made the schema throw' }
  return { fits: false, found: { issues: [issue], count: 1, isMore: true } }
}

/** The input holds itself, and the schema follows it; or there are more issues than one call takes. */
function tooMuch(error: unknown): Verdict<never> {
  if (!(error instanceof RangeError)) throw error
  const issue = { path: [], code: 'too_much', message: 'cannot be looked through' }
  return { fits: false, found: { issues: [issue], count: 1, isMore: true } }
}

function told(raw: readonly $ZodRawIssue[], most: number, nameFields: boolean): Pick<FoundIssues, 'issues' | 'count'> {
  const issues: Issue[] = []
  let count = 0
  for (const issue of raw) {
    const left = most - issues.length
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : undefined
    count += nameFields ? (keys?.length ?? 1) : 1
    if (left <= 0) continue
    if (keys && nameFields) issues.push(...unknownFields(issue, keys.slice(0, left)))
    // its sentence names each of them
    else issues.push(inWords(keys ? { ...issue, keys: keys.slice(0, most) } : issue))
  }
  return { issues, count }
}

const placeOf = ({ path = [] }: $ZodRawIssue): Issue['path'] =>
  path.map((key) => (typeof key === 'symbol' ? String(key) : key))

const unknownFields = (issue: $ZodRawIssue, keys: string[]): Issue[] =>
  keys.map((key) => ({ path: [...placeOf(issue), key], code: 'unknown_field', message: 'is not a known field' }))

/** The keys of an object may be long, and a sentence may hold them. */
const longestSentence = 2_000

function inWords(issue: $ZodRawIssue): Issue {
  const { code, message } = util.finalizeIssue(issue, undefined, config())
  return { path: placeOf(issue), code, message: message.slice(0, longestSentence) }
}

/** Of a value that came out of JSON. Looks at no more than that; what is nested very deep is counted as more. */
function hasMoreValues(value: unknown, most: number): boolean {
  let left = most
  const count = (value: unknown, depth: number): boolean => {
    if (--left < 0 || depth > deepest) return true
    if (typeof value !== 'object' || value === null) return false
    if (Array.isArray(value)) return value.some((item) => count(item, depth + 1))
    if (value instanceof Map || value instanceof Set) return (left -= value.size) < 0
    for (const key in value) if (count((value as Record<string, unknown>)[key], depth + 1)) return true
    return false
  }
  return count(value, 0)
}

const deepest = 2 * maxDepth

/** The first few, as sentences, and how many follow. `root` names the input as a whole. */
export function inSentences({ issues, count, isMore }: FoundIssues, root?: string): string {
  const list = issues.slice(0, 3).map(({ path, message }) => sentence(path.join('.') || root, message))
  const rest = count > list.length ? ` And ${count - list.length} more.` : ''
  return `${list.join('. ')}.${rest}${isMore ? ' The rest was not looked at, because there is very much of it.' : ''}`
}

const sentence = (place: string | undefined, message: string): string =>
  `${place === undefined ? '' : `${place}: `}${message.replace(/\.$/, '')}`

/** For an error: the issues, and how many there are where not all are among them. */
export const issuesOf = ({ issues, count, isMore }: FoundIssues): ErrandErrorOptions => ({
  issues,
  ...(count > issues.length || isMore ? { details: { issuesInAll: isMore ? null : count } } : {}),
})

/** Reads a request, or a part of one. Throws `BAD_REQUEST`. */
export function parse<Schema extends $ZodType>(schema: Schema, input: unknown, most?: number): output<Schema> {
  const verdict = judgeNow(schema, input, { most, nameFields: true })
  if (verdict.fits) return verdict.output
  const { found } = verdict
  throw new ErrandError('BAD_REQUEST', `The request cannot be read. ${inSentences(found)}`, issuesOf(found))
}
