/** Deployed workers, as text for people. */
import type { WorkerDetails, WorkerPolicies, WorkerView } from '../core/views/answers.gen.js'
import type { JobState } from '../core/states.js'
import { formatBytes } from '../core/payload/size.js'
import { formatDuration } from '../core/time/duration.js'
import { formatRate } from '../core/views/why.js'
import { count, formatFields, formatTable, indented, plain } from './format.js'
import { pausedBy } from './jobText.js'
import { paintState, type Style } from './style.js'

export const workerTable = (style: Style, workers: readonly WorkerView[]): string =>
  formatTable(
    style,
    ['NAME', 'JOBS', 'POLICIES', 'ADDRESS'],
    workers.map((worker) => [
      worker.name,
      [...(worker.paused ? [style.yellow('paused')] : []), ...jobCounts(style, worker)].join(', '),
      worker.policies ? shortPolicies(worker.policies) : style.red('cannot be loaded'),
      plain(worker.address ?? ''),
    ]),
  )

/** `12 queued`, `1 running`: only states that have jobs. */
const jobCounts = (style: Style, { counts }: WorkerView): string[] =>
  Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([state, number]) => `${number} ${paintState(style, state as JobState)}`)

const shortPolicies = ({ maxAttempts, timeoutMs, ...policies }: WorkerPolicies): string =>
  [
    count(maxAttempts, 'attempt'),
    `${formatDuration(timeoutMs)} each`,
    ...(policies.concurrency ? [limitText(policies.concurrency)] : []),
    ...(policies.throttle ? [rateText(policies.throttle)] : []),
    ...(policies.unique ? ['unique'] : []),
    ...(policies.schedule ? ['scheduled'] : []),
    ...(policies.pinned ? ['pinned'] : []),
  ].join(', ')

export function describeWorker(style: Style, worker: WorkerDetails, now: Date): string {
  const { name, paused, problem, address, deployment, version, policies, args, result, example } = worker
  const jobs = jobCounts(style, worker).join(', ')
  const fields = formatFields(style, [
    ['paused', paused && style.yellow(`${paused.scope === 'all' ? 'with everything ' : ''}${pausedBy(paused, now)}`)],
    ['problem', problem && style.red(plain(problem))],
    ['jobs', jobs || 'none waits or runs'],
    ['address', address === undefined ? style.yellow('none is known') : plain(address)],
    ['deployment', deployment === undefined ? undefined : String(deployment)],
    ['version', version === 1 ? undefined : `${version}, of its args`],
    ...(policies ? policyFields(policies) : []),
  ])
  const parts = [
    `${style.bold(name)}${paused ? `  ${style.yellow('paused')}` : ''}`,
    fields,
    ...(args ? [schemaText(style, 'args', args)] : []),
    ...(result ? [schemaText(style, 'result', result)] : []),
    ...(args ? [example === undefined ? withoutExample : `  errand enqueue ${name} ${quoted(example)}`] : []),
  ]
  return parts.join('\n\n')
}

const withoutExample = '  No example of the args can be made from their schema alone.'

/** By their names in `defineJob`. */
function policyFields(policies: WorkerPolicies): (readonly [name: string, value: string | undefined])[] {
  const { backoff, retryBudget, concurrency, throttle, unique, keepMs } = policies
  return [
    ['attempts', String(policies.maxAttempts)],
    ['backoff', backoffText(backoff)],
    ['retry budget', retryBudget && fullRateText(retryBudget)],
    ['timeout', formatDuration(policies.timeoutMs)],
    ['maxRuntime', formatDuration(policies.maxRuntimeMs)],
    ['concurrency', concurrency && limitText(concurrency)],
    ['throttle', throttle && fullRateText(throttle)],
    ['unique', unique && uniqueText(unique)],
    ['priority', policies.priority === 0 ? undefined : String(policies.priority)],
    ['schedule', policies.schedule && wordsOf(policies.schedule)],
    ['keep', wordsOf(Object.fromEntries(Object.entries(keepMs).map(([state, ms]) => [state, formatDuration(ms)])))],
    ['limits', limitsText(policies)],
    ['jobsPerCall', policies.jobsPerCall === 1 ? undefined : String(policies.jobsPerCall)],
    ['receipt', policies.receipt === 'answered' ? undefined : policies.receipt],
    ['redact', policies.redact?.join(', ')],
    ['pinned', policies.pinned && 'to the deployment that a job was enqueued with'],
  ]
}

const limitText = ({ limit, keyed }: { limit: number; keyed: boolean }): string => `${limit} at once${perKey(keyed)}`

const rateText = ({ intervalMs, keyed = false }: { intervalMs: number; keyed?: boolean }): string =>
  `${formatRate(intervalMs)}${perKey(keyed)}`

/** With how many may start at once after a quiet time. */
const fullRateText = (rate: { intervalMs: number; burst: number; keyed?: boolean }): string =>
  `${rateText(rate)}, burst ${rate.burst}`

const perKey = (keyed: boolean): string => (keyed ? ' for each key' : '')

const uniqueText = ({ until, onConflict, maxWaitMs }: NonNullable<WorkerPolicies['unique']>): string =>
  wordsOf({
    until: typeof until === 'number' ? formatDuration(until) : until,
    onConflict,
    ...(onConflict === 'debounce' ? { maxWait: formatDuration(maxWaitMs) } : {}),
  })

/** Those it has of its own. */
function limitsText({ maxArgsBytes: args, maxResultBytes: result }: WorkerPolicies): string | undefined {
  const limits = Object.entries({ args, result }).filter(([, bytes]) => bytes !== undefined)
  return limits.map(([name, bytes]) => `${name} ${formatBytes(bytes!)}`).join(', ') || undefined
}

/** `exponential, base 1s, max 1h`. */
function backoffText(backoff: WorkerPolicies['backoff']): string {
  if (backoff === 'function') return 'by a function'
  if (Array.isArray(backoff)) return backoff.join(', ')
  const { kind, ...details } = backoff
  return [String(kind), wordsOf(details)].join(', ')
}

/** `cron 0 6 * * *, timezone Europe/Berlin`. */
const wordsOf = (fields: Record<string, unknown>): string =>
  Object.entries(fields)
    .map(([name, value]) => plain(`${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`))
    .join(', ')

/** JSON Schema below its name, to be read and not only to be copied. */
const schemaText = (style: Style, name: string, schema: Record<string, unknown>): string =>
  `  ${style.dim(name)}\n${indented(plain(JSON.stringify(schema, null, 2)), 4)}`

/** As one argument of a shell. */
const quoted = (value: unknown): string => `'${plain(JSON.stringify(value)).replaceAll("'", `'\\''`)}'`
