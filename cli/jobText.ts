/** A job and its receipts, as text for people. */
import type { JobView, PauseView, ReceiptView, WhyView } from '../core/views/answers.gen.js'
import { fileURLToPath } from 'node:url'
import type { ProgressView, AttemptProgressView } from '../core/requests/progress.js'
import { reasonMessage } from '../core/views/why.js'
import type { ReceiptError } from '../core/requests/wire.js'
import type { Cli } from './cli.js'
import {
  count,
  formatAgo,
  formatBar,
  formatClock,
  formatFields,
  formatJson,
  formatMoment,
  formatTime,
  formatTook,
  indented,
  plain,
} from './format.js'
import { paintState, type Style } from './style.js'

type Reader = Pick<Cli, 'cwd' | 'now'>

export function describeJob(style: Style, job: JobView, reader: Reader): string {
  const now = reader.now()
  const waits = job.state === 'scheduled' || job.state === 'queued'
  const head = `${style.bold(job.worker)}  ${job.id}  ${paintState(style, job.state)}`
  const fields = formatFields(style, [
    ['worker', job.workerKnown ? undefined : style.yellow('not deployed now; the job waits until it is back')],
    ['paused', job.paused && style.yellow(describePause(job.paused, now))],
    ['attempts', `${job.attempt} of ${job.maxAttempts}`],
    ['snoozed', job.snoozes === undefined ? undefined : count(job.snoozes, 'time')],
    ['priority', job.priority === 0 ? undefined : String(job.priority)],
    ['key', job.key === undefined ? undefined : plain(job.key)],
    ['schedule', job.scheduleId],
    ['parent', job.parent],
    ['group', job.groupId],
    ['callback of', job.callbackOfGroupId && `group ${job.callbackOfGroupId}`],
    ['replay of', job.replayOf],
    ['deployment', job.deployment === undefined ? undefined : `${job.deployment}${job.pinned ? ', pinned' : ''}`],
    ['created', formatMoment(job.createdAt, now)],
    ['runs', waits ? formatMoment(job.runAt, now) : undefined],
    ['finished', job.finishedAt === undefined ? undefined : formatMoment(job.finishedAt, now)],
    ['progress', job.progress && describeProgress(job.progress)],
    ['args', job.argsHidden ? hidden(style, job.argsProblem) : plain(formatJson(job.args, argsIndent))],
  ])
  const receipts = job.receipts.map((receipt) => describeReceipt(style, receipt, reader))
  const running = job.log ? [['  log so far', ...logLines(style, job)].join('\n')] : []
  return [head, '', fields, ...[...receipts, ...running].flatMap((part) => ['', part])].join('\n')
}

/** A sentence for each reason, with times as the reader's clock shows them. */
export function describeWhy(style: Style, { id, worker, state, reasons }: WhyView, now: Date): string {
  const head = `${style.bold(worker)}  ${id}  ${paintState(style, state)}`
  const sentences = reasons.map((reason) => plain(reasonMessage(reason, (time) => formatMoment(time, now))))
  return [head, '', ...sentences.map((sentence) => `  ${sentence}`)].join('\n')
}

/** `its worker is paused by ada 4s ago: the relay is down`. */
export const describePause = (pause: PauseView, now: Date): string =>
  `${pausedThing[pause.scope]} is paused ${pausedBy(pause, now)}`

const pausedThing = { all: 'everything', worker: 'its worker', key: 'its key' } as const

export const pausedBy = ({ by, at, reason }: PauseView, now: Date): string =>
  `by ${plain(by)} ${formatAgo(at, now)}${reason === undefined ? '' : `: ${plain(reason)}`}`

/** Why it is, the coordinator does not say: this API key may not see it, or it is not known what to redact. */
const hidden = (style: Style, problem?: string): string =>
  style.dim(problem === undefined ? 'hidden' : `cannot be shown: ${plain(problem)}`)

/** Two spaces, the longest name of a field, two spaces. */
const argsIndent = 12

export function describeReceipt(style: Style, receipt: ReceiptView, reader: Reader): string {
  const { attempt, status, late, result, resultHidden, resultProblem, error, progress, startedAt, finishedAt } = receipt
  const paint = status === 'success' ? style.green : style.red
  const took = style.dim(`${formatTime(startedAt)}, took ${formatTook(startedAt, finishedAt)}`)
  const head = `  ${paint(status === 'success' ? '✔' : '✖')} attempt ${attempt}  ${paint(status)}${late ? ', after it was cancelled' : ''}  ${took}`
  const lines = [
    ...(result === undefined ? [] : [`result ${plain(formatJson(result, 4))}`]),
    ...(resultHidden ? [`result ${hidden(style, resultProblem)}`] : []),
    ...(error === undefined ? [] : [describeError(style, error, reader.cwd)]),
    ...(progress === undefined ? [] : [`progress ${describeProgress(progress)}`]),
  ]
  return [head, ...lines.map((line) => indented(line, 4)), ...logLines(style, receipt)].join('\n')
}

const describeProgress = ({ fraction, note }: ProgressView): string =>
  `${formatBar(fraction)}${note === undefined ? '' : ` ${plain(note)}`}`

/** A line of text for each line of a log, under what it belongs to. */
function logLines(style: Style, { log = [], logDropped = 0 }: AttemptProgressView): string[] {
  const dropped = logDropped === 0 ? [] : [style.dim(`(${count(logDropped, 'older line')} dropped)`)]
  const lines = log.map(({ at, message, fields }) => {
    const rest = fields === undefined ? '' : ` ${style.dim(plain(JSON.stringify(fields)))}`
    return `${style.dim(formatClock(at))} ${plain(message)}${rest}`
  })
  return [...dropped, ...lines].map((line) => indented(line, 4))
}

/** Name, code and message, then where it came from, then its causes. */
function describeError(style: Style, error: ReceiptError, cwd: string): string {
  const code = error.code === undefined ? '' : ` ${style.dim(`[${plain(error.code)}]`)}`
  const head = `${style.red(plain(error.name))}${code}: ${plain(error.message)}`
  const cause = error.cause === undefined ? [] : [`caused by ${describeError(style, error.cause, cwd)}`]
  return [head, ...stackLines(error, cwd).map((line) => style.dim(indented(line, 2))), ...cause].join('\n')
}

/**
 * The frames of the job's own code, in paths that an editor opens. Node's own frames and ours say nothing about the
 * job.
 */
function stackLines({ stack }: ReceiptError, cwd: string): string[] {
  return plain(stack ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at ') && !isForeign(line))
    .map((line) => line.replaceAll('file://', '').replaceAll(`${cwd}/`, ''))
}

const isForeign = (frame: string): boolean =>
  /\(?node:/.test(frame) || frame.includes('/node_modules/errand/') || frame.includes(`${ownFolder}runtime/`)

/** Where this copy of Errand lies; jobs that run on this machine have its sources in their stacks. */
const ownFolder = fileURLToPath(new URL('../../', import.meta.url))
